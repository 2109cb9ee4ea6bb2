"""Laws of the spool: what was appended is there, in order, once, after every crash."""

import base64
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.events import violation_data
from tests.unit.edge.parts import ANY_QUOTA, BOX, NOON, traffic

from ioc_edge.errors import EventInvalid, EventTooLarge, SpoolBusy, SpoolClosed, SpoolFull
from ioc_edge.spool import Draft, Origin, Quota, Spool, as_replayed
from ioc_models.events import MAX_EVENT_BYTES, content_sha256, signed_bytes

NewSpool = Callable[..., Spool]

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 5), st.just(0)),
        st.tuples(st.just("acknowledge"), st.integers(1, 12), st.integers(0, 6)),
        st.tuples(st.just("reject"), st.integers(1, 12), st.just(0)),
        st.tuples(st.just("crash"), st.just(0), st.just(0)),
    ),
    max_size=12,
)


def fill(spool: Spool) -> None:
    while True:
        for done in [spool.submit(traffic()) for _ in range(50)]:
            done.result()


def as_a_power_cut_leaves_it(spool: Spool, folder: Path) -> Path:
    """The files as they lie, without the close that a crash never grants."""
    for part in spool.path.parent.glob("spool.sqlite3*"):
        shutil.copy(part, folder / part.name)
    return folder / spool.path.name


@settings(max_examples=12, deadline=None)
@given(STEPS)
def test_events_stay_contiguous_and_settle_once_through_any_crash(
    steps: list[tuple[str, int, int]],
) -> None:
    with tempfile.TemporaryDirectory() as root:
        path = Path(root, "0", "spool.sqlite3")
        spool = Spool(path, Origin(BOX), quota=ANY_QUOTA)
        epoch, appended, settled = spool.epoch, 0, set[int]()
        for number, (what, first, more) in enumerate(steps, start=1):
            if what == "append":
                seqs = [done.result() for done in [spool.submit(traffic()) for _ in range(first)]]
                assert seqs == list(range(appended + 1, appended + first + 1))
                appended += first
            elif what == "acknowledge":
                fresh = set(range(first, min(first + more, appended) + 1)) - settled
                assert spool.acknowledge([(first, first + more)]).result() == len(fresh)
                settled |= fresh
            elif what == "reject":
                waiting = first <= appended and first not in settled
                assert spool.quarantine(first, "schema").result() is waiting
                settled |= {first} if waiting else set()
            else:
                folder = Path(root, str(number))
                folder.mkdir()
                copy = as_a_power_cut_leaves_it(spool, folder)
                spool.close()
                spool = Spool(copy, Origin(BOX), quota=ANY_QUOTA)
            left = [stored.seq for stored in spool.unacknowledged()]
            assert left == sorted(set(range(1, appended + 1)) - settled)
            assert spool.backlog == len(left)
            assert spool.last_seq == appended
            assert spool.epoch == epoch
        spool.close()


def test_each_event_carries_the_hash_of_the_one_before(new_spool: NewSpool) -> None:
    spool = new_spool()
    for _ in range(5):
        spool.append(traffic())
    bodies = [json.loads(stored.body) for stored in spool.unacknowledged()]
    assert "prev" not in bodies[0]
    for before, after in itertools.pairwise(bodies):
        assert after["prev"] == content_sha256(before)


def test_the_signature_covers_the_envelope_but_not_the_replay_mark(new_spool: NewSpool) -> None:
    key = Ed25519PrivateKey.generate()
    spool = new_spool(signer=key)
    spool.append(traffic())
    stored = spool.unacknowledged()[0]
    for body in (json.loads(stored.body), json.loads(as_replayed(stored.body))):
        key.public_key().verify(base64.b64decode(body["sig"]), signed_bytes(body))


def test_a_resend_is_marked_and_hashes_the_same(new_spool: NewSpool) -> None:
    spool = new_spool()
    spool.append(traffic())
    first = json.loads(spool.unacknowledged()[0].body)
    again = json.loads(as_replayed(spool.unacknowledged()[0].body))
    assert (first["replayed"], again["replayed"]) == (False, True)
    assert content_sha256(first) == content_sha256(again)


def test_appends_from_many_threads_take_seqs_without_holes(new_spool: NewSpool) -> None:
    spool = new_spool()
    seqs: list[int] = []
    threads = [
        threading.Thread(target=lambda: seqs.extend(spool.append(traffic()) for _ in range(10)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seqs) == list(range(1, 81))


def test_an_appended_event_outlives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite3"
    program = (
        "import sys; from pathlib import Path; from ioc_edge.spool import *;"
        "from tests.unit.edge.parts import traffic, BOX;"
        "spool = Spool(Path(sys.argv[1]), Origin(BOX), quota=Quota(keep_free_bytes=0))\n"
        "while True: print(spool.append(traffic()), flush=True)"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, path],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    assert child.stdout is not None
    with child.stdout as printed:
        told = [int(printed.readline()) for _ in range(10)]
        os.kill(child.pid, signal.SIGKILL)
        told += [int(line) for line in printed if line.endswith(b"\n")]
    child.wait()
    spool = Spool(path, Origin(BOX), quota=ANY_QUOTA)
    kept = [stored.seq for stored in spool.unacknowledged()]
    spool.close()
    assert kept[: len(told)] == told
    assert kept == list(range(1, len(kept) + 1))


def test_an_event_over_the_wire_limit_is_refused_and_takes_no_seq(new_spool: NewSpool) -> None:
    spool = new_spool()
    counts = {"car": 1}
    huge = Draft("water", NOON, {"values": {f"v{i}": "x" * 500 for i in range(64)}})
    many = Draft("traffic", NOON, {**traffic().data, "counts": counts})
    assert spool.append(huge) == 1
    too_large = Draft("water", NOON, {"values": {f"v{i}": "ộ" * 500 for i in range(64)}})
    with pytest.raises(EventTooLarge, match=str(MAX_EVENT_BYTES)):
        spool.append(too_large)
    assert spool.append(many) == 2


def test_an_event_that_the_cloud_would_park_is_refused_here(new_spool: NewSpool) -> None:
    spool = new_spool()
    with pytest.raises(EventInvalid, match="frames"):
        spool.append(Draft("traffic", NOON, {**traffic().data, "frames": -1}))
    with pytest.raises(EventInvalid):
        spool.append(Draft("water", NOON, {"values": {"level": float("nan")}}))
    assert spool.append(traffic()) == 1


def test_counts_are_refused_before_violations_and_the_refusal_is_declared(
    new_spool: NewSpool,
) -> None:
    spool = new_spool(quota=Quota(spool_bytes=400_000, keep_free_bytes=0))
    with pytest.raises(SpoolFull, match="traffic"):
        fill(spool)
    violation = Draft("violation", NOON, violation_data())
    kept = spool.append(violation)
    spool.acknowledge([(1, kept)]).result()
    spool.append(traffic())
    declared = [
        json.loads(stored.body)["data"]["values"]
        for stored in spool.unacknowledged()
        if stored.kind == "spool"
    ]
    assert declared[0]["refused_traffic"] >= 1


def test_a_nearly_full_disk_refuses_events(new_spool: NewSpool) -> None:
    spool = new_spool(quota=Quota(keep_free_bytes=2**62))
    with pytest.raises(SpoolFull):
        spool.append(traffic())


def test_a_corrupt_spool_is_put_aside_and_said_so(new_spool: NewSpool, tmp_path: Path) -> None:
    path = tmp_path / "broken.sqlite3"
    path.write_bytes(b"SQLite format 3\x00" + b"\xff" * 8192)
    spool = new_spool(path)
    assert spool.replaced is not None
    assert spool.replaced.read_bytes().startswith(b"SQLite format 3")
    spool.append(traffic())
    first = json.loads(spool.unacknowledged()[0].body)
    assert first["data"]["values"]["set_aside"] == spool.replaced.name
    assert first["seq"] == 1


def test_a_new_file_is_a_new_epoch(new_spool: NewSpool, tmp_path: Path) -> None:
    assert new_spool(tmp_path / "a.sqlite3").epoch != new_spool(tmp_path / "b.sqlite3").epoch


def test_two_agents_cannot_share_a_spool(new_spool: NewSpool) -> None:
    new_spool()
    with pytest.raises(SpoolBusy):
        new_spool()


def test_a_closed_spool_says_so(new_spool: NewSpool) -> None:
    spool = new_spool()
    spool.close()
    with pytest.raises(SpoolClosed):
        spool.append(traffic())


def test_acknowledged_events_are_kept_a_day_and_then_purged(new_spool: NewSpool) -> None:
    clock = [NOON]
    spool = new_spool(now=lambda: clock[0])
    for _ in range(3):
        spool.append(traffic())
    spool.acknowledge([(1, 2)]).result()
    for later, rows in ((timedelta(hours=23), 3), (timedelta(hours=25), 1)):
        clock[0] = NOON + later
        spool._submit(spool._purge).result()
        assert spool._reader_db.execute("SELECT count(*) FROM event").fetchone() == (rows,)
    assert spool.append(traffic()) == 4
