"""Every fault that a source can have: no row lost, none doubled, the raw answer kept."""

import io
import json
import zipfile
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.province import Played, played

from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds.batch import Receipt
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.simulate.faults import Fault
from ioc_models.feeds.contract import Paging

HEALTH = "y-te"
# Eleven days of 64 communes: enough rows to lose one among.
BEGIN = "2026-11-14"


@pytest.fixture(autouse=True)
def begun(owner: Connection) -> None:
    owner.execute("insert into feed_source (feed, cursor) values (%s, %s)", (HEALTH, BEGIN))


def truth(province: Played, feed: str = HEALTH, table: str = "ngay") -> list[Any]:
    """What the sound source says, from a second look without faults."""
    return [row[:4] for row in province.rows(feed, table)]


def sound(province: Played, feed: str = HEALTH) -> list[Any]:
    """Pull without faults and say what stands; the province is as it was before."""
    province.faults()
    receipt = province.pull(feed)
    assert receipt is not None
    assert receipt.status in {"accepted", "repeated"}
    return truth(province, feed)


def none_doubled(province: Played) -> None:
    """No row has a second version, and no two batches say the same."""
    assert province.one("select coalesce(max(version), 1) from feed_row") == 1
    assert province.one("select count(*) from feed_batch where rows_new > 0") == 1


def originals_kept(province: Played) -> None:
    for (digest,) in province.owner.execute(
        "select encode(original_sha256, 'hex') from feed_batch"
    ).fetchall():
        with province.store.open(digest) as file, zipfile.ZipFile(file) as archive:
            assert json.loads(archive.read("manifest.json"))["pages"]
            assert archive.testzip() is None


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="error", feed=HEALTH, times=2, after=1),
        Fault(kind="error", feed=HEALTH, times=3, value=503),
        Fault(kind="throttle", feed=HEALTH, times=2, value=7),
        Fault(kind="cut", feed=HEALTH, times=2, after=3),
        Fault(kind="slow", feed=HEALTH, times=1, value=0.2),
        Fault(kind="token_expires", feed=HEALTH, value=2),
        Fault(kind="duplicates", feed=HEALTH),
        Fault(kind="moving", feed=HEALTH, after=2, times=12, value=3),
    ],
    ids=lambda fault: fault.kind,
)
def test_a_fault_that_passes_costs_no_row(province: Played, fault: Fault) -> None:
    province.faults(fault)

    receipt = province.pull(HEALTH)

    assert receipt is not None
    assert receipt.rows_parked == 0
    none_doubled(province)
    originals_kept(province)
    taken = truth(province)
    province.owner.execute("update feed_source set cursor = %s", (BEGIN,))
    assert sound(province) == taken
    assert province.one("select coalesce(max(version), 1) from feed_row") == 1


def test_a_source_that_wants_to_be_left_alone_is(province: Played) -> None:
    province.faults(Fault(kind="throttle", feed=HEALTH, times=1, value=7))

    province.pull(HEALTH)

    assert len(province.pauses) == 1
    assert province.pauses[0] >= 7


def test_a_source_that_wants_an_hour_gets_it_without_anybody_waiting(province: Played) -> None:
    province.faults(Fault(kind="throttle", feed=HEALTH, value=3600))

    assert province.pull(HEALTH) is None

    assert province.pauses == []
    cursor, failures, failure, next_at = province.standing(HEALTH)
    assert (cursor, failures) == (BEGIN, 1)
    assert failure is not None
    assert "429" in failure
    assert next_at is not None
    assert next_at >= province.now + timedelta(hours=1)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(kind="error", feed=HEALTH), "500"),
        (Fault(kind="cut", feed=HEALTH), "RemoteProtocolError"),
        (Fault(kind="garbage", feed=HEALTH), "JSON"),
        (Fault(kind="repeat_page", feed=HEALTH), "trang 2 lặp lại"),
        (Fault(kind="repeat_page", feed=HEALTH, after=1, times=1), "trang 3 lặp lại"),
        (Fault(kind="error", feed=HEALTH, value=403), "không nhận khóa"),
        (Fault(kind="error", feed=HEALTH, value=302), "302"),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else value,
)
def test_a_fault_that_stays_moves_nothing_and_says_why(
    province: Played, fault: Fault, said: str
) -> None:
    province.faults(fault)

    assert province.pull(HEALTH) is None

    cursor, failures, failure, next_at = province.standing(HEALTH)
    assert (cursor, failures) == (BEGIN, 1)
    assert failure is not None
    assert said in failure
    assert next_at is not None
    assert next_at > province.now
    assert province.one("select count(*) from feed_batch") == 0
    sound(province)
    none_doubled(province)
    assert province.standing(HEALTH)[1:3] == (0, None)


def test_a_source_is_asked_ever_more_seldom_and_at_once_when_it_is_back(province: Played) -> None:
    province.faults(Fault(kind="error", feed=HEALTH))
    rests = []
    for _ in range(8):
        province.pull(HEALTH)
        next_at = province.standing(HEALTH)[3]
        assert next_at is not None
        rests.append(next_at - province.now)
        province.now = next_at

    assert rests == sorted(rests)
    assert timedelta(seconds=50) < rests[0] < timedelta(seconds=70)
    assert rests[-1] <= timedelta(hours=1.1)
    sound(province)
    assert province.standing(HEALTH)[3] == province.now + timedelta(hours=1)


def test_what_cannot_be_read_is_kept(province: Played) -> None:
    province.faults(Fault(kind="garbage", feed=HEALTH))

    province.pull(HEALTH)

    kept = [path for path in (province.home / "evidence").rglob("*") if len(path.name) == 64]
    assert len(kept) == 1
    with zipfile.ZipFile(io.BytesIO(kept[0].read_bytes())) as archive:
        assert b"<form>" in archive.read("page-00001.json")


def drifted(receipt: Receipt | None) -> list[Any]:
    assert receipt is not None
    return [one for one in receipt.problems if one.rule == "schema_drift"]


def test_a_renamed_column_is_told_by_its_path_and_the_rest_is_taken(province: Played) -> None:
    province.faults(Fault(kind="drift", feed=HEALTH, text="beds"))

    receipt = province.pull(HEALTH)

    found = drifted(receipt)
    assert [(one.table, one.field, one.value) for one in found] == [("ngay", "beds", "giuong")] + (
        [("thang", "infants", "tre")] if len(found) > 1 else []
    )
    assert "giuong_moi" in found[0].vi
    assert receipt is not None
    assert receipt.rows_new > 0
    assert all(row[3]["beds"] is None for row in province.rows(HEALTH, "ngay"))


def test_after_a_renamed_column_the_cursor_waits_until_the_source_is_mended(
    province: Played,
) -> None:
    province.faults(Fault(kind="drift", feed=HEALTH, text="beds"))
    province.pull(HEALTH)
    cursor, failures, failure, _ = province.standing(HEALTH)
    assert (cursor, failures) == (BEGIN, 0)
    assert failure is not None
    assert "giuong" in failure

    province.faults()
    province.pull(HEALTH)

    assert province.standing(HEALTH)[0] != BEGIN
    assert all(row[3]["beds"] is not None for row in province.rows(HEALTH, "ngay"))


def test_a_lost_key_column_parks_its_rows_and_loses_none(province: Played) -> None:
    province.faults(Fault(kind="drift", feed=HEALTH, text="area"))

    receipt = province.pull(HEALTH)

    assert receipt is not None
    assert receipt.rows_parked == receipt.rows_in > 0
    assert {one.severity for one in drifted(receipt)} == {"error"}
    assert province.one("select count(*) from feed_parked_row") == receipt.rows_in
    assert province.standing(HEALTH)[0] == BEGIN
    assert sound(province)


def test_a_kept_answer_is_delivered_again_under_a_corrected_contract(
    province: Played, tmp_path: Path
) -> None:
    province.faults(Fault(kind="drift", feed=HEALTH, text="beds"))
    province.pull(HEALTH)
    digest = province.one("select encode(original_sha256, 'hex') from feed_batch")
    folder = tmp_path / "contracts"
    folder.mkdir()
    body = yaml.safe_load(province.catalogue.feed(HEALTH).model_dump_json())
    body["pull"]["tables"][0]["columns"]["beds"]["path"] = "giuong_moi"
    (folder / f"{HEALTH}.yaml").write_text(yaml.safe_dump(body), encoding="utf-8")
    province.catalogue = Catalogue.of_province(folder)

    receipt = province.puller().again(HEALTH, digest, province.now)

    assert receipt.rows_changed > 0
    assert all(row[3]["beds"] is not None for row in province.rows(HEALTH, "ngay"))


def test_records_of_another_shape_are_parked_alone(province: Played) -> None:
    province.faults(Fault(kind="bad_records", feed=HEALTH, value=1))

    receipt = province.pull(HEALTH)

    assert receipt is not None
    assert receipt.status == "partial"
    assert receipt.counts["shape"] == receipt.rows_parked
    raw = province.one("select raw from feed_parked_row limit 1")
    assert raw == {"record": '"???"'}
    assert receipt.rows_new == receipt.rows_in - receipt.rows_parked
    assert receipt.rows_new > 499


def whole_or_nothing(province: Played, folder: Path) -> None:
    folder.mkdir()
    (folder / f"{HEALTH}.yaml").write_text("partial: false\n", encoding="utf-8")
    province.catalogue = Catalogue.of_province(folder)


def test_one_bad_record_holds_the_batch_back_where_all_or_nothing_is_agreed(
    province: Played, tmp_path: Path
) -> None:
    whole_or_nothing(province, tmp_path / "contracts")
    province.faults(Fault(kind="bad_records", feed=HEALTH, value=1))

    receipt = province.pull(HEALTH)

    assert receipt is not None
    assert receipt.status == "refused"
    assert province.rows(HEALTH, "ngay") == []
    originals_kept(province)
    assert sound(province)


def test_a_wrong_unit_parks_what_cannot_be_and_leaves_the_rest(province: Played) -> None:
    province.faults(Fault(kind="units", feed=HEALTH, text="beds"))

    receipt = province.pull(HEALTH)

    assert receipt is not None
    parked = province.one("select count(*) from feed_parked_row where tbl = 'ngay'")
    assert parked > 0
    assert receipt.counts["max"] >= parked


def test_wrong_totals_are_kept_beside_what_the_rows_add_up_to(province: Played) -> None:
    province.faults(Fault(kind="wrong_totals", feed=HEALTH))

    province.pull(HEALTH)

    said = province.one("select (controls -> 'ngay' ->> 'visits')::float8 from feed_batch")
    added = province.one(
        "select sum((cells ->> 'visits')::int) from feed_row_now where tbl = 'ngay'"
    )
    assert said == pytest.approx(added * 1.1)


def test_what_a_source_brings_days_late_comes_in_when_it_brings_it(province: Played) -> None:
    province.faults(Fault(kind="late", feed=HEALTH, value=3))
    province.pull(HEALTH)
    assert max(row[0] for row in province.rows(HEALTH, "ngay")) == "2026-11-20"

    province.now += timedelta(days=3)
    receipt = province.pull(HEALTH)

    assert receipt is not None
    assert receipt.periods == ("2026-11-21", "2026-11-22", "2026-11-23")
    assert province.one("select max(version) from feed_row") == 1


def test_a_day_that_a_day_source_brings_late_is_asked_for_again(province: Played) -> None:
    """Land says its day in a file of that day; the first look comes before it is written."""
    province.faults(Fault(kind="late", feed="dat-dai", value=2))
    province.pull("dat-dai")
    before = {row[0] for row in province.rows("dat-dai", "ngay")}
    assert "2026-11-23" not in before

    province.faults()
    province.pull("dat-dai")

    assert "2026-11-23" in {row[0] for row in province.rows("dat-dai", "ngay")}


def test_an_answer_without_end_is_cut_off(province: Played) -> None:
    assert province.pull(HEALTH, most_bytes=10_000) is None

    assert "10000" in str(province.standing(HEALTH)[2])


def test_a_missing_secret_is_named_and_never_shown(province: Played) -> None:
    (province.home / "secrets" / "source-y-te").unlink()

    assert province.pull(HEALTH) is None

    assert "source-y-te" in str(province.standing(HEALTH)[2])


def test_a_wrong_secret_is_not_repeated_to_anybody(province: Played) -> None:
    (province.home / "secrets" / "source-y-te").write_text("not-the-secret", encoding="utf-8")
    province.province.secret_of = {"source-y-te": "the-secret"}.__getitem__

    assert province.pull(HEALTH) is None

    failure = str(province.standing(HEALTH)[2])
    assert "không nhận khóa" in failure
    assert "secret" not in failure


def test_nobody_there_is_a_failure_like_any_other(province: Played) -> None:
    receipt = province.puller(base="http://127.0.0.1:9").pull(HEALTH, province.now)

    assert receipt is None
    assert "ConnectError" in str(province.standing(HEALTH)[2])


def test_two_processes_do_not_ask_one_source_at_once(province: Played, owner: Connection) -> None:
    owner.execute("select pg_advisory_lock(hashtext('ioc-source'), hashtext(%s))", (HEALTH,))

    assert province.pull(HEALTH) is None

    assert province.one("select tried_at from feed_source") is None


STYLES = [
    Paging(style="page", size=40, first=1),
    Paging(style="page", size=40, first=0),
    Paging(style="offset", size=40, first=0),
    Paging(style="cursor", size=40, cursor_path="trang.sau"),
    Paging(style="link", size=40, first=0),
]


@pytest.mark.parametrize("paging", STYLES, ids=lambda one: f"{one.style}-{one.first}")
def test_every_way_of_paging_brings_the_same_rows(
    owner: Connection, feeds_url: str, tmp_path: Path, paging: Paging
) -> None:
    folder = tmp_path / "contracts"
    folder.mkdir()
    body = {"pull": {"paging": paging.model_dump()}}
    (folder / f"{HEALTH}.yaml").write_text(yaml.safe_dump(body), encoding="utf-8")
    noon = datetime.fromisoformat("2026-11-24T05:00:00+00:00")
    with played(owner, feeds_url, tmp_path, Catalogue.of_province(folder), noon) as province:
        receipt = province.pull(HEALTH)
        assert receipt is not None
        counts = Counter(row[0] for row in province.rows(HEALTH, "ngay"))
        assert set(counts.values()) == {64}
        assert len(counts) == 11
