"""What every piece of a contract is made of: names, words, the columns of every table."""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, StringConstraints

from ioc_models.feeds import expressions

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=40)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$", max_length=40)]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2,6}(\.[A-Z0-9_]{2,24})$")]
Line = Annotated[str, StringConstraints(min_length=1, max_length=300, strip_whitespace=True)]
Expr = Annotated[str, StringConstraints(min_length=1, max_length=expressions.LONGEST)]

# Columns that every table has; a field may not take their names.
AREA: Final = "area"
PERIOD: Final = "period"
# What rules may name beside fields: which period of its year a row is of, from 1.
PERIOD_NO: Final = "period_no"
RESERVED: Final = frozenset(
    {AREA, PERIOD, PERIOD_NO, expressions.PREVIOUS, "area_name", "version", "batch", "row", "as_of"}
)


class Part(BaseModel):
    """A piece of a contract: nothing unknown in it, never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Words(Part):
    """The same in Vietnamese and English."""

    vi: Line
    en: Line
