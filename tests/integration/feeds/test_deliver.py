"""Deliveries on a real database: versions, repeats, corrections, undoing, figures."""

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import psycopg
import pytest
from tests.support.feed_parts import AREAS, FEED, NOW, batch, catalogue_with, delivered, row
from tests.support.postgres import Server

from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds.batch import Original
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.deliver import deliver, undo
from ioc_cloud.feeds.errors import KeyReused, NoSuchFeed, NothingToUndo
from ioc_models.feeds import Contract

LATER = NOW + timedelta(hours=1)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return catalogue_with(tmp_path_factory.mktemp("contracts"))


@pytest.fixture
def strict(catalogue: Catalogue) -> Catalogue:
    """The same, but one error refuses the whole batch."""
    feeds = dict(catalogue.feeds)
    feeds[FEED] = Contract.model_validate({**feeds[FEED].model_dump(), "partial": False})
    return Catalogue(feeds, catalogue.areas)


def figures(owner: Connection, code: str, area: str | None = None) -> list[tuple[Any, ...]]:
    return owner.execute(
        "select area, value, numerator, denominator, covered, expected, version, provenance"
        " from figure_now where indicator = %s and (%s::text is null or area = %s) order by area",
        (code, area, area),
    ).fetchall()


def one(owner: Connection, query: str, *values: Any) -> Any:
    found = owner.execute(query, values).fetchone()
    assert found is not None
    return found[0] if len(found) == 1 else found


def test_rows_are_kept_with_where_they_came_from(owner: Connection, catalogue: Catalogue) -> None:
    receipt = delivered(owner, catalogue, [row(), row(AREAS[1])])
    assert (receipt.status, receipt.rows_new, receipt.version) == ("accepted", 2, 1)
    assert receipt.periods == ("2026-11-23",)
    assert receipt.missing == 62
    kept = one(
        owner,
        "select area, period, version, batch_id, row_no, place, provenance, cells ->> 'visits'"
        " from feed_row where area = %s",
        AREAS[1],
    )
    assert kept == (AREAS[1], "2026-11-23", 1, receipt.batch, 2, "2", "api", "40")


def test_without_a_declared_change_figures_are_as_of_the_periods_end(
    owner: Connection, catalogue: Catalogue
) -> None:
    delivered(owner, catalogue, [row()])
    end = datetime(2026, 11, 23, 17, tzinfo=timezone.utc)
    assert one(owner, "select as_of from feed_row") == end


def test_a_declared_change_is_what_figures_are_as_of(
    owner: Connection, catalogue: Catalogue
) -> None:
    changed = NOW - timedelta(hours=3)
    delivered(owner, catalogue, [row()], changed_at=changed)
    assert one(owner, "select as_of from feed_row") == changed


def test_a_trial_says_the_same_and_stores_nothing(owner: Connection, catalogue: Catalogue) -> None:
    rows = [row(), row(AREAS[1], visits="x")]
    tried = deliver(owner, catalogue, batch(rows), now=NOW, trial=True)
    tables = ("feed_batch", "feed_row", "feed_parked_row", "feed_problem", "figure")
    counts = [one(owner, f"select count(*) from {table}") for table in tables]  # noqa: S608
    assert counts == [0, 0, 0, 0, 0]
    taken = delivered(owner, catalogue, rows)
    assert replace(taken, batch=None) == tried


def test_the_same_figures_again_are_no_new_version(owner: Connection, catalogue: Catalogue) -> None:
    delivered(owner, catalogue, [row()])
    again = delivered(owner, catalogue, [row()], LATER)
    assert (again.rows_new, again.rows_changed, again.rows_same) == (0, 0, 1)
    assert one(owner, "select count(*) from feed_row") == 1


def test_a_correction_is_version_two_and_version_one_is_kept(
    owner: Connection, catalogue: Catalogue
) -> None:
    delivered(owner, catalogue, [row()])
    receipt = delivered(owner, catalogue, [row(visits=50)], LATER)
    assert (receipt.rows_changed, receipt.version) == (1, 2)
    (change,) = receipt.changes
    assert (change.field, change.before, change.after, change.version) == ("visits", 40, 50, 2)
    versions = owner.execute(
        "select version, cells -> 'visits' from feed_row order by version"
    ).fetchall()
    assert versions == [(1, 40), (2, 50)]
    assert one(owner, "select cells -> 'visits' from feed_row_now") == 50


def test_a_part_of_a_period_leaves_the_rest_as_it_was(
    owner: Connection, catalogue: Catalogue
) -> None:
    delivered(owner, catalogue, [row(), row(AREAS[1])])
    receipt = delivered(owner, catalogue, [row(AREAS[2])], LATER)
    assert receipt.missing == 61
    assert one(owner, "select count(*) from feed_row_now") == 3


def test_a_key_that_comes_again_is_the_same_delivery(
    owner: Connection, catalogue: Catalogue
) -> None:
    first = delivered(owner, catalogue, [row()], idempotency_key="a")
    again = delivered(owner, catalogue, [row()], LATER, idempotency_key="a")
    assert (again.status, again.batch) == ("repeated", first.batch)
    assert one(owner, "select count(*) from feed_batch") == 1


def test_a_key_with_other_content_is_refused(owner: Connection, catalogue: Catalogue) -> None:
    delivered(owner, catalogue, [row()], idempotency_key="a")
    with pytest.raises(KeyReused):
        delivered(owner, catalogue, [row(visits=41)], idempotency_key="a")


def test_the_same_file_again_is_a_no_op(owner: Connection, catalogue: Catalogue) -> None:
    file = Original("a.xlsx", "x/y", hashlib.sha256(b"file").hexdigest(), 4)
    first = delivered(owner, catalogue, [row()], original=file)
    again = delivered(owner, catalogue, [row()], LATER, original=file)
    assert (again.status, again.batch) == ("repeated", first.batch)


def test_a_file_that_was_undone_may_come_again(owner: Connection, catalogue: Catalogue) -> None:
    file = Original("a.xlsx", "x/y", hashlib.sha256(b"file").hexdigest(), 4)
    first = delivered(owner, catalogue, [row()], original=file)
    undo(owner, catalogue, first.batch or 0, by="an", reason="nhầm", now=LATER)
    again = delivered(owner, catalogue, [row()], LATER, original=file)
    assert (again.status, again.rows_new) == ("accepted", 1)
    assert owner.execute("select version from feed_row order by 1").fetchall() == [(1,), (2,)]


def test_undoing_brings_back_what_counted_before(owner: Connection, catalogue: Catalogue) -> None:
    delivered(owner, catalogue, [row()])
    second = delivered(owner, catalogue, [row(visits=50)], LATER)
    assert undo(owner, catalogue, second.batch or 0, by="an", reason="nhầm", now=LATER) == FEED
    assert one(owner, "select cells -> 'visits' from feed_row_now") == 40
    assert figures(owner, "CDS.LUOT", AREAS[0])[0][1:2] == (40,)
    assert figures(owner, "CDS.LUOT", AREAS[0])[0][6] == 3


def test_undoing_the_only_delivery_withdraws_its_figures(
    owner: Connection, catalogue: Catalogue
) -> None:
    first = delivered(owner, catalogue, [row()])
    undo(owner, catalogue, first.batch or 0, by="an", reason="nhầm", now=LATER)
    assert one(owner, "select count(*) from feed_row_now") == 0
    (figure,) = figures(owner, "CDS.LUOT", AREAS[0])
    assert figure[1:4] == (None, None, None)
    assert figure[6] == 2


def test_a_row_after_an_undo_gets_a_number_that_was_never_given(
    owner: Connection, catalogue: Catalogue
) -> None:
    delivered(owner, catalogue, [row()])
    second = delivered(owner, catalogue, [row(visits=50)], LATER)
    undo(owner, catalogue, second.batch or 0, by="an", reason="nhầm", now=LATER)
    third = delivered(owner, catalogue, [row(visits=60)], LATER)
    assert third.version == 3
    assert [change.before for change in third.changes] == [40]


@pytest.mark.parametrize("times", [1, 2])
def test_nothing_is_undone_twice_and_what_is_not_there_not_at_all(
    owner: Connection, catalogue: Catalogue, times: int
) -> None:
    first = delivered(owner, catalogue, [row()])
    number = first.batch or 0
    if times == 2:
        undo(owner, catalogue, number, by="an", reason="nhầm", now=LATER)
    with pytest.raises(NothingToUndo):
        undo(owner, catalogue, number + (times == 1), by="an", reason="nhầm", now=LATER)


def test_a_bad_row_is_parked_with_its_reason_and_the_others_are_taken(
    owner: Connection, catalogue: Catalogue
) -> None:
    rows = [row(area) for area in catalogue.communes]
    rows[7] = {**rows[7], "visits": "không rõ"}
    receipt = delivered(owner, catalogue, rows)
    assert (receipt.status, receipt.rows_new, receipt.rows_parked) == ("partial", 63, 1)
    assert one(owner, "select area, raw ->> 'visits' from feed_parked_row") == (
        catalogue.communes[7],
        "không rõ",
    )
    assert one(owner, "select place, field, rule, severity from feed_problem") == (
        "8", "visits", "type", "error",
    )  # fmt: skip


def test_five_hundred_rows_with_one_bad_are_499_kept(
    owner: Connection, catalogue: Catalogue
) -> None:
    days = [f"2026-{month:02}-{day:02}" for month in range(1, 11) for day in range(1, 11)]
    rows = [row(area, day) for area in catalogue.communes[:5] for day in days]
    rows[250] = {**rows[250], "paid": 4_000}
    receipt = delivered(owner, catalogue, rows)
    assert (receipt.status, receipt.rows_new, receipt.rows_parked) == ("partial", 499, 1)


def test_where_a_feed_takes_no_part_one_bad_row_refuses_all(
    owner: Connection, strict: Catalogue
) -> None:
    rows = [row(area) for area in strict.communes]
    rows[7] = {**rows[7], "visits": "không rõ"}
    receipt = delivered(owner, strict, rows)
    assert (receipt.status, receipt.rows_new, receipt.rows_parked) == ("refused", 0, 1)
    assert one(owner, "select count(*) from feed_row") == 0
    assert one(owner, "select status from feed_batch") == "refused"
    with pytest.raises(NothingToUndo):
        undo(owner, strict, receipt.batch or 0, by="an", reason="nhầm", now=LATER)


def test_a_refused_file_may_be_sent_again(owner: Connection, strict: Catalogue) -> None:
    file = Original("a.xlsx", "x/y", hashlib.sha256(b"file").hexdigest(), 4)
    delivered(owner, strict, [row(visits="x")], original=file)
    again = delivered(owner, strict, [row(visits="x")], LATER, original=file)
    assert again.status == "refused"


def test_control_totals_are_kept_with_the_delivery(owner: Connection, catalogue: Catalogue) -> None:
    delivered(owner, catalogue, [row()], controls={"ngay": {"visits": 41.0}})
    assert one(owner, "select controls from feed_batch") == {"ngay": {"visits": 41.0}}


def test_the_contract_that_judged_a_delivery_is_kept(
    owner: Connection, catalogue: Catalogue
) -> None:
    delivered(owner, catalogue, [row()])
    feed = catalogue.feed(FEED)
    assert one(owner, "select contract_sha256 from feed_batch") == feed.sha256
    assert one(owner, "select body ->> 'id' from feed_contract") == FEED


def test_a_rule_looks_at_the_period_before_as_it_is_stored(
    owner: Connection, catalogue: Catalogue
) -> None:
    delivered(owner, catalogue, [row(period="2026-11-22", visits=40)])
    receipt = delivered(owner, catalogue, [row(visits=900)], LATER)
    assert receipt.counts == {"visits_steady": 1}
    assert receipt.rows_parked == 1


def test_an_undone_period_before_is_not_looked_at(owner: Connection, catalogue: Catalogue) -> None:
    first = delivered(owner, catalogue, [row(period="2026-11-22", visits=40)])
    undo(owner, catalogue, first.batch or 0, by="an", reason="nhầm", now=LATER)
    assert delivered(owner, catalogue, [row(visits=900)], LATER).rows_parked == 0


def test_rows_that_contradict_each_other_are_parked_with_their_identity(
    owner: Connection, catalogue: Catalogue
) -> None:
    receipt = delivered(owner, catalogue, [row(), row(visits=41), row(AREAS[1])])
    assert (receipt.rows_new, receipt.rows_parked, receipt.counts) == (1, 2, {"duplicate": 2})
    parked = owner.execute("select area, period from feed_parked_row").fetchall()
    assert parked == [(AREAS[0], "2026-11-23")] * 2


def test_a_sum_is_of_those_who_reported_and_says_how_many(
    owner: Connection, catalogue: Catalogue
) -> None:
    delivered(owner, catalogue, [row(), row(AREAS[1], visits=60)])
    whole, first, second = figures(owner, "CDS.LUOT", None)[2], *figures(owner, "CDS.LUOT")[:2]
    assert whole == ("96", 100, None, None, 2, 64, 1, "derived")
    assert first == (AREAS[0], 40, None, None, 1, 1, 1, "api")
    assert second[1] == 60


def test_a_ratio_of_the_province_is_that_of_its_sums_and_no_mean_of_ratios(
    owner: Connection, catalogue: Catalogue
) -> None:
    delivered(owner, catalogue, [row(visits=100, paid=10), row(AREAS[1], visits=10, paid=10)])
    (whole,) = figures(owner, "CDS.THANH_TOAN", "96")
    assert whole[1:6] == (pytest.approx(100 * 20 / 110), 20, 110, 2, 64)


def test_a_ratio_over_nothing_has_parts_and_no_value(
    owner: Connection, catalogue: Catalogue
) -> None:
    delivered(owner, catalogue, [row(visits=0, paid=0, level="thap"), row(AREAS[1])])
    (first,) = figures(owner, "CDS.THANH_TOAN", AREAS[0])
    assert first[1:4] == (None, 0, 0)
    (whole,) = figures(owner, "CDS.THANH_TOAN", "96")
    assert whole[1:4] == (50, 20, 40)


def test_a_condition_leaves_rows_out(owner: Connection, catalogue: Catalogue) -> None:
    delivered(owner, catalogue, [row(), row(AREAS[1], level="thap")])
    assert [figure[0] for figure in figures(owner, "CDS.KIN")] == [AREAS[0], "96"]


def test_a_figure_of_the_province_alone_adds_up_its_rows(
    owner: Connection, catalogue: Catalogue
) -> None:
    rows = [
        {"area": "96", "period": "2025", "goal": goal, "plan": 50, "done": 10 * goal}
        for goal in (1, 2, 3)
    ]
    delivered(owner, catalogue, rows, table="nam")
    (figure,) = figures(owner, "CDS.MUC_TIEU")
    assert figure[:4] == ("96", 40, 60, 150)


def test_one_simulated_part_makes_the_whole_simulated(
    owner: Connection, catalogue: Catalogue
) -> None:
    delivered(owner, catalogue, [row()], provenance="simulated")
    delivered(owner, catalogue, [row(AREAS[1])], LATER)
    assert figures(owner, "CDS.LUOT", "96")[0][7] == "simulated"
    assert figures(owner, "CDS.LUOT", AREAS[0])[0][7] == "simulated"
    assert figures(owner, "CDS.LUOT", AREAS[1])[0][7] == "api"


def test_a_figure_that_does_not_change_gets_no_version(
    owner: Connection, catalogue: Catalogue
) -> None:
    delivered(owner, catalogue, [row()])
    delivered(owner, catalogue, [row(amount=13)], LATER)
    assert figures(owner, "CDS.LUOT", AREAS[0])[0][6] == 1


def test_a_whole_is_as_old_as_its_oldest_part(owner: Connection, catalogue: Catalogue) -> None:
    old = NOW - timedelta(hours=9)
    delivered(owner, catalogue, [row()], changed_at=old)
    delivered(owner, catalogue, [row(AREAS[1])], LATER, changed_at=NOW)
    as_of, received = one(
        owner,
        "select as_of, received_at from figure_now where indicator = 'CDS.LUOT' and area = '96'",
    )
    assert (as_of, received) == (old, LATER)


def test_a_withdrawn_row_takes_its_part_out_of_the_whole(
    owner: Connection, catalogue: Catalogue
) -> None:
    delivered(owner, catalogue, [row()])
    second = delivered(owner, catalogue, [row(AREAS[1], visits=60)], LATER)
    undo(owner, catalogue, second.batch or 0, by="an", reason="nhầm", now=LATER)
    assert figures(owner, "CDS.LUOT", "96")[0][1:6] == (40, None, None, 1, 64)
    assert figures(owner, "CDS.LUOT", AREAS[1])[0][1] is None


@pytest.mark.parametrize(
    "statement", ["update feed_row set version = 9", "update figure set value = 1"]
)
def test_what_was_shown_once_is_never_changed(
    owner: Connection, catalogue: Catalogue, statement: str
) -> None:
    delivered(owner, catalogue, [row()])
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        owner.execute(statement)


def test_a_feed_that_is_not_there_takes_nothing(owner: Connection, catalogue: Catalogue) -> None:
    with pytest.raises(NoSuchFeed):
        deliver(owner, catalogue, batch([row()], feed="khong-co"), now=NOW)
    with pytest.raises(NoSuchFeed):
        deliver(owner, catalogue, batch([row()], table="gio"), now=NOW)


def test_letters_that_the_database_cannot_hold_are_kept_as_far_as_they_can(
    owner: Connection, catalogue: Catalogue
) -> None:
    receipt = delivered(owner, catalogue, [row(visits="a\0b"), row(AREAS[1], note="x\0y")])
    assert receipt.rows_parked == 1
    assert one(owner, "select cells ->> 'note' from feed_row") == "xy"


@pytest.fixture
def second(postgres: Server, database: str) -> Iterator[Connection]:
    """Another connection to the same database."""
    with psycopg.connect(postgres.url(database), autocommit=True) as connection:
        yield connection


def test_two_deliveries_at_once_are_two_versions(
    owner: Connection, second: Connection, catalogue: Catalogue
) -> None:
    delivered(owner, catalogue, [row(visits=1, paid=0, level="thap")])
    receipts = []

    def send(connection: Connection, visits: int) -> None:
        receipts.append(delivered(connection, catalogue, [row(visits=visits)], LATER))

    threads = [
        threading.Thread(target=send, args=(connection, visits))
        for connection, visits in ((owner, 50), (second, 60))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(receipt.version for receipt in receipts) == [2, 3]
    assert one(owner, "select count(*) from feed_row") == 3


def test_a_delivery_that_breaks_off_leaves_nothing(owner: Connection, catalogue: Catalogue) -> None:
    with owner.transaction(force_rollback=True):
        delivered(owner, catalogue, [row()])
    assert one(owner, "select count(*) from feed_batch") == 0
    assert one(owner, "select count(*) from feed_row") == 0
