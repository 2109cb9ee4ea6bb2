"""Example rows are what they say: good ones are good, bad ones bad in one way."""

from typing import Any

import pytest
from tests.support.feed_parts import FEED, NOW, catalogue_with, of_day

from ioc_cloud.feeds import fixtures
from ioc_cloud.feeds.batch import Rows
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.check import check
from ioc_cloud.feeds.deliver import places
from ioc_cloud.feeds.errors import NoExample
from ioc_models.feeds import TableSpec
from ioc_models.feeds.contract import AREA, PERIOD

CATALOGUE = Catalogue.of_province()
TABLES = [(feed.id, table.id) for feed in CATALOGUE.feeds.values() for table in feed.tables]


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return catalogue_with(tmp_path_factory.mktemp("contracts"))


@pytest.mark.parametrize(("feed_id", "table_id"), [*TABLES, (FEED, "ngay"), (FEED, "nam")])
def test_good_rows_break_no_rule(catalogue: Catalogue, feed_id: str, table_id: str) -> None:
    feed, table = catalogue.feed(feed_id), catalogue.table(feed_id, table_id)
    rows = fixtures.valid(catalogue, table, of_day(feed)[table_id])
    checked = check(table, Rows(rows), places(catalogue, table), now=NOW)
    assert checked.problems == []
    assert len(checked.taken) == len(rows) > 0


@pytest.mark.parametrize(("feed_id", "table_id"), [*TABLES, (FEED, "ngay"), (FEED, "nam")])
def test_each_bad_row_is_bad_in_the_way_it_says(
    catalogue: Catalogue, feed_id: str, table_id: str
) -> None:
    feed, table = catalogue.feed(feed_id), catalogue.table(feed_id, table_id)
    found = set()
    for bad in fixtures.invalid(catalogue, table, of_day(feed)[table_id]):
        checked = check(
            table, Rows(bad.rows), places(catalogue, table), now=NOW, before=stored(bad)
        )
        assert (bad.rule, bad.severity.value) in {
            (one.rule, one.severity) for one in checked.problems
        }
        found.add(bad.rule)
    assert found >= {"area", "period"} | {rule.id for rule in table.rules}


def stored(bad: fixtures.Invalid) -> Any:
    cells = {
        name: value for name, value in (bad.before or {}).items() if name not in {AREA, PERIOD}
    }
    return lambda keys: dict.fromkeys(keys, cells) if cells else {}


def test_examples_are_the_same_each_time(catalogue: Catalogue) -> None:
    feed = catalogue.feed(FEED)
    bodies = [fixtures.body(catalogue, feed, of_day(feed)) for _ in range(2)]
    assert bodies[0] == bodies[1]
    assert bodies[0]["controls"]["ngay"]["visits"] == sum(
        row["visits"] for row in bodies[0]["tables"]["ngay"]
    )


def test_rules_that_contradict_each_other_are_told(catalogue: Catalogue) -> None:
    table = catalogue.table(FEED, "ngay").model_dump()
    words = {"vi": "x", "en": "x"}
    table["rules"] = [
        {"id": "more", "expr": "visits > paid", "message": words},
        {"id": "less", "expr": "visits < paid", "message": words},
    ]
    period = of_day(catalogue.feed(FEED))["ngay"]
    with pytest.raises(NoExample, match=r"more|less"):
        fixtures.valid(catalogue, TableSpec.model_validate(table), period)
