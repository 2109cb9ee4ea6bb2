"""Thirteen feeds for a simulated month, and over a swapped Saturday.

Every deadline, score, notice, alert and version equals the tables in `tests/data/feeds/month/`,
which were worked out by hand: its README shows the arithmetic.
"""

import csv
from collections.abc import Iterator
from datetime import date, datetime, timedelta

import pytest
from tests.support.month import AREAS, DATA, Month, moment, read
from tests.support.month_alerts import Judge
from tests.support.past import lay

from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds.calendar import Calendar
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.dues import Plan
from ioc_cloud.feeds.publish import Twin
from ioc_cloud.twin.models import WotModels
from ioc_cloud.twin.service import Writer
from ioc_models.feeds import LOCAL, Cadence, periods
from ioc_models.wot import Catalogue as Models

FEBRUARY = (date(2026, 2, 1), date(2026, 2, 28))
AUGUST = (date(2026, 8, 20), date(2026, 8, 25))
CALENDAR = Calendar.load()


def table(name: str) -> list[dict[str, str]]:
    """A table of the month, without its empty lines."""
    with (DATA / f"{name}.csv").open(encoding="utf-8") as lines:
        return list(csv.DictReader(line for line in lines if line.strip()))


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    """The thirteen shipped contracts over seven areas."""
    found = Catalogue.load(AREAS.values())
    assert len(found.feeds) == 13
    return found


def played(owner: Connection, catalogue: Catalogue, name: str) -> tuple[Month, Judge]:
    models = WotModels(Models("http://ioc.test"))
    twin = Twin(Writer(series_of=models.series_of), models)
    judge = Judge(catalogue, CALENDAR)
    incidents = read("incidents.yaml")[name]
    return Month(owner, catalogue, CALENDAR, twin, incidents, judge.look, judge.act), judge


@pytest.fixture
def february(owner: Connection, catalogue: Catalogue) -> tuple[Month, Judge]:
    """Played with Tết and the incidents."""
    month, judge = played(owner, catalogue, "february")
    # 9 and 11 dossiers in turn, up to the day before the first that is delivered.
    lay(
        owner, "HCC.TIEP_NHAN", "32044", moment("2026-01-29 00:00"), [9, 11] * 32,
        feed="hanh-chinh-cong", provenance="simulated",
    )  # fmt: skip
    slow = (Cadence.MONTH, Cadence.QUARTER, Cadence.YEAR)
    month.deliver_before(moment("2026-01-01 10:00"), *slow)
    month.deliver_before(moment("2026-01-26 00:30"), Cadence.WEEK)
    month.play(*FEBRUARY)
    return month, judge


@pytest.fixture
def august(owner: Connection, catalogue: Catalogue) -> tuple[Month, Judge]:
    """Played over the swapped Saturday."""
    month, judge = played(owner, catalogue, "swapped_saturday")
    month.deliver_before(moment("2026-01-01 10:00"), Cadence.YEAR)
    month.deliver_before(moment("2026-07-01 10:00"), Cadence.QUARTER)
    month.deliver_before(moment("2026-08-01 10:00"), Cadence.MONTH)
    month.deliver_before(moment("2026-08-17 00:30"), Cadence.WEEK)
    month.play(*AUGUST)
    return month, judge


def test_every_deadline_is_as_worked_out_by_hand(catalogue: Catalogue) -> None:
    wanted = {(one["feed"], one["table"], one["period"]): one["due"] for one in table("deadlines")}
    found = {}
    for feed_id, name, said in wanted:
        feed = catalogue.feed(feed_id)
        plan = Plan(feed, feed.table(name), CALENDAR)
        due = plan.due(periods.parse(said, plan.table.grid.period)).due_at
        found[feed_id, name, said] = f"{due.astimezone(LOCAL):%Y-%m-%d %H:%M}"
    assert found == wanted
    told = {(feed, name) for feed, name, _ in wanted}
    assert told == {(feed.id, one.id) for feed in catalogue.feeds.values() for one in feed.tables}


def test_every_day_is_worked_or_not_as_the_calendar_of_the_year_has_it() -> None:
    wanted = {one["day"]: one["kind"] for one in table("calendar")}
    assert {day: CALENDAR.kind(date.fromisoformat(day)) for day in wanted} == wanted
    assert len(wanted) == sum((last - first).days + 1 for first, last in (FEBRUARY, AUGUST))


def test_february_comes_out_as_worked_out_by_hand(february: tuple[Month, Judge]) -> None:
    month, judge = february
    assert _scores(month.connection) == _wanted("scores", FEBRUARY)
    assert _versions(month.connection) == _rows("versions", "day", FEBRUARY)
    assert _notices(month) == _rows("notices", "at", FEBRUARY)
    assert _alerts(judge) == _in_order(_rows("alerts", "at", FEBRUARY))
    assert _figures(month.connection) == table("figures")
    assert _parked(month.connection) == table("parked")
    assert _receipts(month) == table("receipts")
    ((shown,),) = month.connection.execute(
        "select detail -> 'maintenance' from feed_quality_now"
        " where feed = 'dat-dai' and day = '2026-02-12'"
    ).fetchall()
    assert [one["reason"] for one in shown] == ["Nâng cấp"]


def test_a_swapped_saturday_comes_out_as_worked_out_by_hand(august: tuple[Month, Judge]) -> None:
    month, judge = august
    assert _scores(month.connection) == _wanted("scores", AUGUST)
    assert _versions(month.connection) == _rows("versions", "day", AUGUST)
    assert _notices(month) == _rows("notices", "at", AUGUST)
    assert _alerts(judge) == _in_order(_rows("alerts", "at", AUGUST))


# --- as the tables write it -----------------------------------------------------------------


def _days(first: str, last: str) -> Iterator[date]:
    day = date.fromisoformat(first)
    while day <= date.fromisoformat(last):
        yield day
        day += timedelta(days=1)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}".rstrip("0").rstrip(".")


def _wanted(name: str, span: tuple[date, date]) -> dict[tuple[str, str], tuple[str, ...]]:
    """What each feed's day ends with; a line stands for the days from `first` to `last`."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for one in table(name):
        for day in _days(one["first"], one["last"]):
            if span[0] <= day <= span[1]:
                assert (one["feed"], str(day)) not in found
                scores = (one["correct"], one["complete"], one["clean"], one["live"], one["grade"])
                found[one["feed"], str(day)] = (*scores, one["versions"])
    return found


def _scores(connection: Connection) -> dict[tuple[str, str], tuple[str, ...]]:
    return {
        (feed, str(day)): (*map(_number, scores), str(version))
        for feed, day, *scores, version in connection.execute(
            "select feed, day, correct, complete, clean, live, grade, version from feed_quality_now"
        )
    }


def _versions(connection: Connection) -> list[dict[str, str]]:
    """Every version of the days that have several; streams have three every day."""
    wanted = table("versions")
    named = {(one["feed"], one["day"]) for one in wanted}
    return [
        {
            "feed": feed, "day": str(day), "version": str(version), "cause": cause,
            "correct": _number(correct), "complete": _number(complete), "clean": _number(clean),
            "live": _number(live),
        }
        for feed, day, version, cause, correct, complete, clean, live in connection.execute(
            "select feed, day, version, cause, correct, complete, clean, live from feed_quality"
            " order by day, feed, version"
        )
        if (feed, str(day)) in named
    ]  # fmt: skip


def _rows(name: str, column: str, span: tuple[date, date]) -> list[dict[str, str]]:
    first, last = str(span[0]), str(span[1])
    return [one for one in table(name) if first <= one[column][:10] <= last]


def _local(at: datetime) -> str:
    return f"{at.astimezone(LOCAL):%Y-%m-%d %H:%M}"


def _notices(month: Month) -> list[dict[str, str]]:
    return [
        {
            "at": _local(one.at), "feed": one.feed, "table": one.table, "period": one.period,
            "stage": one.stage, "addressee": one.addressee, "due": _local(one.due_at),
        }
        for one in month.notices
    ]  # fmt: skip


def _alerts(judge: Judge) -> list[dict[str, str]]:
    """Every step of every alert."""
    return _in_order(
        [
            {
                "at": _local(at), "action": action, "kind": one.kind, "severity": one.severity,
                "feed": one.feed or "", "indicator": one.indicator or "", "area": one.area,
                "period": one.figure.period, "value": _number(one.figure.value),
                "owner": one.owner.role, "due": _local(one.due_at), "sop": one.sop_kind, "to": to,
            }
            for at, action, to, one in judge.steps
        ]
    )  # fmt: skip


def _in_order(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """By time; what one round writes has no order of its own."""
    return sorted(rows, key=lambda row: tuple(row.values()))


def _figures(connection: Connection) -> list[dict[str, str]]:
    """Every version of the figures that were corrected or taken back."""
    found = connection.execute(
        "select indicator, period, version, value from figure where (indicator, period, area) in"
        " (select indicator, period, area from figure where version > 1) and area = '96'"
        " order by indicator, period, version"
    )
    return [
        {"indicator": code, "period": period, "version": str(version), "value": _number(value)}
        for code, period, version, value in found
    ]


def _parked(connection: Connection) -> list[dict[str, str]]:
    found = connection.execute(
        "select b.feed, p.tbl, p.raw ->> 'period', p.row_no, r.rule, r.dimension"
        " from feed_parked_row as p join feed_batch as b on b.id = p.batch_id"
        " join feed_problem as r on r.batch_id = p.batch_id and r.tbl = p.tbl"
        "  and r.row_no in (p.row_no, 0)"
        " order by p.id, r.n"
    )
    names = ("feed", "table", "period", "row", "rule", "dimension")
    return [dict(zip(names, map(str, row), strict=True)) for row in found]


def _receipts(month: Month) -> list[dict[str, str]]:
    """What was not simply taken whole."""
    return [
        {
            "at": _local(at), "feed": one.feed, "status": one.status,
            "new": str(one.rows_new), "changed": str(one.rows_changed),
            "parked": str(one.rows_parked), "version": str(one.version),
        }
        for at, one in month.receipts
        if one.status != "accepted" or one.rows_changed
    ]  # fmt: skip
