"""The four scores against arithmetic done by hand.

Of the daily table each row asks four questions that weigh 1, 1, 2 and 1: is `tons` possible,
is `sold`, is `sold` within `tons`, has `tons` moved by 100 at most; the last one only where the
day before is there. Its grid has 3 communes x 2 cells.
"""

from datetime import date

import psycopg
import pytest
from tests.support.feed_scored import (
    AGREED,
    FEED,
    MONTH,
    OPEN,
    STREAM,
    A,
    B,
    C,
    at,
    catalogue,
    rows,
    scored,
    send,
)

from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.deliver import undo
from ioc_cloud.feeds.measures import Cell
from ioc_cloud.feeds.scores import Score, explain


@pytest.fixture
def feeds() -> Catalogue:
    return catalogue()


def four(found: Score) -> tuple[float | None, float | None, float | None, float | None]:
    return tuple(  # type: ignore[return-value]
        None if one is None else round(one, 4)
        for one in (found.correct, found.complete, found.clean, found.live)
    )


def cells(found: Score, dimension: str) -> list[Cell]:
    return [cell for cell in found.cells if cell.dimension == dimension]


def maintenance(owner: Connection, first: object, last: object, feed: str | None = FEED) -> None:
    owner.execute(
        "insert into feed_maintenance (feed, starts_at, ends_at, reason, entered_by, entered_at)"
        " values (%s, %s, %s, 'Nâng cấp', 'chi', %s)",
        (feed, first, last, first),
    )


def test_a_whole_day_in_time_has_four_times_a_hundred(owner: Connection, feeds: Catalogue) -> None:
    send(owner, feeds, at(24, 7), "ngay", rows())
    found = scored(owner, feeds)
    assert four(found) == (100, 100, 100, 100)
    assert (found.grade, found.version, found.n_rows, found.n_expected) == (100, 1, 3, 3)
    assert found.cells == []


def test_a_missing_commune_is_not_complete_and_not_alive(
    owner: Connection, feeds: Catalogue
) -> None:
    send(owner, feeds, at(24, 7), "ngay", rows()[:2])
    found = scored(owner, feeds)
    # 4 of 6 cells; due at 08:00 after 8 hours, dead after 24: two of three keys are alive.
    assert four(found) == (100, 66.6667, 100, 66.6667)
    (missing,) = cells(found, "complete")
    assert (missing.rule, missing.area, missing.period) == ("missing_row", C, "2026-11-23")
    (dead,) = cells(found, "live")
    assert (dead.rule, dead.area) == ("not_received", C)
    assert found.detail["failures"] == {"correct": 0, "complete": 2, "clean": 0, "live": 1}


def test_a_feed_that_said_nothing_has_nothing_to_be_right_about(
    owner: Connection, feeds: Catalogue
) -> None:
    found = scored(owner, feeds)
    assert four(found) == (None, 0, None, 0)
    assert found.grade == 0
    assert [cell.rule for cell in found.cells] == ["missing_rows", "not_received"]


def test_lateness_is_linear_between_the_deadline_and_three_allowances(
    owner: Connection, feeds: Catalogue
) -> None:
    # Allowance 8 h, received 4 h late: 1 - 4 / 16.
    send(owner, feeds, at(24, 12), "ngay", rows())
    found = scored(owner, feeds)
    assert four(found) == (100, 100, 100, 75)
    (late,) = cells(found, "live")
    assert (late.rule, late.value, late.area) == ("late", "4.0 h", None)
    assert late.vi == "nhận 24/11/2026 12:00, hạn 24/11/2026 08:00"
    assert found.detail["failures"]["live"] == 3


def test_a_change_on_friday_afternoon_is_three_quarters_alive_on_saturday_at_half_past_ten(
    owner: Connection,
) -> None:
    """The worked example of the province's rule: 12 h allowance, received after 18."""
    feeds = catalogue(AGREED)
    row = {"area": "96", "period": "2026-08-21", "price": 9}
    changed_at = at(21, 16, 30, month=8)
    send(owner, feeds, at(22, 10, 30, month=8), "gia", [row], changed_at=changed_at)
    found = scored(owner, feeds, date(2026, 8, 22))
    assert found.detail["tables"]["gia"]["live"] == [0.75, 1]


def test_a_source_cannot_buy_time_by_saying_that_it_changed_late(owner: Connection) -> None:
    feeds = catalogue(AGREED)
    row = {"area": "96", "period": "2026-11-17", "price": 9}
    # Tuesday's figures are due on Wednesday at noon; 18 h after is 6 h late: 1 - 6 / 24.
    send(owner, feeds, at(18, 18), "gia", [row], changed_at=at(18, 17))
    found = scored(owner, feeds, date(2026, 11, 18))
    assert found.detail["tables"]["gia"]["live"] == [0.75, 1]


def test_broken_rules_count_by_weight_and_rows_kept_out_count_too(
    owner: Connection, feeds: Catalogue
) -> None:
    wrong = rows()
    wrong[0]["sold"] = 101
    wrong[1]["tons"] = 501
    send(owner, feeds, at(24, 7), "ngay", wrong)
    found = scored(owner, feeds)
    # Weights 3 x 4 were asked; 2 for what was sold beyond, 1 for the unusual value are lost.
    assert found.correct == pytest.approx(100 * 9 / 12)
    # The row that was kept out is missing: 4 of 6 cells.
    assert found.complete == pytest.approx(100 * 4 / 6)
    assert found.clean == 100
    assert {(cell.rule, cell.area, cell.field, cell.value) for cell in cells(found, "correct")} == {
        ("sold_within", A, "sold", "101"),
        ("usual", B, "tons", "501"),
    }


def test_a_rule_that_looks_at_the_day_before_is_asked_where_there_is_one(
    owner: Connection, feeds: Catalogue
) -> None:
    send(owner, feeds, at(23, 7), "ngay", rows("2026-11-22"))
    send(owner, feeds, at(24, 7), "ngay", rows(b=201))
    # 3 x 5 weights, one warning.
    assert scored(owner, feeds).correct == pytest.approx(100 * 14 / 15)


def test_a_control_total_that_rows_do_not_reach_takes_its_share(
    owner: Connection, feeds: Catalogue
) -> None:
    send(owner, feeds, at(24, 7), "ngay", rows(), controls={"ngay": {"tons": 400}})
    found = scored(owner, feeds)
    # 300 of 400 tons arrived.
    assert four(found) == (75, 100, 100, 100)
    (cell,) = cells(found, "correct")
    assert (cell.rule, cell.field, cell.en) == (
        "control", "tons", "adds up to 300, the source's total is 400",
    )  # fmt: skip


def test_the_control_total_of_the_latest_batch_counts(owner: Connection, feeds: Catalogue) -> None:
    send(owner, feeds, at(24, 6), "ngay", rows(), controls={"ngay": {"tons": 400}})
    send(owner, feeds, at(24, 7), "ngay", rows(a=110), controls={"ngay": {"tons": 310}})
    assert scored(owner, feeds).correct == 100


def test_a_correction_makes_a_new_version_and_keeps_the_old_one(
    owner: Connection, feeds: Catalogue
) -> None:
    wrong = rows()
    wrong[0]["sold"] = 101
    send(owner, feeds, at(24, 7), "ngay", wrong)
    before = scored(owner, feeds)
    send(owner, feeds, at(25, 9), "ngay", rows())
    after = scored(owner, feeds, now=at(25, 9, 5), cause="delivery")
    assert (before.version, after.version) == (1, 2)
    # The row that was kept out is there now, 25 h late: dead.
    assert four(after) == (100, 100, 100, 66.6667)
    kept = owner.execute(
        "select version, correct, cause from feed_quality order by version"
    ).fetchall()
    assert kept == [(1, pytest.approx(100 * 10 / 12), "nightly"), (2, 100, "delivery")]


def test_a_score_that_says_the_same_is_not_written_again(
    owner: Connection, feeds: Catalogue
) -> None:
    send(owner, feeds, at(24, 7), "ngay", rows()[:2])
    assert scored(owner, feeds).is_new
    again = scored(owner, feeds, now=at(26, 3))
    assert (again.is_new, again.version) == (False, 1)
    assert owner.execute("select count(*) from feed_quality").fetchone() == (1,)


def test_scores_are_never_changed_but_explained(owner: Connection, feeds: Catalogue) -> None:
    scored(owner, feeds)
    explain(owner, FEED, date(2026, 11, 24), "an", "Mất điện", at(25, 9))
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="never changed"):
        owner.execute("update feed_quality set live = 100")
    said = owner.execute("select day, said_by, text from feed_explanation").fetchall()
    assert said == [(date(2026, 11, 24), "an", "Mất điện")]


def test_a_batch_taken_back_takes_its_score_along(owner: Connection, feeds: Catalogue) -> None:
    send(owner, feeds, at(24, 7), "ngay", rows())
    second = send(owner, feeds, at(24, 9), "ngay", rows(a=501))
    assert scored(owner, feeds).correct == pytest.approx(100 * 11 / 12)
    undo(owner, feeds, second.batch or 0, by="an", reason="nhầm", now=at(25, 9))
    after = scored(owner, feeds, now=at(25, 9, 1), cause="undo")
    assert (four(after), after.version) == ((100, 100, 100, 100), 2)


def test_rows_that_came_untidy_are_not_clean_and_can_be_read(
    owner: Connection, feeds: Catalogue
) -> None:
    untidy = rows()
    untidy[0]["tons"] = "100"
    untidy[1]["area"] = "00001"
    send(owner, feeds, at(24, 7), "ngay", [*untidy, untidy[2]])
    found = scored(owner, feeds)
    # Four rows came: one as text, one of no known area, one twice.
    assert four(found) == (100, 66.6667, 25, 66.6667)
    assert {(cell.rule, cell.area) for cell in cells(found, "clean")} == {
        ("number-as-text", A),
        ("area", None),
        ("duplicate", None),
    }


def test_a_row_of_no_known_area_is_made_good_by_its_own_line(
    owner: Connection, feeds: Catalogue
) -> None:
    wrong = rows()
    wrong[1]["area"] = "00001"
    send(owner, feeds, at(24, 6), "ngay", wrong)
    send(owner, feeds, at(24, 6, 30), "ngay", wrong)
    assert scored(owner, feeds).clean == pytest.approx(100 * 2 / 3)
    send(owner, feeds, at(24, 7), "ngay", rows())
    assert four(scored(owner, feeds)) == (100, 100, 100, 100)


def test_an_empty_required_cell_is_not_complete(owner: Connection, feeds: Catalogue) -> None:
    part = rows()
    part[2]["sold"] = None
    send(owner, feeds, at(24, 7), "ngay", part)
    found = scored(owner, feeds)
    # 5 of 6 cells; the question about it is not asked: 4 + 4 + 1 of as many.
    assert four(found) == (100, 83.3333, 100, 100)
    assert [(cell.rule, cell.area, cell.field) for cell in found.cells] == [("required", C, "sold")]


def test_a_feed_that_died_is_dead_on_every_further_day(owner: Connection) -> None:
    feeds = catalogue(AGREED)
    for period in ("2026-11-15", "2026-11-16"):
        send(owner, feeds, at(17, 0), "gia", [{"area": "96", "period": period, "price": 9}])

    def live(day: int) -> object:
        return scored(owner, feeds, date(2026, 11, day)).detail["tables"]["gia"]["live"]

    # On Tuesday Sunday's figures (24 h) and Monday's (12 h) are due.
    assert live(17) == [2, 2]
    # Tuesday's, due on Wednesday at noon, are 12 h late when Wednesday ends: 1 - 12 / 24.
    assert live(18) == [0.5, 1]
    # On Thursday they are 36 h late, whatever Wednesday's own are.
    assert live(19) == [0, 1]


def test_a_table_keeps_the_state_of_its_last_month_and_decays_while_late(owner: Connection) -> None:
    feeds = catalogue(MONTH)
    row = {"area": "96", "period": "2026-09", "stalls": 9}
    send(owner, feeds, at(4, 9, month=10), "thang", [row])

    def month(day: int) -> tuple[object, object]:
        told = scored(owner, feeds, date(2026, 11, day)).detail["tables"]["thang"]
        return told["periods"], told["live"]

    assert month(4) == (["2026-09"], [1, 1])
    # October is due on the 5th at 17:00, 113 h after its end; dead after 226 h more.
    assert month(5) == (["2026-10"], [round(1 - 7 / 226, 6), 1])
    assert month(6) == (["2026-10"], [round(1 - 31 / 226, 6), 1])


def test_what_is_not_due_yet_is_not_missing(owner: Connection, feeds: Catalogue) -> None:
    early = scored(owner, feeds, now=at(24, 7), cause="asked")
    assert four(early) == (None, None, None, None)
    assert early.grade is None
    send(owner, feeds, at(24, 7), "ngay", rows()[:1])
    assert four(scored(owner, feeds, now=at(24, 7, 1), cause="delivery")) == (100, 100, 100, 100)


def test_nobody_is_blamed_for_maintenance_and_it_is_shown(
    owner: Connection, feeds: Catalogue
) -> None:
    maintenance(owner, at(24, 6), at(24, 12))
    send(owner, feeds, at(24, 13), "ngay", rows())
    found = scored(owner, feeds)
    # Five hours late, four of them in maintenance: 1 - 1 / 16.
    assert four(found) == (100, 100, 100, 93.75)
    (shown,) = found.detail["maintenance"]
    assert shown["reason"] == "Nâng cấp"


def test_what_fell_due_in_maintenance_is_not_missing_until_it_ends(
    owner: Connection, feeds: Catalogue
) -> None:
    maintenance(owner, at(24, 6), at(25, 12), feed=None)
    assert four(scored(owner, feeds)) == (None, None, None, None)
    # The window ends; half a day later what has not come is missing.
    assert scored(owner, feeds, date(2026, 11, 25)).complete == 0


def test_a_stream_is_as_alive_as_its_newest_value_is_fresh(owner: Connection) -> None:
    feeds = catalogue(STREAM)
    for hour in (6, 12, 18):
        of = [
            {"area": area, "period": f"2026-11-24T{hour - 1:02}:45", "tons": 1} for area in (A, B)
        ]
        send(owner, feeds, at(24, hour), "can", of)
    # Older than its window when it comes: kept, and fresh for nobody.
    send(owner, feeds, at(24, 21), "can", [{"area": A, "period": "2026-11-24T01:00", "tons": 1}])
    found = scored(owner, feeds)
    told = found.detail["tables"]["can"]
    # A and B are fresh for three hours of the day, C never.
    assert told["live"] == [2 * 3 / 24, 3]
    # Periods that end between 23:00 of the day before and 23:00 fall due: 96 x 3 communes.
    assert told["complete"] == [7, 288]
    stale = {cell.area: cell.value for cell in cells(found, "live") if cell.table == "can"}
    assert stale == {A: "12,5 %", B: "12,5 %", C: "0 %"}


def test_maintenance_is_no_part_of_a_streams_day(owner: Connection) -> None:
    feeds = catalogue(STREAM)
    maintenance(owner, at(24, 0), at(24, 12))
    for area in (A, B, C):
        of = [{"area": area, "period": "2026-11-24T11:45", "tons": 1}]
        send(owner, feeds, at(24, 12), "can", of)
    told = scored(owner, feeds).detail["tables"]["can"]
    # Fresh for one of the twelve hours that are left.
    assert told["live"] == [3 / 12, 3]
    # Of 12:00 to 23:00 44 periods are due; 11:45 came, and the evening before has 4 more.
    assert told["complete"] == [3, 3 * (44 + 4 + 1)]


def test_where_nobody_knows_the_grid_completeness_is_not_measured(owner: Connection) -> None:
    feeds = catalogue(OPEN)
    send(owner, feeds, at(24, 7), "ngay", rows())
    # By nine o'clock; 6 h late of 9 h allowance: 1 - 6 / 18.
    of = [{"area": A, "period": "2026-11-23", "kind": "cháy", "n": 1}]
    send(owner, feeds, at(24, 15), "su_co", of)
    found = scored(owner, feeds)
    assert found.detail["tables"]["su_co"]["complete"] is None
    assert found.detail["tables"]["su_co"]["live"] == [round(2 / 3, 6), 1]
    assert found.complete == 100
    assert found.live == pytest.approx(100 * (3 + 2 / 3) / 4)


def test_the_score_names_who_was_on_duty(owner: Connection, feeds: Catalogue) -> None:
    assert scored(owner, feeds).owner == "Trưởng phòng"
    # The owner's duty ends with November.
    later = scored(owner, feeds, date(2026, 12, 1))
    assert (later.owner, later.detail["owner"]) == ("Bình", "deputy")
