"""The past of all things: what it was, for whom, and how far back it reaches."""

import base64
import random
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
import psycopg
import pytest
from tests.support.postgres import Server

from ioc_cloud.db.pool import Connection
from ioc_cloud.twin.ioc import asof, keeping

Ask = Callable[..., httpx.Client]
Make = Callable[..., None]
READ = {"/": {"grant": ["READ"]}}
PATCH = {"Content-Type": "application/merge-patch+json"}


def now(owner: Connection) -> datetime:
    time.sleep(0.002)
    row = owner.execute("select clock_timestamp()").fetchone()
    assert row is not None
    time.sleep(0.002)
    at: datetime = row[0]
    return at


def as_of(client: httpx.Client, at: datetime, **asked: Any) -> dict[str, dict[str, Any]]:
    answer = client.get("/api/ioc/as-of", params={"time": at.isoformat(), **asked})
    assert answer.status_code == 200, answer.text
    return {one["thingId"]: one for one in answer.json()["items"]}


def test_every_past_moment_is_what_it_was_then(
    ask: Ask, policy: Callable[..., str], owner: Connection
) -> None:
    policy("org.p:p")
    client, dice = ask("owner"), random.Random(7)
    moments: list[tuple[datetime, dict[str, Any]]] = []
    for _ in range(60):
        name = f"org.p:t{dice.randrange(4)}"
        path = f"/api/2/things/{name}"
        value = {"n": dice.randrange(9), f"k{dice.randrange(3)}": {"deep": dice.randrange(9)}}
        match dice.randrange(5):
            case 0:
                client.put(path, json={"policyId": "org.p:p", "attributes": value})
            case 1 | 2:
                client.patch(path, json={"attributes": {**value, "k1": None}}, headers=PATCH)
            case 3:
                client.delete(f"{path}/attributes/n")
            case _:
                client.delete(path)
        moments.append((now(owner), {
            one["thingId"]: one
            for one in client.get("/api/2/search/things?namespaces=org.p").json()["items"]
        }))  # fmt: skip
    for at, then in moments:
        assert as_of(client, at, namespaces="org.p") == then


def test_more_changes_than_a_snapshot_spans_are_replayed(
    ask: Ask, policy: Callable[..., str], make: Make, owner: Connection
) -> None:
    policy("org.p:p")
    make("org.p:t", {"attributes": {"n": 0}}, "org.p:p")
    for n in range(1, 121):
        ask("owner").put("/api/2/things/org.p:t/attributes/n", json=n)
        if n == 77:
            then = now(owner)
    assert as_of(ask("owner"), then)["org.p:t"]["attributes"] == {"n": 77}


def test_todays_policy_decides_over_the_past(
    ask: Ask, policy: Callable[..., str], make: Make, owner: Connection
) -> None:
    policy("org.p:open", an=READ)
    make("org.p:t", {"attributes": {"plate": "69A", "n": 1}}, "org.p:open")
    then = now(owner)
    assert as_of(ask("an"), then)["org.p:t"]["attributes"]["plate"] == "69A"
    policy("org.p:open", an={**READ, "/attributes/plate": {"revoke": ["READ"]}})
    assert as_of(ask("an"), then)["org.p:t"]["attributes"] == {"n": 1}
    assert as_of(ask("an"), then, filter='eq(attributes/plate,"69A")') == {}
    policy("org.p:open")
    assert as_of(ask("an"), then) == {}
    ask("owner").delete("/api/2/things/org.p:t")
    assert as_of(ask("an"), then) == {}
    assert as_of(ask("owner"), then)["org.p:t"]["attributes"]["n"] == 1


def test_filters_fields_and_pages_of_the_past(
    ask: Ask, policy: Callable[..., str], make: Make, owner: Connection
) -> None:
    policy("org.p:p", an=READ)
    for n in range(7):
        make(f"org.p:t{n}", {"attributes": {"n": n}}, "org.p:p")
    then = now(owner)
    assert list(as_of(ask("an"), then, filter="ge(attributes/n,5)")) == ["org.p:t5", "org.p:t6"]
    cut = as_of(ask("an"), then, fields="thingId,_revision", namespaces="org.p")
    assert cut["org.p:t0"] == {"thingId": "org.p:t0", "_revision": 1}
    pages, cursor = list[str](), ""
    while True:
        asked = {"time": then.isoformat(), "size": 3, "cursor": cursor}
        body = ask("an").get("/api/ioc/as-of", params=asked).json()
        pages += [one["thingId"] for one in body["items"]]
        cursor = body.get("cursor", "")
        if not cursor:
            break
    assert pages == [f"org.p:t{n}" for n in range(7)]


def test_the_past_on_a_map_has_the_places_of_then(
    ask: Ask, policy: Callable[..., str], make: Make, owner: Connection
) -> None:
    policy("org.p:p", an=READ)
    policy("org.p:hidden", an={**READ, "/attributes/location": {"revoke": ["READ"]}})
    shape = {"type": "Point", "coordinates": [105.1, 9.1]}
    make("org.p:boat", {"attributes": {"location": shape}}, "org.p:p")
    make("org.p:dark", {"attributes": {"location": shape, "n": 1}}, "org.p:hidden")
    then = now(owner)
    moved = {"attributes": {"location": {"coordinates": [104.8, 8.7]}}}
    ask("owner").patch("/api/2/things/org.p:boat", json=moved, headers=PATCH)
    answer = ask("an").get(
        "/api/ioc/as-of", params={"time": then.isoformat(), "fields": "thingId"},
        headers={"Accept": "application/geo+json"},
    )  # fmt: skip
    assert answer.headers["content-type"] == "application/geo+json"
    assert answer.json()["features"] == [
        {"type": "Feature", "id": "org.p:boat", "geometry": shape,
         "properties": {"thingId": "org.p:boat"}}
    ]  # fmt: skip


def test_a_cursor_names_no_hidden_thing(
    ask: Ask, policy: Callable[..., str], make: Make, owner: Connection
) -> None:
    policy("org.p:p", an=READ)
    policy("org.p:closed")
    for n in range(6):
        make(f"org.p:t{n}", {"attributes": {}}, "org.p:closed" if n % 2 else "org.p:p")
    ask("owner").delete("/api/2/things/org.p:t1")
    then, seen = now(owner), list[str]()
    make("org.p:t3", {"attributes": {"later": 1}}, "org.p:closed")
    ask("owner").delete("/api/2/things/org.p:t3")
    cursor = ""
    while True:
        asked = {"time": then.isoformat(), "size": 1, "cursor": cursor}
        body = ask("an").get("/api/ioc/as-of", params=asked).json()
        seen += [one["thingId"] for one in body["items"]]
        cursor = body.get("cursor", "")
        named = base64.urlsafe_b64decode(cursor + "==").decode()
        assert not any(f"org.p:t{n}" in named for n in (1, 3, 5))
        if not cursor:
            break
    assert seen == ["org.p:t0", "org.p:t2", "org.p:t4"]


@pytest.mark.parametrize(
    "asked", [{}, {"time": "yesterday"}, {"time": "2999-01-01T00:00:00Z"}, {"size": "-1"}]
)
def test_a_moment_that_is_none_is_refused(ask: Ask, asked: dict[str, str]) -> None:
    assert ask("an").get("/api/ioc/as-of", params=asked).status_code == 400


# --- the end of the past --------------------------------------------------------------


def backdate(owner: Connection, days: float) -> None:
    """Let everything so far have happened this much earlier."""
    shift = timedelta(days=days)
    # A hypertable lets no row move to another chunk, so each goes and comes back.
    owner.execute("create temp table moved as select * from thing_event")
    owner.execute("delete from thing_event")
    owner.execute("update moved set time = time - %s", [shift])
    owner.execute("insert into thing_event select * from moved")
    owner.execute("drop table moved")
    owner.execute("update thing_snapshot set time = time - %s", [shift])
    owner.execute(
        "update thing set created = created - %(s)s, modified = modified - %(s)s", {"s": shift}
    )
    owner.execute("update thing_gone set at = at - %s", [shift])


def snapshots(owner: Connection) -> int:
    row = owner.execute("select count(*) from thing_snapshot").fetchone()
    return int(row[0]) if row else 0


def test_pruning_keeps_every_moment_since_as_it_was(
    ask: Ask, policy: Callable[..., str], make: Make, owner: Connection, postgres: Server,
    database: str,
) -> None:  # fmt: skip
    policy("org.p:p", an=READ)
    make("org.p:old", {"attributes": {"n": 0}}, "org.p:p")
    make("org.p:gone", {"attributes": {"n": 0}}, "org.p:p")
    for n in range(1, 60):
        ask("owner").put("/api/2/things/org.p:old/attributes/n", json=n)
    ask("owner").delete("/api/2/things/org.p:gone")
    backdate(owner, 100)
    make("org.p:young", {"attributes": {"n": 1}}, "org.p:p")
    ask("owner").put("/api/2/things/org.p:old/attributes/n", json=60)
    backdate(owner, 20)
    make("org.p:gone", {"attributes": {"n": 2}}, "org.p:p")
    at = datetime.now(timezone.utc) - timedelta(days=30)
    before = as_of(ask("owner"), at)
    today = as_of(ask("owner"), now(owner))
    assert before["org.p:old"]["attributes"] == {"n": 59}
    assert "org.p:gone" not in before
    with psycopg.connect(postgres.url(database, user="ioc_ingest"), autocommit=True) as ingest:
        before_all = snapshots(owner)
        cutoff = asof.prune(ingest, timedelta(days=40))
        assert snapshots(owner) < before_all
        # Whole weeks go; here each row, to see that none before is needed.
        owner.execute("delete from thing_event where time < %s", [cutoff])
        assert as_of(ask("owner"), at) == before
        assert as_of(ask("owner"), now(owner)) == today
        assert asof.prune(ingest, timedelta(days=40)) == cutoff
    kept = owner.execute(
        "select thing_id, count(*) from thing_snapshot group by 1 order by 1"
    ).fetchall()
    assert kept == [("org.p:gone", 1), ("org.p:old", 1), ("org.p:young", 1)]
    older = {"time": (at - timedelta(days=60)).isoformat()}
    answer = ask("owner").get("/api/ioc/as-of", params=older)
    assert answer.status_code == 404
    owner.execute("delete from ioc_meta where key = 'twin_history_from'")


def test_upkeep_drops_old_weeks_and_nothing_that_is_still_shown(
    ask: Ask, policy: Callable[..., str], make: Make, owner: Connection, postgres: Server,
    database: str,
) -> None:  # fmt: skip
    policy("org.p:p", an=READ)
    make("org.p:old", {"attributes": {"n": 0}}, "org.p:p")
    ask("owner").put("/api/2/things/org.p:old/attributes/n", json=1)
    backdate(owner, 100)
    owner.execute(
        "insert into ts_point (thing_id, path, time, revision, num) values"
        " ('org.p:old', '/a', now() - interval '100 days', 1, 1),"
        " ('org.p:old', '/a', now(), 2, 2)"
    )
    owner.execute("select ioc_premake(1)")
    today = as_of(ask("owner"), now(owner))
    with psycopg.connect(postgres.url(database, user="ioc_ingest"), autocommit=True) as ingest:
        assert keeping.keep(ingest, history_days=30, points_days=30) >= 2
        assert keeping.keep(ingest, history_days=30, points_days=30) == 0
    assert owner.execute("select count(*) from thing_event").fetchone() == (0,)
    assert owner.execute("select num from ts_point").fetchall() == [(2,)]
    assert as_of(ask("owner"), now(owner)) == today
    at = datetime.now(timezone.utc) - timedelta(days=20)
    assert as_of(ask("owner"), at) == today
    owner.execute("delete from ioc_meta where key = 'twin_history_from'")
