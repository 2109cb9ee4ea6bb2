from datetime import timedelta

import pytest
from tests.support.province import Played

from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.simulate.faults import Fault
from ioc_cloud.feeds.simulate.generate import Generator
from ioc_models.feeds import Cadence, TableSpec, periods

PULLED = [feed.id for feed in Catalogue.of_province().feeds.values() if feed.pull]
HEALTH = "y-te"
DAYS = {Cadence.QUARTER_HOUR, Cadence.HOUR, Cadence.DAY, Cadence.WEEK}


def feed_of(province: Played, feed: str, table: str) -> TableSpec:
    return province.catalogue.feed(feed).table(table)


@pytest.mark.parametrize("feed", PULLED)
def test_every_contract_with_a_source_is_asked_and_its_rows_are_taken(
    province: Played, feed: str
) -> None:
    receipt = province.pull(feed)

    assert receipt is not None
    assert receipt.status == "accepted", receipt.problems[:5]
    assert receipt.rows_new > 0
    assert province.one("select provenance from feed_batch") == "simulated"
    pull = province.catalogue.feed(feed).pull
    assert pull is not None
    stored = {row[0] for row in province.owner.execute("select distinct tbl from feed_row_now")}
    assert stored <= {one.table for one in pull.tables}
    # Of long periods none may have come out since the source is read.
    assert stored >= {
        one.table for one in pull.tables if feed_of(province, feed, one.table).grid.period in DAYS
    }


def test_an_answer_that_has_not_changed_is_no_second_delivery(province: Played) -> None:
    first = province.pull(HEALTH)
    assert first is not None
    province.owner.execute("update feed_source set cursor = null")

    again = province.pull(HEALTH)

    assert again is not None
    assert (again.status, again.batch) == ("repeated", first.batch)
    assert province.one("select count(*) from feed_batch") == 1


def test_the_cursor_asks_for_what_is_new_alone(province: Played) -> None:
    province.pull(HEALTH)
    cursor = province.standing(HEALTH)[0]
    assert province.pull(HEALTH) is None

    province.now += timedelta(days=1)
    receipt = province.pull(HEALTH)

    assert receipt is not None
    assert receipt.rows_in == receipt.rows_new == 64
    assert receipt.periods == ("2026-11-24",)
    assert province.standing(HEALTH)[0] != cursor


def test_what_is_stored_is_what_the_source_says(province: Played) -> None:
    feed = province.catalogue.feed("dat-dai")
    table = feed.table("ngay")
    province.pull(feed.id)
    stored = province.rows(feed.id, table.id)

    generator = Generator(feed, 7)
    said = {
        (row["period"], row["area"], row["kind"]): row
        for period in sorted({row[0] for row in stored})
        for row in generator.rows(
            table, periods.parse(period, table.grid.period), province.catalogue.communes
        )
    }
    assert len(stored) == len(said)
    for period, area, kind, cells, _ in stored:
        row = said[period, area, kind]
        assert cells == pytest.approx({name: row[name] for name in cells}, abs=1e-3)


def test_the_pages_are_kept_as_one_original(province: Played) -> None:
    province.pull(HEALTH)

    digest = province.one("select encode(original_sha256, 'hex') from feed_batch")

    assert province.store.has(digest)


def test_totals_come_in_our_unit(province: Played) -> None:
    province.pull("thuy-san-tau-ca")

    controls = province.one("select controls from feed_batch")
    landed = province.one(
        "select sum((cells ->> 'landed_t')::float8) from feed_row_now where tbl = 'cang'"
    )

    assert controls["cang"]["landed_t"] == pytest.approx(landed, rel=1e-6)


def test_sources_are_asked_in_their_rhythm(province: Played) -> None:
    puller = province.puller()
    assert HEALTH in puller.due(province.now)

    puller.pull(HEALTH, province.now)

    assert HEALTH not in puller.due(province.now + timedelta(minutes=59))
    assert HEALTH in puller.due(province.now + timedelta(hours=1))


def test_a_source_that_takes_a_word_back_corrects_it(province: Played) -> None:
    """A, then B, then A again: the last word counts, as version 3."""

    def say(*faults: Fault) -> None:
        province.owner.execute("update feed_source set cursor = null")
        province.faults(*faults)
        province.pull(HEALTH)

    say()
    right = [row[3] for row in province.rows(HEALTH, "ngay")]
    say(Fault(kind="units", feed=HEALTH, text="inpatients"))
    say(Fault(kind="units", feed=HEALTH, text="dengue"))
    say()

    assert [row[3] for row in province.rows(HEALTH, "ngay")] == right
