"""Where a feed's rows come from when nobody hands them in: a system that we ask, our own events."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from ioc_models.feeds.part import Name, Part


class Column(Part):
    """Where a field is found in another system's record.

    Attributes:
        path: JMESPath for JSON, the column's heading for CSV, a path of elements for XML.
        scale: What the source's number is multiplied by, where it counts in another unit.
        codes: Our codes by the source's; a code that is not here stands for itself.
        time_format: strptime's words for a source's own way to write times.
    """

    path: Annotated[str, StringConstraints(min_length=1, max_length=300)]
    scale: float | None = None
    codes: Mapping[str, str] = Field(default_factory=dict)
    time_format: str = ""


class RowsFrom(Part):
    """How a source's answer becomes rows of one table.

    Attributes:
        columns: By our field; `period` must be there, and `area` unless it is the province.
        controls: Where totals stand, by our field; scaled as its column is.
    """

    table: Name
    rows: str = Field(default="@", description="path of the records in the answer")
    columns: Mapping[str, Column]
    controls: Mapping[str, str] = Field(default_factory=dict)


class Paging(Part):
    """How a source hands out more than one page."""

    style: Literal["none", "page", "offset", "cursor", "link"] = "none"
    parameter: str = "page"
    size_parameter: str = "size"
    size: int = Field(default=200, ge=1, le=10_000)
    cursor_path: str = ""
    first: int = 1


class SignIn(Part):
    """How a source knows us; secrets stand in files of the installation, named here.

    Attributes:
        style: `gateway`: fixed headers alone, as LGSP's gateways want them.
        headers: Sent along with any style; `{secret}` stands for the secret.
        secret: Name of the installation's secret.
    """

    style: Literal["none", "basic", "bearer", "oauth2", "gateway"] = "none"
    token_url: str = ""
    client_id: str = ""
    scope: str = ""
    headers: Mapping[str, str] = Field(default_factory=dict)
    secret: str = ""


class Pull(Part):
    """A source that we ask.

    Attributes:
        url: Absolute, or a path below the installation's `IOC_SOURCES_URL`; it alone tells a real
            source from a simulated one.
        query: `{day}`, `{since}`, `{period}` are put in.
        every: How often we ask.
    """

    url: str
    format: Literal["json", "csv", "xml"] = "json"
    sign_in: SignIn = SignIn()
    query: Mapping[str, str] = Field(default_factory=dict)
    paging: Paging = Paging()
    cursor: str = ""
    every: timedelta = timedelta(hours=1)
    timeout: timedelta = timedelta(seconds=30)
    tables: tuple[RowsFrom, ...] = Field(min_length=1)


class Events(Part):
    """Rows that our own event tables give: nobody delivers them, the system counts them.

    Attributes:
        query: Name of a query of the product, which fixes its columns.
        quantities: For `stations`: what stations call each of our fields; a station that measures
            none of them has no row.
    """

    query: Literal["traffic", "stations"]
    table: Name
    every: timedelta = timedelta(minutes=5)
    quantities: Mapping[str, str] = Field(default_factory=dict)
