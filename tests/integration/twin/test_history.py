"""The past of things and policies, and a log that always equals the state."""

import random
from datetime import datetime, timezone
from typing import Any

import httpx
import psycopg
import pytest

from ioc_cloud.db.pool import Connection
from ioc_cloud.twin import history
from ioc_cloud.twin.book import SYSTEM
from ioc_cloud.twin.change_thing import Change
from ioc_cloud.twin.models import WotModels
from ioc_cloud.twin.pointer import MISSING
from ioc_cloud.twin.request import Options
from ioc_cloud.twin.service import Writer
from ioc_models.wot import Catalogue

MERGE = {"content-type": "application/merge-patch+json"}
LAMP = "/things/org.x:lamp"
MODELS = WotModels(Catalogue("http://ioc.test"))


def change(verb: str, path: tuple[str, ...], value: Any, name: str = "org.x:t") -> Change:
    return Change(SYSTEM, name, verb, path, value, Options(), MODELS)


def test_a_thing_is_read_as_it_was_at_a_revision_and_at_a_time(an: httpx.Client) -> None:
    an.put(LAMP, json={"attributes": {"a": 1}})
    an.put(f"{LAMP}/attributes/a", json=2)
    between = datetime.now(timezone.utc).isoformat()
    an.patch(LAMP, json={"attributes": {"a": None, "b": {"c": 3}}}, headers=MERGE)
    an.delete(f"{LAMP}/attributes/b")

    def at(**when: str) -> Any:
        return an.get(LAMP, headers={f"at-historical-{k}": v for k, v in when.items()})

    assert [at(revision=str(n)).json()["attributes"] for n in (1, 2, 3, 4)] == [
        {"a": 1}, {"a": 2}, {"b": {"c": 3}}, {},
    ]  # fmt: skip
    assert at(timestamp=between).json()["attributes"] == {"a": 2}
    assert an.get(f"{LAMP}/attributes/a?at-historical-revision=1").json() == 1
    assert at(revision="2").headers["etag"] == '"rev:2"'
    for absent in (at(revision="5"), at(revision="0"), at(timestamp="2020-01-01T00:00:00Z")):
        assert (absent.status_code, absent.json()["error"]) == (
            404, "things:thing.history.notfound",
        )  # fmt: skip


def test_the_past_of_a_deleted_thing_stays_readable_for_who_could_read_it(
    an: httpx.Client,
) -> None:
    an.put(LAMP, json={"attributes": {"a": 1}})
    an.delete(LAMP)

    assert an.get(f"{LAMP}?at-historical-revision=1").json()["attributes"] == {"a": 1}
    assert an.get(f"{LAMP}?at-historical-revision=2").status_code == 404


def test_the_past_of_a_policy_is_kept_whole(an: httpx.Client) -> None:
    an.put(LAMP, json={})
    entry = {"subjects": {"nginx:binh": {"type": "x"}}, "resources": {}}
    an.put("/policies/org.x:lamp/entries/MORE", json=entry)

    first = an.get("/policies/org.x:lamp?at-historical-revision=1").json()

    assert first["entries"].keys() == {"DEFAULT"}
    assert an.get("/policies/org.x:lamp").json()["entries"].keys() == {"DEFAULT", "MORE"}


def replayed(owner: Connection, thing_id: str) -> Any:
    """The state that the log alone gives."""
    doc: Any = MISSING
    for event in history.events(owner, thing_id, revisions=(0, 10**9), most=10**6):
        doc = history.replay({} if doc is MISSING else doc, event)
    return doc


def assert_log_is_state(owner: Connection) -> int:
    """Every thing's state, revision, snapshots and log say the same."""
    rows = owner.execute("select id, doc, revision from thing").fetchall()
    for thing_id, doc, revision in rows:
        assert replayed(owner, thing_id) == doc
        assert owner.execute(
            "select count(*), min(revision), max(revision) from thing_event where thing_id = %s",
            (thing_id,),
        ).fetchone() == (revision, 1, revision)
    gone = owner.execute("select id from thing_gone").fetchall()
    for (thing_id,) in gone:
        assert replayed(owner, thing_id) is MISSING
    snapshots = owner.execute("select thing_id, revision, doc from thing_snapshot").fetchall()
    for thing_id, revision, doc in snapshots:
        assert history.thing_at(owner, thing_id, revision=revision).doc == doc
    return len(rows) + len(gone)


def test_whatever_is_done_the_log_equals_the_state(owner: Connection) -> None:
    dice = random.Random(7)
    writer = Writer(series_of=MODELS.series_of)
    names = [f"org.x:t{n}" for n in range(5)]
    paths = [(), ("attributes",), ("attributes", "a"), ("features", "f"),
             ("features", "f", "properties", "p"), ("attributes", "a", "b")]  # fmt: skip
    for _ in range(60):
        jobs = []
        for _ in range(8):
            verb, path = dice.choice(["PUT", "PUT", "PATCH", "PATCH", "DELETE"]), dice.choice(paths)
            value: Any = {"": dice.random()}
            if path in {(), ("attributes",)}:
                leaf = {dice.choice("ab"): dice.choice([1, None, {"b": dice.random()}])}
                value = {"attributes": leaf, "policyId": "org.x:p"} if path == () else leaf
            elif path[0] == "features" and len(path) == 2:
                value = {"properties": {"p": dice.random()}}
            else:
                value = dice.choice([None, 1, "x", {"b": dice.random()}, [1, {"c": 2}]])
            jobs.append(change(verb, path, value, dice.choice(names)))
        owner.execute("""insert into policy (id, doc, revision, epoch, created, modified) values
            ('org.x:p', '{"entries": {"E": {"subjects": {"ioc:system": {}}, "resources":
            {"thing:/": {"grant": ["READ", "WRITE"]}, "policy:/": {"grant": ["READ", "WRITE"]}}}}}',
            1, 1, now(), now()) on conflict do nothing""")
        writer.write(owner, jobs)

    assert assert_log_is_state(owner) == 5
    counts = dict(owner.execute("select action, count(*) from thing_event group by 1").fetchall())
    assert counts.keys() == {"created", "modified", "merged", "deleted"}


CRASHES = [
    "insert on thing_event", "insert on thing_snapshot", "insert or update on thing",
    "insert on policy_revision", "insert or update on policy", "delete on thing",
]  # fmt: skip


@pytest.mark.parametrize("where", CRASHES)
def test_a_crash_at_any_statement_leaves_state_revision_and_log_equal(
    owner: Connection, where: str
) -> None:
    """The database ends the writer's session in the middle of its transaction."""
    writer = Writer(series_of=MODELS.series_of)
    writer.write(owner, [change("PUT", (), {"attributes": {"n": 0}}), change("PUT", (), {}, "a:b")])
    table = where.rpartition(" ")[2]
    owner.execute(f"""
        create function crash() returns trigger language plpgsql as $$
        begin
            perform pg_terminate_backend(pg_backend_pid());
            perform pg_sleep(5);
            return new;
        end $$;
        create trigger crash before {where} for each row execute function crash();
    """)
    jobs = [
        change("PATCH", (), {"attributes": {"n": 1}}),
        *[change("PUT", ("attributes", "m"), n) for n in range(60)],
        change("PUT", (), {}, "c:d"),
        change("DELETE", (), None, "a:b"),
    ]
    url = owner.info.dsn
    try:
        with (
            psycopg.connect(url, autocommit=True) as doomed,
            pytest.raises(psycopg.OperationalError),
        ):
            writer.write(doomed, jobs)
    finally:
        owner.execute(f"drop trigger crash on {table}; drop function crash()")

    assert assert_log_is_state(owner) == 2
    assert owner.execute("select doc #> '{attributes,n}' from thing where id = 'org.x:t'"
                         ).fetchone() == (0,)  # fmt: skip
    answers = writer.write(owner, jobs)
    assert not any(isinstance(answer, BaseException) for answer in answers)
    assert assert_log_is_state(owner) == 3
