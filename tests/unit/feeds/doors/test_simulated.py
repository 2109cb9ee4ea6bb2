"""Simulated figures: true to every contract, the same each time, and alive."""

from collections import Counter
from datetime import date, datetime, timezone

import pytest

from ioc_cloud.feeds.batch import Rows
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.check import Places, check
from ioc_cloud.feeds.simulate import seasons
from ioc_cloud.feeds.simulate.chance import chance
from ioc_cloud.feeds.simulate.faults import Fault, Faults
from ioc_cloud.feeds.simulate.generate import Generator, generate
from ioc_cloud.feeds.simulate.publishing import moment, published, published_at, spelt
from ioc_cloud.feeds.simulate.serve import main
from ioc_models.feeds import Contract, TableSpec, periods

CATALOGUE = Catalogue.of_province()
NOW = datetime(2026, 3, 3, 3, 0, tzinfo=timezone.utc)
AREAS = CATALOGUE.communes[:6]
TABLES = [(feed, table) for feed in CATALOGUE.feeds.values() for table in feed.tables]


def areas(table: TableSpec) -> tuple[str, ...]:
    known = CATALOGUE.areas_of(table)
    return tuple(area for area in known if area in AREAS) or known


@pytest.mark.parametrize(("feed", "table"), TABLES, ids=lambda one: one.id)
def test_no_simulated_row_breaks_its_contract(feed: Contract, table: TableSpec) -> None:
    generator = Generator(feed, seed=11)
    period = periods.containing(NOW, table.grid.period)
    wanted = [period := period.previous() for _ in range(8)][::-1]
    rows = [row for one in wanted for row in generator.rows(table, one, areas(table))]
    places = Places.of({code: CATALOGUE.areas[code].name_vi for code in CATALOGUE.areas_of(table)})

    checked = check(table, Rows(rows), places, now=NOW)

    assert rows
    assert not checked.parked, checked.problems[:3]
    errors = Counter(one.rule for one in checked.problems if one.severity == "error")
    assert not errors


def test_the_same_question_has_the_same_answer_whatever_was_asked_before() -> None:
    feed = CATALOGUE.feed("kinh-te-xa-hoi")
    table = feed.table("thu_ngan_sach")
    day = periods.parse("2026-03-02", table.grid.period)
    asked_alone = Generator(feed, 1).rows(table, day, ("96",))
    after_others = Generator(feed, 1)
    for before in ("2026-02-10", "2026-01-05", "2026-03-01"):
        after_others.rows(table, periods.parse(before, table.grid.period), ("96",))

    assert after_others.rows(table, day, ("96",)) == asked_alone
    assert generate(feed, table, day, ("96",), seed=1) == asked_alone
    assert generate(feed, table, day, ("96",), seed=2) != asked_alone


def test_tet_is_quiet_and_sundays_are_quieter_than_mondays() -> None:
    # Tết 2026: 16 to 20 February; 22 August 2026 is a Saturday that is worked.
    assert seasons.level(date(2026, 2, 17)) < seasons.level(date(2026, 3, 1))
    assert seasons.level(date(2026, 3, 1)) < seasons.level(date(2026, 3, 2))
    assert seasons.level(date(2026, 2, 12)) > seasons.level(date(2026, 3, 5))
    assert seasons.level(date(2026, 8, 22)) > seasons.level(date(2026, 8, 29))
    assert not seasons.is_working(date(2026, 8, 31))


def test_visits_follow_the_calendar() -> None:
    feed = CATALOGUE.feed("y-te")
    table = feed.table("ngay")
    generator = Generator(feed, 3)

    def visits(day: str) -> int:
        period = periods.parse(day, table.grid.period)
        return sum(row["visits"] for row in generator.rows(table, period, CATALOGUE.communes))

    assert visits("2026-02-17") < visits("2026-03-01") / 1.5 < visits("2026-03-02") / 2


def test_nobody_reports_on_a_day_off_where_working_days_are_reported() -> None:
    feed = CATALOGUE.feed("giao-duc")
    table = feed.table("ngay")

    def rows(day: str) -> int:
        period = periods.parse(day, table.grid.period)
        return len(Generator(feed).rows(table, period, AREAS))

    assert (rows("2026-02-17"), rows("2026-03-01")) == (0, 0)
    assert rows("2026-03-02") == 18


def test_figures_come_out_before_they_are_due_and_not_before_they_are_asked_for() -> None:
    table = CATALOGUE.feed("y-te").table("ngay")
    day = periods.parse("2026-03-02", table.grid.period)
    at = published_at(table, day)
    assert day.end < at < datetime(2026, 3, 3, 1, 0, tzinfo=timezone.utc)

    found = list(published(table, datetime(2026, 2, 27, 17, 0, tzinfo=timezone.utc), NOW))

    assert [str(period) for period, _ in found] == [
        "2026-02-27", "2026-02-28", "2026-03-01", "2026-03-02",
    ]  # fmt: skip
    assert list(published(table, found[-1][1], NOW)) == []


def test_cursors_are_read_as_they_are_written() -> None:
    assert moment(spelt(NOW)) == NOW
    assert moment("2026-03-03") == datetime(2026, 3, 2, 17, 0, tzinfo=timezone.utc)
    assert moment("hôm qua") is None


def test_chance_is_even() -> None:
    counts = Counter(int(chance("x", n) * 10) for n in range(20_000))

    assert min(counts.values()) > 1_800
    assert max(counts.values()) < 2_200


def test_a_fault_hits_as_often_as_it_was_told() -> None:
    faults = Faults([Fault(kind="error", feed="y-te", times=2, after=1)])

    hits = [faults.hit("error", "y-te") is not None for _ in range(5)]

    assert hits == [False, True, True, False, False]
    assert faults.list() == []
    assert faults.hit("error", "dat-dai") is None


def test_a_moment_without_an_offset_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--home", "x", "--at", "2026-11-24T10:00:00"])

    assert "offset" in capsys.readouterr().err
