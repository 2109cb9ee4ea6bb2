"""Typed views of each table, made and dropped with their contracts."""

from collections.abc import Iterator
from datetime import date, datetime, timezone
from typing import Any

import psycopg
import pytest
from tests.support.feed_parts import AREAS, FEED, NOW, catalogue_with, delivered, row
from tests.support.postgres import Server

from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds import landing
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.deliver import undo
from ioc_models.feeds import Contract

VIEW = "landing.chuyen_doi_so_ngay"


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return catalogue_with(tmp_path_factory.mktemp("contracts"))


def columns(owner: Connection, view: str) -> dict[str, str]:
    return dict(
        owner.execute(
            "select attname, format_type(atttypid, atttypmod) from pg_attribute"
            " where attrelid = %s::regclass and attnum > 0",
            (view,),
        ).fetchall()
    )


def only(catalogue: Catalogue, **changed: Any) -> Catalogue:
    feed = catalogue.feed(FEED)
    return Catalogue(
        {FEED: Contract.model_validate({**feed.model_dump(), **changed})}, catalogue.areas
    )


def test_every_table_of_every_feed_has_a_view(owner: Connection, catalogue: Catalogue) -> None:
    applied = landing.apply(owner, catalogue)
    assert len(applied.made) == sum(len(feed.tables) for feed in catalogue.feeds.values())
    assert {"y_te_ngay", "chuyen_doi_so_nam"} <= set(applied.made)
    for name in applied.made:
        owner.execute(f"select * from landing.{name}")  # noqa: S608


def test_a_second_time_changes_nothing(owner: Connection, catalogue: Catalogue) -> None:
    first = landing.apply(owner, catalogue)
    again = landing.apply(owner, catalogue)
    assert (again.made, again.dropped, again.kept) == ([], [], first.made)


def test_columns_have_the_contracts_types_and_no_person_is_in_them(
    owner: Connection, catalogue: Catalogue
) -> None:
    landing.apply(owner, catalogue)
    assert columns(owner, VIEW) == {
        "period": "text",
        "period_start": "timestamp with time zone",
        "area": "text",
        "key": "text",
        "visits": "bigint",
        "paid": "bigint",
        "amount": "double precision",
        "patients": "bigint",
        "level": "text",
        "since": "date",
        "seen_at": "timestamp with time zone",
        "open_day": "boolean",
        "note": "text",
        "version": "integer",
        "as_of": "timestamp with time zone",
        "received_at": "timestamp with time zone",
        "provenance": "text",
        "batch": "bigint",
    }


def test_it_shows_what_counts_in_its_own_type(owner: Connection, catalogue: Catalogue) -> None:
    landing.apply(owner, catalogue)
    moment = "2026-11-23T08:30:00+07:00"
    cells = {"since": "23/11/2026", "seen_at": moment, "open_day": "x", "contact": "An"}
    delivered(owner, catalogue, [row(**cells)])
    second = delivered(owner, catalogue, [row(**cells, visits=50)])
    found = owner.execute(
        f"select area, visits, amount, since, seen_at, open_day, version from {VIEW}"  # noqa: S608
    ).fetchall()
    at = datetime(2026, 11, 23, 1, 30, tzinfo=timezone.utc)
    assert found == [(AREAS[0], 50, 12.5, date(2026, 11, 23), at, True, 2)]
    undo(owner, catalogue, second.batch or 0, by="an", reason="nhầm", now=NOW)
    assert owner.execute(f"select visits from {VIEW}").fetchall() == [(40,)]  # noqa: S608


def test_columns_say_what_they_are(owner: Connection, catalogue: Catalogue) -> None:
    landing.apply(owner, catalogue)
    said = owner.execute(
        "select col_description(%s::regclass, attnum) from pg_attribute"
        " where attrelid = %s::regclass and attname = 'visits'",
        (VIEW, VIEW),
    ).fetchone()
    assert said == ("Lượt hỗ trợ / Visits (lượt)",)


def test_a_contract_that_changes_makes_its_view_anew(
    owner: Connection, catalogue: Catalogue
) -> None:
    landing.apply(owner, only(catalogue))
    tables = catalogue.feed(FEED).model_dump()["tables"]
    tables[1]["fields"] = (
        *tables[1]["fields"],
        {
            "code": "extra",
            "title": {"vi": "Thêm", "en": "Extra"},
            "type": "date",
            "required": False,
        },
    )
    applied = landing.apply(owner, only(catalogue, tables=tables))
    assert applied.made == applied.dropped == ["chuyen_doi_so_nam"]
    assert columns(owner, "landing.chuyen_doi_so_nam")["extra"] == "date"


def test_a_feed_that_is_gone_takes_its_views_along_and_no_others(
    owner: Connection, catalogue: Catalogue
) -> None:
    landing.apply(owner, catalogue)
    owner.execute("create view landing.mine as select 1 as one")
    applied = landing.apply(owner, only(catalogue))
    assert set(applied.kept) == {"chuyen_doi_so_ngay", "chuyen_doi_so_nam"}
    assert "y_te_ngay" in applied.dropped
    assert owner.execute("select one from landing.mine").fetchone() == (1,)


def test_a_view_that_others_build_upon_is_not_torn_away(
    owner: Connection, catalogue: Catalogue
) -> None:
    landing.apply(owner, catalogue)
    owner.execute("create view landing.mine as select visits from landing.y_te_ngay")
    with pytest.raises(psycopg.errors.DependentObjectsStillExist):
        landing.apply(owner, only(catalogue))
    assert len(landing.apply(owner, catalogue).kept) > 20


def test_a_cell_of_an_earlier_type_is_null_and_breaks_nothing(
    owner: Connection, catalogue: Catalogue
) -> None:
    landing.apply(owner, catalogue)
    delivered(owner, catalogue, [row()])
    owner.execute(
        "insert into feed_row select feed, tbl, period_start, %s, key, version, period, batch_id,"
        ' row_no, place, \'{"visits": "x", "since": 7, "open_day": "y"}\', as_of,'
        " received_at, provenance from feed_row",
        (AREAS[1],),
    )
    found = owner.execute(
        f"select visits, since, open_day from {VIEW} where area = %s",  # noqa: S608
        (AREAS[1],),
    )
    assert found.fetchall() == [(None, None, None)]


def test_fields_named_as_every_column_is_get_a_tail(
    owner: Connection, catalogue: Catalogue
) -> None:
    tables = catalogue.feed(FEED).model_dump()["tables"][1:]
    tables[0]["fields"] = (
        *tables[0]["fields"],
        {"code": "provenance", "title": {"vi": "x", "en": "x"}, "type": "text", "required": False},
    )
    indicators = [
        one for one in catalogue.feed(FEED).model_dump()["indicators"] if one["table"] == "nam"
    ]
    landing.apply(owner, only(catalogue, tables=tables, indicators=indicators))
    assert "provenance_value" in columns(owner, "landing.chuyen_doi_so_nam")


def test_names_that_would_meet_are_told_apart(catalogue: Catalogue) -> None:
    feed = catalogue.feed(FEED)
    table = feed.tables[1].model_dump()
    twins = {
        name: Contract.model_validate(
            {**feed.model_dump(), "id": name, "indicators": [], "tables": [{**table, "id": of}]}
        )
        for name, of in (("a-b", "c"), ("a", "b_c"))
    }
    names = [view.name for view in landing.views(Catalogue(twins, catalogue.areas))]
    assert len(set(names)) == 2


@pytest.fixture(params=["ioc_api", "ioc_feeds"])
def reader(request: pytest.FixtureRequest, postgres: Server, database: str) -> Iterator[Connection]:
    with psycopg.connect(postgres.url(database), autocommit=True) as connection:
        connection.execute(f"set role {request.param}")
        yield connection


def test_the_products_readers_may_read_and_not_make_them(
    owner: Connection, reader: Connection, catalogue: Catalogue
) -> None:
    landing.apply(owner, catalogue)
    delivered(owner, catalogue, [row()])
    assert reader.execute(f"select visits from {VIEW}").fetchall() == [(40,)]  # noqa: S608
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute("create view landing.theirs as select 1")
