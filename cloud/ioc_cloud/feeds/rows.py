"""The row model that a table's contract makes: from cells as they came to typed values.

What can be read without doubt is read and noted as untidy (a number written as text, a stray
space, a tone mark elsewhere); what cannot is refused with its reason.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, create_model
from pydantic_core import PydanticCustomError

from ioc_cloud.feeds.files import dates, numbers, text
from ioc_models.feeds import Cadence, FieldSpec, NotAPeriod, Period, TableSpec, periods
from ioc_models.feeds.contract import AREA, PERIOD, FieldType
from ioc_models.feeds.periods import LOCAL

# Whole numbers up to here are exact in a double.
EXACT: Final = 2**53
BLANK: Final = frozenset(
    {"", "-", "\u2013", "\u2014", "...", "…", "n/a", "N/A", "#N/A", "null", "NULL"}
)


@dataclass(frozen=True, slots=True)
class Untidy:
    """A cell that was read, though not as it should stand."""

    field: str
    rule: str
    value: str
    vi: str
    en: str


def refusal(
    rule: str, vi: str, en: str, dimension: Literal["correct", "clean"] = "correct"
) -> PydanticCustomError:
    """A cell that is refused; `dimension` says which score it lowers."""
    return PydanticCustomError("refused", en, {"rule": rule, "vi": vi, "dimension": dimension})


def is_blank(raw: object) -> bool:
    """Whether a cell says nothing; a dash is how people write nothing."""
    return raw is None or (isinstance(raw, str) and raw.strip() in BLANK)


@lru_cache(maxsize=256)
def row_model(table: TableSpec) -> type[BaseModel]:
    """The pydantic model of one row; its JSON Schema is what senders are told.

    Every field may be absent: a missing cell lowers `đủ`, it does not refuse the row. Area,
    period and the key's fields may not.
    """
    known: dict[str, Any] = {
        AREA: (
            Annotated[str, BeforeValidator(_area), Field(description="Mã xã, phường / area")],
            ...,
        ),
        PERIOD: (
            Annotated[str, Field(description=f"ISO 8601, {table.grid.period.value}")],
            ...,
        ),
    }
    for spec in table.fields:
        known[spec.code] = _typed(spec, needed=spec.code in table.key_fields)
    return create_model(
        f"{table.id.title().replace('_', '')}Row",
        __config__=ConfigDict(extra="ignore", arbitrary_types_allowed=True),
        **known,
    )


@lru_cache(maxsize=256)
def cells_model(table: TableSpec) -> type[BaseModel]:
    """The same without area and period, which are read apart."""
    known: dict[str, Any] = {
        spec.code: _typed(spec, needed=spec.code in table.key_fields) for spec in table.fields
    }
    config = ConfigDict(extra="ignore", arbitrary_types_allowed=True)
    return create_model(f"{table.id}_cells", __config__=config, **known)


_NOT_PLAIN: Final = object()


@dataclass(frozen=True, slots=True)
class Plain:
    """Reads the cells of a row that came as it should: typed, within bounds, in the code list.

    Whatever is not so is left to the model, which also says what is wrong. Most rows are plain,
    and this way costs a fifth; a test holds it to what the model says.
    """

    _fields: tuple[tuple[str, bool, Callable[[Any], Any]], ...]

    @classmethod
    @lru_cache(maxsize=256)
    def of(cls, table: TableSpec) -> "Plain":
        """The reader of a table's rows."""
        return cls(
            tuple(
                (spec.code, spec.code in table.key_fields, _plainly(spec)) for spec in table.fields
            )
        )

    def cells(self, raw: Mapping[str, Any]) -> dict[str, Any] | None:
        """Typed cells; None where the row needs a closer look."""
        found: dict[str, Any] = {}
        for code, needed, read in self._fields:
            value = raw.get(code)
            if value is not None:
                value = read(value)
                if value is _NOT_PLAIN:
                    return None
            elif needed:
                return None
            found[code] = value
        return found


def _plainly(spec: FieldSpec) -> Callable[[Any], Any]:
    """A cell's value, or `_NOT_PLAIN`."""
    match spec.type:
        case FieldType.INTEGER:
            return _plain_integer(spec)
        case FieldType.NUMBER:
            return _plain_number(spec)
        case FieldType.CODE:
            codes = frozenset(choice.code for choice in spec.choices)
            return lambda value: value if type(value) is str and value in codes else _NOT_PLAIN
        case FieldType.FLAG:
            return lambda value: value if type(value) is bool else _NOT_PLAIN
    return lambda _value: _NOT_PLAIN


def _plain_integer(spec: FieldSpec) -> Callable[[Any], Any]:
    low = -EXACT if spec.min is None else spec.min
    high = EXACT if spec.max is None else spec.max

    def read(value: Any) -> Any:  # noqa: ANN401
        return value if type(value) is int and low <= value <= high else _NOT_PLAIN

    return read


def _plain_number(spec: FieldSpec) -> Callable[[Any], Any]:
    low = -EXACT if spec.min is None else spec.min
    high = EXACT if spec.max is None else spec.max

    def read(value: Any) -> Any:  # noqa: ANN401
        # No bound holds for what is no number.
        if type(value) is float and low <= value <= high:
            return value
        if type(value) is int and low <= value <= high:
            return float(value)
        return _NOT_PLAIN

    return read


def _typed(spec: FieldSpec, *, needed: bool) -> tuple[Any, Any]:
    python: Any = _PYTHON[spec.type]
    # Bounds belong to the value, inside: a cell that says nothing has none to keep.
    kind: Any = Annotated[python, Field(**_bounds(spec))]
    unit = f" ({spec.unit})" if spec.unit else ""
    said: dict[str, Any] = {"description": f"{spec.title.vi} / {spec.title.en}{unit}"}
    if spec.choices:
        said["json_schema_extra"] = {"enum": [choice.code for choice in spec.choices]}
    reader = BeforeValidator(_reader(spec))
    if needed:
        return Annotated[kind, reader, Field(**said)], ...
    return Annotated[kind | None, reader, Field(**said)], None


def _bounds(spec: FieldSpec) -> dict[str, Any]:
    """In the field's own type: pydantic then compares natively."""
    whole = spec.type is FieldType.INTEGER
    bounds: dict[str, Any] = {}
    if spec.min is not None:
        bounds["ge"] = math.ceil(spec.min) if whole else spec.min
    if spec.max is not None:
        bounds["le"] = math.floor(spec.max) if whole else spec.max
    return bounds


_PYTHON: Final[Mapping[FieldType, Any]] = {
    FieldType.INTEGER: int,
    FieldType.NUMBER: float,
    FieldType.TEXT: str,
    FieldType.CODE: str,
    FieldType.DATE: date,
    FieldType.MOMENT: datetime,
    FieldType.FLAG: bool,
}


def _reader(spec: FieldSpec) -> Callable[[Any, ValidationInfo], Any]:
    read = _READERS[spec.type]
    integer = spec.type is FieldType.INTEGER

    def cell(raw: Any, info: ValidationInfo) -> Any:  # noqa: ANN401
        # What comes typed from a system needs no reading: the usual case, and the quick one.
        if type(raw) is int and spec.type.is_number:
            return raw
        if type(raw) is float and not integer and math.isfinite(raw) and spec.type.is_number:
            return raw
        if is_blank(raw):
            return None
        return read(spec, raw, _Notes(spec.code, info.context))

    return cell


@dataclass(slots=True)
class _Notes:
    """Where a reader says what it had to mend."""

    field: str
    kept: list[Untidy] | None

    def add(self, rule: str, value: object, vi: str, en: str) -> None:
        if self.kept is not None:
            self.kept.append(Untidy(self.field, rule, str(value)[:200], vi, en))


def _number(spec: FieldSpec, raw: object, notes: _Notes) -> float:
    if isinstance(raw, bool) or not isinstance(raw, (int, float, Decimal, str)):
        raise refusal("type", f"không phải số: {raw!r}", f"is no number: {raw!r}")
    found = numbers.number(raw, unit=spec.unit, integer=spec.type is FieldType.INTEGER)
    # `1e999` reads well and is no number that can be stored.
    if found.value is None or not math.isfinite(float(found.value)):
        raise refusal("type", f"không phải số: {raw!r}", f"is no number: {raw!r}")
    for one in found.findings:
        notes.add(one.rule, raw, one.vi, one.en)
    return float(found.value)


def _integer(spec: FieldSpec, raw: object, notes: _Notes) -> int:
    value = _number(spec, raw, notes)
    if value != int(value):
        raise refusal("type", f"phải là số nguyên: {raw!r}", f"must be a whole number: {raw!r}")
    return int(value)


def _text(spec: FieldSpec, raw: object, notes: _Notes) -> str:
    found = text.cleaned(str(raw))
    for one in found.changes:
        notes.add(one.rule, raw, one.vi, one.en)
    if len(found.value) > spec.longest:
        raise refusal(
            "length", f"dài quá {spec.longest} ký tự", f"is longer than {spec.longest} characters"
        )
    if spec.pattern and re.fullmatch(spec.pattern, found.value) is None:
        like = f", ví dụ {spec.example}" if spec.example else ""
        raise refusal(
            "pattern",
            f"không đúng mẫu {spec.pattern}{like}: {found.value!r}",
            f"does not match {spec.pattern}: {found.value!r}",
        )
    return found.value


def _code(spec: FieldSpec, raw: object, notes: _Notes) -> str:
    said = text.cleaned(str(int(raw) if isinstance(raw, float) and raw.is_integer() else raw)).value
    for choice in spec.choices:
        if said == choice.code:
            return choice.code
    wanted = text.folded(said)
    for choice in spec.choices:
        if wanted in {text.folded(choice.code), text.folded(choice.title.vi)}:
            notes.add("spelling", raw, f"viết khác mã {choice.code}", f"is not spelt {choice.code}")
            return choice.code
    known = ", ".join(choice.code for choice in spec.choices[:12])
    raise refusal(
        "choice",
        f"không có trong danh mục: {said!r} (có: {known})",
        f"is not in the code list: {said!r} (known: {known})",
        "clean",
    )


def _date(_spec: FieldSpec, raw: object, notes: _Notes) -> date:
    found = dates.date(raw)
    if found.value is None:
        raise refusal("type", f"không phải ngày dd/mm/yyyy: {raw!r}", f"is no date: {raw!r}")
    for one in found.findings:
        notes.add(one.rule, raw, one.vi, one.en)
    return found.value


def _moment(_spec: FieldSpec, raw: object, notes: _Notes) -> datetime:
    found = dates.moment(raw)
    if found.value is None:
        raise refusal("type", f"không phải thời điểm: {raw!r}", f"is no moment: {raw!r}")
    for one in found.findings:
        notes.add(one.rule, raw, one.vi, one.en)
    return found.value


def _flag(_spec: FieldSpec, raw: object, notes: _Notes) -> bool:
    if isinstance(raw, bool):
        return raw
    said = text.folded(str(raw))
    if said in {"1", "1.0", "true", "x", "co", "yes"}:
        found = True
    elif said in {"0", "0.0", "false", "khong", "no"}:
        found = False
    else:
        raise refusal("type", f"phải là có hoặc không: {raw!r}", f"must be yes or no: {raw!r}")
    if not isinstance(raw, (int, float)):
        notes.add("spelling", raw, "viết khác có/không", "is not spelt true or false")
    return found


_READERS: Final[Mapping[FieldType, Callable[[FieldSpec, Any, _Notes], Any]]] = {
    FieldType.INTEGER: _integer,
    FieldType.NUMBER: _number,
    FieldType.TEXT: _text,
    FieldType.CODE: _code,
    FieldType.DATE: _date,
    FieldType.MOMENT: _moment,
    FieldType.FLAG: _flag,
}


def _area(raw: Any) -> Any:  # noqa: ANN401
    # A sheet turns codes into numbers; none of ours begins with a zero.
    return str(int(raw)) if isinstance(raw, (int, float)) and float(raw).is_integer() else raw


def period_of(raw: object, cadence: Cadence) -> tuple[Period, bool]:
    """The period that a cell names, and whether it is written as contracts ask.

    Also takes what people write: `24/11/2026`, `11/2026`, `Q4/2026`, `Quý 4/2026`, `Tuần 48/2026`,
    a sheet's own date.

    Raises:
        NotAPeriod: It names none of this length.
    """
    if isinstance(raw, datetime):
        moment = raw if raw.tzinfo else raw.replace(tzinfo=LOCAL)
        return periods.containing(moment, cadence), cadence.is_short
    if isinstance(raw, date):
        return periods.containing(raw, cadence), cadence is Cadence.DAY
    if isinstance(raw, float) and raw.is_integer():
        raw = int(raw)
    said = str(raw).strip()
    try:
        return periods.parse(said, cadence), said == raw
    except NotAPeriod:
        return periods.parse(_rewritten(said, cadence), cadence), False


def _rewritten(said: str, cadence: Cadence) -> str:
    """What people write, as ISO 8601 has it; what cannot be made of it stays as it was."""
    if cadence.is_short:
        return _moment_period(said, cadence)
    parts = text.folded(said).replace("-", "/").replace(" ", "/").split("/")
    parts = [part for part in parts if part]
    shape = _ISO.get((cadence, min(len(parts), 3)))
    if shape is None:
        return said
    width = 1 if cadence is Cadence.QUARTER else 2
    said_parts = [part.lstrip("tqw").zfill(width) for part in parts[-_PARTS[cadence] :]]
    return shape.format(*reversed(said_parts))


# By how many parts people write at least: `24/11/2026`, `11/2026`, `thang 11/2026`, `nam 2026`.
_PARTS: Final = {
    Cadence.DAY: 3,
    Cadence.MONTH: 2,
    Cadence.QUARTER: 2,
    Cadence.WEEK: 2,
    Cadence.YEAR: 1,
}
_ISO: Final = {
    (Cadence.DAY, 3): "{}-{}-{}",
    (Cadence.MONTH, 2): "{}-{}",
    (Cadence.MONTH, 3): "{}-{}",
    (Cadence.QUARTER, 2): "{}-Q{}",
    (Cadence.QUARTER, 3): "{}-Q{}",
    (Cadence.WEEK, 2): "{}-W{}",
    (Cadence.WEEK, 3): "{}-W{}",
    (Cadence.YEAR, 2): "{}",
}


def _moment_period(said: str, cadence: Cadence) -> str:
    try:
        moment = datetime.fromisoformat(said)
    except ValueError:
        return said
    local = moment if moment.tzinfo else moment.replace(tzinfo=LOCAL)
    return str(periods.containing(local, cadence))
