"""A connector is killed between what it fetched and its commit: exactly once all the same."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.support import pull_child
from tests.support.province import Played

from ioc_cloud.db.pool import Connection, connect
from ioc_cloud.feeds.doors.folder import WatchedFolders

HEALTH = "y-te"


@contextmanager
def held(owner_url: str, statement: str) -> Iterator[Connection]:
    """Somebody holds a lock that the connector needs before it can commit."""
    with psycopg.connect(owner_url) as connection:
        connection.execute(statement)  # type: ignore[call-overload]
        yield connection
        connection.rollback()


def doomed(province: Played, **told: Any) -> subprocess.Popen[bytes]:
    body = {
        "home": str(province.home),
        "now": province.now.isoformat(),
        "database_url": province.database_url,
        "url": province.url,
        "feed": HEALTH,
        **told,
    }
    return subprocess.Popen(
        [sys.executable, pull_child.__file__, json.dumps(body)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )


def wait_for(owner: Connection, what: str) -> None:
    """Until the connector waits for the lock, with everything else behind it."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        row = owner.execute(
            "select count(*) from pg_stat_activity where application_name = 'ioc-doomed'"
            " and wait_event_type = 'Lock' and query like %s",
            (what,),
        ).fetchone()
        if row and row[0]:
            return
        time.sleep(0.05)
    raise AssertionError("the connector never came to the lock")


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert process.stdout is not None
    process.stdout.close()


# Before anything of the delivery is written, and after all of it is, the cursor alone missing.
MOMENTS = {
    "before a row": (
        "select pg_advisory_xact_lock(hashtext('ioc-feed'), hashtext('y-te'))",
        "%pg_advisory_xact_lock%",
    ),
    "before the cursor": (
        "update feed_source set tried_at = tried_at where feed = 'y-te'",
        "%update feed_source%",
    ),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_puller_has_delivered_nothing_and_the_next_delivers_once(
    province: Played, owner: Connection, moment: str
) -> None:
    lock, waits_in = MOMENTS[moment]
    owner.execute("insert into feed_source (feed, cursor) values (%s, '2026-11-18')", (HEALTH,))
    with held(owner.info.dsn, lock):
        process = doomed(province, door="pull")
        wait_for(owner, waits_in)
        kill(process)
    assert province.one("select count(*) from feed_batch") == 0
    assert province.standing(HEALTH)[0] == "2026-11-18"

    receipt = province.pull(HEALTH)

    assert receipt is not None
    assert receipt.rows_new == receipt.rows_in == province.one("select count(*) from feed_row")
    assert province.one("select max(version) from feed_row") == 1
    assert province.pull(HEALTH) is None


def folders(province: Played) -> WatchedFolders:
    opener = partial(connect, province.database_url, application="test")
    found = WatchedFolders(opener, province.catalogue, province.store, province.home / "inbox")
    found.open()
    return found


def rows(n: int = 500) -> list[dict[str, Any]]:
    return [
        {"area": area, "period": f"2026-11-{day:02}", "visits": 100, "inpatients": 10, "beds": 40,
         "dengue": 1, "hfmd": 0}
        for day in range(1, 24)
        for area in ("31825", "31834", "31840", "31843")
    ][:n]  # fmt: skip


def test_a_file_whose_taker_was_killed_before_its_commit_is_taken_once(
    province: Played, owner: Connection
) -> None:
    watched = folders(province)
    file = watched.inbox(HEALTH) / "so-lieu.json"
    file.write_text(json.dumps(rows()), encoding="utf-8")
    with held(owner.info.dsn, MOMENTS["before a row"][0]):
        process = doomed(province, door="folder", file=str(file))
        wait_for(owner, MOMENTS["before a row"][1])
        kill(process)
    assert province.one("select count(*) from feed_batch") == 0
    assert file.exists()

    watched.look(province.now)
    (taken,) = watched.look(province.now)

    assert taken.receipt is not None
    assert taken.receipt.rows_new == len(rows())


def test_a_file_whose_taker_was_killed_after_its_commit_is_not_taken_again(
    province: Played,
) -> None:
    watched = folders(province)
    file = watched.inbox(HEALTH) / "so-lieu.json"
    file.write_text(json.dumps(rows()), encoding="utf-8")
    before = file.read_bytes()
    watched.take(HEALTH, file, province.now)
    # As it was when the power went after the commit: the file is still there.
    Path(file).write_bytes(before)

    watched.look(province.now)
    (taken,) = watched.look(province.now)

    assert taken.receipt is not None
    assert taken.receipt.status == "repeated"
    assert province.one("select count(*) from feed_batch") == 1
    assert not file.exists()
