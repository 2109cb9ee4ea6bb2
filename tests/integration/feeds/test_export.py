"""What leaves the house: whole, safe to open, without what is nobody's business."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from typing import Any

import geopandas
import pyarrow.parquet as pq
import pytest
from openpyxl import load_workbook
from tests.support.feed_parts import AREAS, FEED, NOW, catalogue_with, delivered, row

from ioc_cloud.db.pool import Connection
from ioc_cloud.errors import CloudError
from ioc_cloud.feeds import export
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.errors import NoSuchFeed, TooMuchToExport
from ioc_cloud.feeds.export import Export, How, Wanted
from ioc_models.feeds import Contract

EVERYTHING = How(full=export.everything)
PROVENANCE = {
    "as_of", "received_at", "source", "provenance", "version", "quality", "quality_day", "batch",
}  # fmt: skip


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return catalogue_with(tmp_path_factory.mktemp("contracts"))


def given(owner: Connection, catalogue: Catalogue) -> None:
    delivered(
        owner,
        catalogue,
        [
            row(patients=3, contact="Nguyễn Văn An", note="=HYPERLINK(1)"),
            row(AREAS[1], since="2026-11-01", open_day=True, seen_at="2026-11-23T08:00:00+07:00"),
            row(AREAS[2], period="2026-11-22", note="một, “hai”\nba"),
        ],
    )
    owner.execute(
        "insert into feed_quality values (%s, '2026-11-23', 1, 90, 95, 80, 100, 80, 3, 192, 'x',"
        " 'sha', 'nightly', '{}', %s)",
        (FEED, NOW),
    )


def taken(
    owner: Connection, catalogue: Catalogue, wanted: Wanted | None = None, how: How | None = None
) -> Export:
    feed, table = catalogue.feed(FEED), catalogue.table(FEED, "ngay")
    return export.table(owner, catalogue, feed, table, wanted or Wanted(), how or How())


def lines(made: Export) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(made.whole().decode("utf-8-sig"))))


def test_every_row_says_when_from_whom_how_and_how_good(
    owner: Connection, catalogue: Catalogue
) -> None:
    given(owner, catalogue)
    made = taken(owner, catalogue)
    assert (made.name, made.media_type) == (f"{FEED}-ngay.csv", "text/csv; charset=utf-8")
    rows = lines(made)
    assert rows[0].keys() >= PROVENANCE
    first = rows[0]
    assert (first["area"], first["period"]) == (AREAS[2], "2026-11-22")
    assert first["source"] == "Sở Khoa học và Công nghệ"
    assert (first["provenance"], first["version"]) == ("api", "1")
    assert (first["quality"], first["quality_day"]) == ("80.0", "2026-11-23")
    assert first["as_of"] == "2026-11-23T00:00:00+07:00"


def test_what_speaks_of_persons_never_leaves(owner: Connection, catalogue: Catalogue) -> None:
    given(owner, catalogue)
    for form in ("csv", "xlsx", "geojson", "parquet"):
        made = taken(owner, catalogue, how=How(form, export.everything))
        assert "contact" not in str(columns(made, form))
        assert "Nguyễn Văn An".encode() not in made.whole()


def columns(made: Export, form: str) -> list[Any]:
    body = made.whole()
    if form == "csv":
        return next(csv.reader(io.StringIO(body.decode())))
    if form == "xlsx":
        return [cell.value for cell in load_workbook(io.BytesIO(body)).worksheets[0][1]]
    if form == "geojson":
        return list(json.loads(body)["features"][0]["properties"])
    return list(pq.read_schema(io.BytesIO(body)).names)


def test_a_small_group_of_a_commune_is_covered_unless_the_reader_may_see_it(
    owner: Connection, catalogue: Catalogue
) -> None:
    given(owner, catalogue)
    covered = {one["area"]: one for one in lines(taken(owner, catalogue))}
    assert (covered[AREAS[0]]["patients"], covered[AREAS[0]]["suppressed"]) == ("", "patients")
    assert (covered[AREAS[1]]["patients"], covered[AREAS[1]]["suppressed"]) == ("9", "")
    shown = {one["area"]: one for one in lines(taken(owner, catalogue, how=EVERYTHING))}
    assert shown[AREAS[0]]["patients"] == "3"


def test_no_cell_is_a_formula(owner: Connection, catalogue: Catalogue) -> None:
    given(owner, catalogue)
    rows = {one["area"]: one for one in lines(taken(owner, catalogue))}
    assert rows[AREAS[0]]["note"] == "'=HYPERLINK(1)"
    book = load_workbook(io.BytesIO(taken(owner, catalogue, how=How("xlsx")).whole()))
    cells = [cell for line in book.worksheets[0].iter_rows() for cell in line]
    assert all(cell.data_type != "f" for cell in cells)
    assert "'=HYPERLINK(1)" in {cell.value for cell in cells}


def test_quotes_and_line_ends_survive_a_csv(owner: Connection, catalogue: Catalogue) -> None:
    given(owner, catalogue)
    assert lines(taken(owner, catalogue))[0]["note"] == "một, “hai”\nba"


def test_a_mark_of_byte_order_comes_where_it_is_asked_for(
    owner: Connection, catalogue: Catalogue
) -> None:
    assert taken(owner, catalogue, how=How(bom=True)).whole().startswith(b"\xef\xbb\xbf")
    assert not taken(owner, catalogue).whole().startswith(b"\xef\xbb\xbf")


def test_filters_choose_periods_areas_and_values(owner: Connection, catalogue: Catalogue) -> None:
    given(owner, catalogue)
    day = datetime(2026, 11, 22, 17, tzinfo=timezone.utc)
    of = [
        Wanted(since=day),
        Wanted(until=day),
        Wanted(areas=[AREAS[1]]),
        Wanted(equal={"open_day": True}),
        Wanted(areas=[]),
    ]
    assert [len(lines(taken(owner, catalogue, one))) for one in of] == [2, 1, 1, 1, 0]


def test_one_does_not_filter_by_what_one_may_not_see(
    owner: Connection, catalogue: Catalogue
) -> None:
    for name in ("contact", "nothing"):
        with pytest.raises(NoSuchFeed):
            taken(owner, catalogue, Wanted(equal={name: "x"}))


def test_a_workbook_has_dates_as_dates_and_says_what_it_is(
    owner: Connection, catalogue: Catalogue
) -> None:
    given(owner, catalogue)
    book = load_workbook(io.BytesIO(taken(owner, catalogue, how=How("xlsx")).whole()))
    heads = [cell.value for cell in book.worksheets[0][1]]
    line = next(one for one in book.worksheets[0].iter_rows(values_only=True) if one[0] == AREAS[1])
    of = dict(zip(heads, line, strict=True))
    assert of["since"] == datetime(2026, 11, 1)  # noqa: DTZ001 sheets know no zones
    assert of["seen_at"] == datetime(2026, 11, 23, 8)  # noqa: DTZ001
    about = dict(book.worksheets[1].iter_rows(values_only=True, max_col=2))
    assert about["times"] == "UTC+07:00"
    assert "Chuyển đổi số" in str(about["title"])


def test_parquet_keeps_types(owner: Connection, catalogue: Catalogue) -> None:
    given(owner, catalogue)
    made = pq.read_table(io.BytesIO(taken(owner, catalogue, how=How("parquet")).whole()))
    types = {field.name: str(field.type) for field in made.schema}
    assert types["visits"] == "int64"
    assert types["since"] == "date32[day]"
    assert types["as_of"] == "timestamp[us, tz=UTC]"
    assert made.column("since").to_pylist()[2] == date(2026, 11, 1)
    assert made.schema.metadata[b"feed"].decode() == f"{FEED}/ngay, version 3"


OUTLINE = "MULTIPOLYGON(((105 9,105.2 9,105.2 9.2,105 9.2,105 9)))"


@pytest.fixture
def communes(owner: Connection) -> Iterator[None]:
    """Two communes: of one the outline is known, of the other a cell."""
    for code, approximate in ((AREAS[0], False), (AREAS[1], True)):
        owner.execute(
            "insert into commune values (%s, 'x', 'x', 'xa', %s, 105.1, 9.1,"
            " st_geomfromtext(%s, 4326))",
            (code, approximate, OUTLINE),
        )
    yield
    owner.execute("truncate commune")


@pytest.mark.usefixtures("communes")
def test_geojson_has_outlines_and_says_where_only_a_centre_is_known(
    owner: Connection, catalogue: Catalogue
) -> None:
    given(owner, catalogue)
    body = json.loads(taken(owner, catalogue, how=How("geojson")).whole())
    by_area = {one["properties"]["area"]: one for one in body["features"]}
    assert by_area[AREAS[0]]["geometry"]["type"] in {"Polygon", "MultiPolygon"}
    assert by_area[AREAS[0]]["properties"]["geometry_approximate"] is False
    assert by_area[AREAS[1]]["geometry"] == {"type": "Point", "coordinates": [105.1, 9.1]}
    assert by_area[AREAS[1]]["properties"]["geometry_approximate"] is True
    assert by_area[AREAS[2]]["geometry"] is None
    assert by_area[AREAS[0]]["properties"].keys() >= PROVENANCE


@pytest.mark.usefixtures("communes")
def test_geoparquet_is_read_by_geopandas(owner: Connection, catalogue: Catalogue) -> None:
    given(owner, catalogue)
    made = taken(owner, catalogue, how=How("parquet", geometry=True)).whole()
    frame = geopandas.read_parquet(io.BytesIO(made))
    assert frame.crs is not None
    assert frame.crs.to_epsg() == 4326
    kinds = dict(zip(frame["area"], frame.geometry.geom_type, strict=True))
    assert kinds[AREAS[1]] == "Point"
    assert frame["visits"].tolist() == [40, 40, 40]


@pytest.mark.parametrize("form", ["csv", "xlsx", "geojson", "parquet"])
def test_a_table_without_rows_is_a_file_with_a_header(
    owner: Connection, catalogue: Catalogue, form: Any
) -> None:
    made = taken(owner, catalogue, how=How(form))
    if form == "geojson":
        assert json.loads(made.whole())["features"] == []
    else:
        assert "visits" in columns(made, form)


def test_geoparquet_without_rows_is_a_file_too(owner: Connection, catalogue: Catalogue) -> None:
    made = taken(owner, catalogue, how=How("parquet", geometry=True)).whole()
    assert geopandas.read_parquet(io.BytesIO(made)).empty


def test_more_rows_than_a_file_holds_are_refused_and_not_cut_off(
    owner: Connection, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(owner, catalogue)
    monkeypatch.setattr(export, "MOST_ROWS", 2)
    with pytest.raises(TooMuchToExport):
        taken(owner, catalogue).whole()
    monkeypatch.setattr(export, "MOST_ROWS", 3)
    assert len(lines(taken(owner, catalogue))) == 3


def test_a_restricted_feed_is_not_there_for_others(owner: Connection, catalogue: Catalogue) -> None:
    feed = catalogue.feed(FEED)
    closed = Contract.model_validate({**feed.model_dump(), "classification": "restricted"})
    with pytest.raises(NoSuchFeed):
        export.table(owner, catalogue, closed, closed.table("ngay"))
    made = export.table(owner, catalogue, closed, closed.table("ngay"), Wanted(), EVERYTHING)
    assert made.whole()


def test_a_field_of_restricted_indicators_alone_stays_with_those_who_may_see_it(
    catalogue: Catalogue,
) -> None:
    feed, table = catalogue.feed(FEED), catalogue.table(FEED, "ngay")
    indicators = [
        {**one, "restricted": True}
        for one in feed.model_dump()["indicators"]
        if one["code"] == "CDS.NGUOI"
    ]
    only = Contract.model_validate({**feed.model_dump(), "indicators": indicators})
    shown = {spec.code for spec in export.shown_fields(only, table, full=False)}
    assert "patients" not in shown
    assert "visits" in shown
    assert "patients" in {spec.code for spec in export.shown_fields(only, table, full=True)}


def figures(
    owner: Connection, catalogue: Catalogue, *codes: str, **how: Any
) -> list[dict[str, str]]:
    return lines(export.figures(owner, catalogue, codes, Wanted(), How(**how)))


def test_figures_carry_their_parts_and_where_they_are_from(
    owner: Connection, catalogue: Catalogue
) -> None:
    given(owner, catalogue)
    rows = figures(owner, catalogue, "CDS.THANH_TOAN")
    assert rows[0].keys() >= PROVENANCE
    whole = next(one for one in rows if one["area"] == "96" and one["period"] == "2026-11-23")
    assert (whole["value"], whole["numerator"], whole["denominator"]) == ("50.0", "40.0", "80.0")
    assert (whole["covered"], whole["expected"], whole["unit"]) == ("2", "64", "%")
    assert whole["provenance"] == "derived"


def test_a_small_figure_is_covered(owner: Connection, catalogue: Catalogue) -> None:
    given(owner, catalogue)
    rows = {one["area"]: one for one in figures(owner, catalogue, "CDS.NGUOI")}
    assert (rows[AREAS[0]]["value"], rows[AREAS[0]]["suppressed"]) == ("", "value")
    shown = figures(owner, catalogue, "CDS.NGUOI", full=export.everything)
    assert {one["area"]: one["value"] for one in shown}[AREAS[0]] == "3.0"


def test_a_restricted_indicator_is_not_there_for_others(
    owner: Connection, catalogue: Catalogue
) -> None:
    given(owner, catalogue)
    with pytest.raises(CloudError):
        figures(owner, catalogue, "CDS.KIN")
    assert figures(owner, catalogue, "CDS.KIN", full=export.everything)


def test_what_was_corrected_leaves_in_its_newest_version(
    owner: Connection, catalogue: Catalogue
) -> None:
    given(owner, catalogue)
    delivered(owner, catalogue, [row(visits=77)], NOW + timedelta(hours=1))
    rows = {one["area"]: one for one in lines(taken(owner, catalogue))}
    assert (rows[AREAS[0]]["visits"], rows[AREAS[0]]["version"]) == ("77", "2")
