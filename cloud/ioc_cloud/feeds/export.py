"""Any table of a feed, or its figures, to take away.

What may not be shown is left out here: fields that speak of persons always, small groups and
what is restricted for everybody but those who may see a feed in full. Every row says when it was
true, when it came, from whom, how, in which version, and how good its feed is.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from typing import Any, Final

from psycopg.types.json import Jsonb

from ioc_cloud.db import feeds_export_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds import export_forms as forms
from ioc_cloud.feeds.catalogue import PROVINCE_DIGITS, Catalogue
from ioc_cloud.feeds.errors import NoSuchFeed, TooMuchToExport
from ioc_cloud.feeds.export_forms import Column, Form, Kind, Shape, Sheet
from ioc_models.feeds import Contract, FieldSpec, Indicator, TableSpec, periods
from ioc_models.feeds.contract import AREA, PERIOD, Classification, FieldType
from ioc_models.things.ids import PROVINCE_CODE

# More rows than this nobody reads; a series of daily figures of every commune takes 40 years.
MOST_ROWS: Final = 1_000_000
# A feature carries its outline each time: 6 kB a row.
MOST_DRAWN: Final = 50_000
CURSOR_ROWS: Final = 5_000

Full = Callable[[Contract], bool]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows.

    Attributes:
        since: Periods that begin then or later.
        until: Periods that begin before.
        areas: None for all.
        equal: Values that fields must have.
    """

    since: datetime | None = None
    until: datetime | None = None
    areas: Sequence[str] | None = None
    equal: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Export:
    """A file to be; `chunks` reads the database, whose connection must stay until they end."""

    name: str
    media_type: str
    chunks: Iterator[bytes]

    def whole(self) -> bytes:
        """All of it at once."""
        return b"".join(self.chunks)


def everything(_feed: Contract) -> bool:
    """The right of the machine's owner."""
    return True


def nothing_more(_feed: Contract) -> bool:
    """The right of somebody who may see figures, and no more."""
    return False


@dataclass(frozen=True, slots=True)
class How:
    """In which form, and for whom.

    Attributes:
        form: `geojson` always has geometry; `parquet` where `geometry` asks for it.
        full: Whether the reader may see a feed without covers.
        bom: For a CSV that Excel opens by itself.
        geometry: For Parquet: as GeoParquet.
    """

    form: Form = "csv"
    full: Full = nothing_more
    bom: bool = False
    geometry: bool = False


_ALL: Final = Wanted()
_PLAIN: Final = How()
_COMMON: Final = (
    Column("version", "integer", "Phiên bản / version"),
    Column("as_of", "moment", "Đúng vào lúc / true as of"),
    Column("received_at", "moment", "Nhận lúc / received"),
    Column("source", "text", "Nguồn / source"),
    Column("provenance", "text", "Cách có / provenance"),
    Column("quality", "number", "Điểm chất lượng của nguồn, 0 đến 100 / the feed's grade"),
    Column("quality_day", "date", "Ngày chấm điểm / day of the grade"),
    Column("batch", "integer", "Lần nộp / delivery"),
    Column("suppressed", "text", "Trường không hiển thị vì nhóm nhỏ / hidden: a small group"),
)
_KINDS: Final[Mapping[FieldType, Kind]] = {
    FieldType.INTEGER: "integer",
    FieldType.NUMBER: "number",
    FieldType.TEXT: "text",
    FieldType.CODE: "text",
    FieldType.DATE: "date",
    FieldType.MOMENT: "moment",
    FieldType.FLAG: "flag",
}


def table(
    connection: Connection,
    catalogue: Catalogue,
    feed: Contract,
    spec: TableSpec,
    wanted: Wanted = _ALL,
    how: How = _PLAIN,
) -> Export:
    """Rows of a table that count.

    Args:
        connection: Stays open until the chunks are used up.
        catalogue: Knows the areas.
        feed: The contract.
        spec: Its table.
        wanted: Which rows.
        how: In which form, for whom.

    Raises:
        NoSuchFeed: The feed is restricted and the reader may not see it, or a field is not there.
    """
    full = how.full(feed)
    if feed.classification is Classification.RESTRICTED and not full:
        raise NoSuchFeed(feed.id, [])
    shown = shown_fields(feed, spec, full=full)
    for name in wanted.equal:
        if name not in {one.code for one in shown}:
            raise NoSuchFeed(f"{feed.id}/{spec.id}/{name}", [one.code for one in shown])
    head = (
        Column(AREA, "text", "Mã xã, phường / area"),
        Column("area_name", "text", "Tên / name"),
        Column(PERIOD, "text", "Kỳ / period"),
        Column("period_start", "moment", "Đầu kỳ / its start"),
        Column("period_end", "moment", "Hết kỳ / its end"),
    )
    own = tuple(Column(one.code, _KINDS[one.type], _title(one)) for one in shown)
    asked = _asked(wanted, how) | {
        "feed": feed.id,
        "table": spec.id,
        "equal": Jsonb(dict(wanted.equal)),
    }
    rows = _Rows(catalogue, feed, spec, shown, _Small.of(feed, spec, full=full))
    sheet = Sheet(
        (*head, *own, *_COMMON),
        _graded(connection, sql.ROWS, asked, rows.row),
        {
            "title": f"{feed.title.vi}: {spec.title.vi} / {feed.title.en}: {spec.title.en}",
            "feed": f"{feed.id}/{spec.id}, version {feed.version}",
            **_about(feed),
        },
        0,
        partial(shapes, connection),
    )
    return _export(f"{feed.id}-{spec.id}", sheet, how)


def figures(
    connection: Connection,
    catalogue: Catalogue,
    codes: Sequence[str],
    wanted: Wanted = _ALL,
    how: How = _PLAIN,
) -> Export:
    """Figures of some indicators; arguments as `table`.

    Raises:
        NoSuchFeed: An indicator does not exist, or is not for the reader.
    """
    for code in codes:
        feed, one = catalogue.indicator(code)
        hidden = one.restricted or feed.classification is Classification.RESTRICTED
        if hidden and not how.full(feed):
            raise NoSuchFeed(code, [])
    columns = (
        Column(AREA, "text", "Mã xã, phường / area"),
        Column("area_name", "text", "Tên / name"),
        Column("indicator", "text", "Chỉ tiêu / indicator"),
        Column("title_vi", "text", "Tên chỉ tiêu"),
        Column("title_en", "text", "Title"),
        Column("unit", "text", "Đơn vị / unit"),
        Column("feed", "text", "Nguồn dữ liệu / feed"),
        Column(PERIOD, "text", "Kỳ / period"),
        Column("period_start", "moment", "Đầu kỳ / its start"),
        Column("period_end", "moment", "Hết kỳ / its end"),
        Column("value", "number", "Giá trị / value"),
        Column("numerator", "number", "Tử số / numerator"),
        Column("denominator", "number", "Mẫu số / denominator"),
        Column("covered", "integer", "Số nơi đã có / areas behind it"),
        Column("expected", "integer", "Số nơi phải có / areas that should be"),
    )
    asked = _asked(wanted, how) | {"indicators": list(codes)}
    sheet = Sheet(
        (*columns, *_COMMON),
        _graded(connection, sql.FIGURES, asked, partial(_figure, catalogue, how.full)),
        {"title": "Chỉ tiêu / Indicators", "indicators": ", ".join(codes)},
        0,
        partial(shapes, connection),
    )
    return _export("figures", sheet, how)


def _asked(wanted: Wanted, how: How) -> dict[str, Any]:
    most = MOST_DRAWN if how.form == "geojson" or how.geometry else MOST_ROWS
    return {
        "since": wanted.since,
        "until": wanted.until,
        "areas": list(wanted.areas) if wanted.areas is not None else None,
        # One more than there may be, so that what is too much is refused and never cut off.
        "most": most + 1,
    }


def _export(name: str, sheet: Sheet, how: How) -> Export:
    writers: dict[Form, Callable[[Sheet], Iterator[bytes]]] = {
        "csv": partial(forms.as_csv, bom=how.bom),
        "xlsx": forms.as_xlsx,
        "geojson": forms.as_geojson,
        "parquet": forms.as_geoparquet if how.geometry else forms.as_parquet,
    }
    chunks = writers[how.form](sheet)
    return Export(f"{name}.{how.form}", forms.MEDIA[how.form], chunks)


def shown_fields(feed: Contract, spec: TableSpec, *, full: bool) -> tuple[FieldSpec, ...]:
    """The fields that leave their table: never those of persons.

    A reader who may not see all gets none that serves restricted indicators alone.
    """
    restricted, others = set[str](), set[str]()
    for one in feed.indicators:
        if one.table == spec.id:
            (restricted if one.restricted else others).update(_names(spec, one))
    covered = set() if full else restricted - others - set(spec.key_fields)
    return tuple(one for one in spec.fields if not one.pii and one.code not in covered)


def _names(spec: TableSpec, one: Indicator) -> set[str]:
    made_of = (one.value, one.numerator, one.denominator)
    return {
        name
        for text in made_of
        if text is not None
        for name in spec.expression(text).fields
        if name in spec.codes
    }


@dataclass(frozen=True, slots=True)
class _Small:
    """Which counts of people are too few to hide in.

    Attributes:
        below: A count from 1 up to, and not with, this one is hidden; 0 hides none.
    """

    fields: frozenset[str]
    below: int

    @classmethod
    def of(cls, feed: Contract, spec: TableSpec, *, full: bool) -> "_Small":
        counted = set[str]()
        for one in feed.indicators:
            if one.table == spec.id and one.persons:
                for text in (one.value, one.numerator):
                    if text is not None:
                        counted |= spec.expression(text).fields & spec.codes
        return cls(frozenset(counted), 0 if full else feed.k_min)

    def hides(self, area: str, code: str, value: object) -> bool:
        """Whether a cell is not shown."""
        return (
            code in self.fields
            and len(area) > PROVINCE_DIGITS
            and isinstance(value, (int, float))
            and 0 < value < self.below
        )


Grade = tuple[float | None, date | None]
Grades = Mapping[str, Grade]


def _graded(
    connection: Connection,
    query: str,
    asked: Mapping[str, Any],
    made: Callable[[tuple[Any, ...], Grades], tuple[Any, ...]],
) -> Iterator[tuple[Any, ...]]:
    """Rows off a cursor on the server, so that a million need no memory here."""
    with connection.transaction():
        grades = {feed: (grade, day) for feed, grade, day in connection.execute(sql.GRADES)}
        with connection.cursor("feed_export") as cursor:
            cursor.itersize = CURSOR_ROWS
            cursor.execute(query, asked)
            for number, raw in enumerate(cursor, 1):
                if number == asked["most"]:
                    raise TooMuchToExport(asked["most"] - 1)
                yield made(raw, grades)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Makes stored rows into exported ones."""

    catalogue: Catalogue
    feed: Contract
    spec: TableSpec
    shown: Sequence[FieldSpec]
    small: _Small

    def row(self, raw: tuple[Any, ...], grades: Grades) -> tuple[Any, ...]:
        start, period, area, _, cells, version, as_of, received_at, provenance, batch = raw
        hidden = [
            one.code for one in self.shown if self.small.hides(area, one.code, cells.get(one.code))
        ]
        values = (
            None if one.code in hidden else _typed(one, cells.get(one.code)) for one in self.shown
        )
        end = periods.containing(start, self.spec.grid.period).end
        return (
            area, _area_name(self.catalogue, area), period, start, end, *values, version, as_of,
            received_at, self.feed.unit.vi, provenance, *grades.get(self.feed.id, (None, None)),
            batch, " ".join(hidden),
        )  # fmt: skip


def _typed(spec: FieldSpec, value: Any) -> Any:  # noqa: ANN401 JSON to what its type holds
    """A stored cell; one that an earlier contract typed otherwise is left out."""
    wanted, made = _STORED[spec.type]
    # JSON's true is no number, though Python's is.
    if not isinstance(value, wanted) or isinstance(value, bool) is not (wanted is bool):
        return None
    try:
        return made(value)
    except ValueError:
        return None


_STORED: Final[Mapping[FieldType, tuple[type | tuple[type, ...], Callable[[Any], Any]]]] = {
    FieldType.INTEGER: ((int, float), int),
    FieldType.NUMBER: ((int, float), float),
    FieldType.TEXT: (str, str),
    FieldType.CODE: (str, str),
    FieldType.DATE: (str, date.fromisoformat),
    FieldType.MOMENT: (str, datetime.fromisoformat),
    FieldType.FLAG: (bool, bool),
}


def _figure(
    catalogue: Catalogue, full: Full, raw: tuple[Any, ...], grades: Grades
) -> tuple[Any, ...]:
    (
        code, area, period, start, end, value, above, below, covered, expected, version, as_of,
        received_at, provenance, batch,
    ) = raw  # fmt: skip
    feed, one = catalogue.indicator(code)
    count = above if one.is_ratio else value
    small = _Small(frozenset({code} if one.persons else ()), 0 if full(feed) else feed.k_min)
    hidden = small.hides(area, code, count)
    shown = (None, None, None) if hidden else (value, above, below)
    return (
        area, _area_name(catalogue, area), code, one.title.vi, one.title.en, one.unit, feed.id,
        period, start, end, *shown, covered, expected, version, as_of, received_at, feed.unit.vi,
        provenance, *grades.get(feed.id, (None, None)), batch, "value" if hidden else "",
    )  # fmt: skip


def _area_name(catalogue: Catalogue, area: str) -> str:
    return catalogue.areas[area].name_vi if area in catalogue.areas else ""


def _title(spec: FieldSpec) -> str:
    unit = f" ({spec.unit})" if spec.unit else ""
    return f"{spec.title.vi} / {spec.title.en}{unit}"


def _about(feed: Contract) -> dict[str, str]:
    small = f"1 .. {feed.k_min - 1}" if feed.k_min > 1 else "-"
    return {
        "unit": f"{feed.unit.vi} / {feed.unit.en}",
        "classification": feed.classification.value,
        "small groups hidden": small,
        "times": "UTC+07:00",
    }


def shapes(connection: Connection) -> dict[str, Shape]:
    """Outlines by area; of communes that are known by a cell alone, the centre."""
    return {
        code: Shape(geojson, approximate)
        for code, approximate, geojson in connection.execute(
            sql.GEOMETRIES, {"province": PROVINCE_CODE}
        )
    }
