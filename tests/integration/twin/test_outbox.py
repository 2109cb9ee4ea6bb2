"""The twin's changes on their way to a real Ditto: another twin, on another database."""

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.support.api import Api, serving
from tests.support.ports import free_port
from tests.support.postgres import Server

from ioc_cloud.auth import users
from ioc_cloud.db.pool import Connection, connect
from ioc_cloud.twin.book import SYSTEM
from ioc_cloud.twin.change_policy import ChangePolicy
from ioc_cloud.twin.change_thing import Change
from ioc_cloud.twin.models import WotModels
from ioc_cloud.twin.outside import outbox
from ioc_cloud.twin.outside.export import export
from ioc_cloud.twin.outside.outbox import Courier, backlog, imports_first, unpark
from ioc_cloud.twin.outside.target import KEEPER, Word
from ioc_cloud.twin.pointer import MISSING
from ioc_cloud.twin.request import Options
from ioc_cloud.twin.service import Writer
from ioc_ditto import Basic, DittoClient, NotFound, Retries
from ioc_models.wot import Catalogue

PASSWORD = "mật-khẩu-của-courier"  # noqa: S105 of this test alone
POLICY = "org.x:shared"
EMPTY = (
    "truncate thing, thing_gone, thing_event, thing_snapshot, ts_point, policy, policy_revision,"
    " twin_outbox cascade"
)
ENTRIES = {
    "owner": {
        "subjects": {"ioc:system": {"type": "system"}},
        "resources": {
            path: {"grant": ["READ", "WRITE"], "revoke": []}
            for path in ("thing:/", "policy:/", "message:/")
        },
    }
}
RUN = """
import os, threading
from functools import partial
from ioc_cloud.db.pool import connect
from ioc_cloud.twin.outside.outbox import Courier
from ioc_ditto import Basic, DittoClient
client = DittoClient(os.environ["TARGET"], Basic("courier", os.environ["PASSWORD"]))
opener = partial(connect, os.environ["SOURCE"], application="courier")
Courier(opener, client, workers=2).run(threading.Event())
"""


@dataclass
class Source:
    """A twin whose changes are queued."""

    url: str
    writer: Writer
    connection: Connection
    models: Any

    def write(self, *jobs: Any) -> None:
        for answer in self.writer.write(self.connection, list(jobs)):
            if isinstance(answer, Exception):
                raise answer

    def thing(self, thing_id: str, doc: Any, verb: str = "PUT") -> Change:
        return Change(SYSTEM, thing_id, verb, (), doc, Options(), self.models)

    def policy(self, policy_id: str, doc: Any = MISSING, verb: str = "PUT") -> ChangePolicy:
        return ChangePolicy(SYSTEM, policy_id, verb, (), doc, Options())

    def put(self, name: str, n: int, policy_id: str = POLICY) -> None:
        doc = {"policyId": policy_id, "attributes": {"n": n}}
        self.write(self.thing(f"org.x:{name}", doc))

    def queue(self, kind: str, name: str, doc: Any) -> None:
        """A row that the twin itself would not have written."""
        self.connection.execute(
            "insert into twin_outbox (seq, kind, id, revision, doc)"
            " values (nextval('change_seq'), %s, %s, 1, %s)",
            (kind, name, None if doc is None else Jsonb(doc)),
        )


@dataclass
class Ditto:
    """A target: its address, its database, a client that may see all."""

    url: str
    owner: Connection
    client: DittoClient

    def courier_client(self, **kwargs: Any) -> DittoClient:
        return DittoClient(self.url, Basic("courier", PASSWORD), **kwargs)

    def n_of(self, name: str) -> Any:
        try:
            return self.client.things.get(f"org.x:{name}", "attributes/n")
        except NotFound:
            return None

    def seen(self, name: str) -> list[int]:
        """Every n that a thing has had here, in order."""
        rows = self.owner.execute(
            "select value #>> '{attributes,n}' from thing_event where thing_id = %s"
            " order by revision",
            (f"org.x:{name}",),
        ).fetchall()
        return [int(row[0]) for row in rows if row[0] is not None]


@pytest.fixture(scope="module")
def source_urls(postgres: Server, template: str) -> Iterator[tuple[str, str]]:
    """A second database, as the API's role and as its owner."""
    name = f"t{uuid.uuid4().hex}"
    postgres.run(f"create database {name} template {template}")
    yield postgres.url(name, user="ioc_api"), postgres.url(name)
    postgres.run(f"drop database {name} with (force)")


@pytest.fixture
def source(source_urls: tuple[str, str]) -> Iterator[Source]:
    url, owner_url = source_urls
    writer = Writer(outbox=True)
    models = WotModels(Catalogue("http://ioc.test"))
    with psycopg.connect(url, autocommit=True) as connection:
        made = Source(url, writer, connection, models)
        made.write(made.policy(POLICY, {"entries": ENTRIES}))
        yield made
    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute(EMPTY)


@pytest.fixture
def ditto(api: Api, owner: Connection) -> Iterator[Ditto]:
    users.create(owner, "courier", PASSWORD, ["twin"])
    users.create(owner, "root", PASSWORD, ["twin"], roles=["system"])
    with DittoClient(api.url, Basic("root", PASSWORD)) as client:
        yield Ditto(api.url, owner, client)


@contextmanager
def at_work(source: Source, client: DittoClient, **kwargs: Any) -> Iterator[Courier]:
    """A courier in a thread."""
    opener = partial(connect, source.url, application="courier")
    courier = Courier(opener, client, first_wait_s=0.05, **kwargs)
    stop = threading.Event()
    thread = threading.Thread(target=courier.run, args=(stop,))
    thread.start()
    try:
        yield courier
    finally:
        stop.set()
        thread.join(30)
        client.close()
        assert not thread.is_alive()


def until(holds: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def nothing_waits(source: Source) -> bool:
    return backlog(source.connection).waiting == 0


def test_changes_arrive_with_their_policies(source: Source, ditto: Ditto) -> None:
    source.put("a", 1)
    source.write(source.thing("org.x:own", {"attributes": {"n": 5}}))
    source.write(source.thing("org.x:a", {"attributes": {"đ": "ê"}}, "PATCH"))

    with at_work(source, ditto.courier_client()):
        until(partial(nothing_waits, source))
        source.put("b", 2)
        until(partial(nothing_waits, source))

    assert ditto.client.things.get("org.x:a", "attributes") == {"n": 1, "đ": "ê"}
    assert [ditto.n_of("own"), ditto.n_of("b")] == [5, 2]
    policy = ditto.client.policies.get(POLICY)
    assert policy["entries"]["owner"] == ENTRIES["owner"]
    assert list(policy["entries"][KEEPER]["subjects"]) == ["nginx:courier"]
    assert backlog(source.connection) == (0, 0, None)


def test_only_the_newest_word_on_a_thing_is_sent(source: Source, ditto: Ditto) -> None:
    for n in range(20):
        source.put("a", n)

    with at_work(source, ditto.courier_client()) as courier:
        until(partial(nothing_waits, source))

    assert ditto.seen("a") == [19]
    assert courier.counts.sent == 2


def test_what_is_gone_here_goes_there(source: Source, ditto: Ditto) -> None:
    source.put("a", 1)
    with at_work(source, ditto.courier_client()):
        until(partial(nothing_waits, source))
        source.write(source.thing("org.x:a", MISSING, "DELETE"))
        source.put("never-sent", 1)
        source.write(source.thing("org.x:never-sent", MISSING, "DELETE"))
        source.write(source.policy(POLICY, verb="DELETE"))
        until(partial(nothing_waits, source))

    assert ditto.n_of("a") is None
    with pytest.raises(NotFound):
        ditto.client.policies.get(POLICY)
    assert backlog(source.connection).parked == 0


def test_a_word_that_is_refused_is_parked_and_holds_up_nobody(source: Source, ditto: Ditto) -> None:
    source.queue("thing", "org.x:bad", {"policyId": POLICY, "nonsense": True})
    source.put("good", 1)

    with at_work(source, ditto.courier_client()) as courier:
        until(partial(nothing_waits, source))

    assert ditto.n_of("good") == 1
    assert courier.counts.parked == 1
    rows = source.connection.execute("select id, attempts, last_error from twin_outbox").fetchall()
    assert [(row[0], row[1]) for row in rows] == [("org.x:bad", 1)]
    assert rows[0][2].startswith("BadRequest: 400")


def test_a_newer_word_frees_a_parked_thing(source: Source, ditto: Ditto) -> None:
    source.queue("thing", "org.x:a", {"policyId": POLICY, "nonsense": True})
    with at_work(source, ditto.courier_client()):
        until(lambda: backlog(source.connection).parked == 1)
        source.put("a", 7)
        until(partial(nothing_waits, source))

    assert ditto.n_of("a") == 7
    assert backlog(source.connection).parked == 0


def test_a_thing_refused_for_want_of_its_policy_goes_when_the_policy_has_come(
    source: Source, ditto: Ditto
) -> None:
    source.queue("thing", "org.x:a", {"policyId": "org.x:late", "attributes": {"n": 3}})
    with at_work(source, ditto.courier_client()):
        until(lambda: backlog(source.connection).parked == 1)
        source.write(source.policy("org.x:late", {"entries": ENTRIES}))
        until(lambda: backlog(source.connection) == (0, 0, None))

    assert ditto.n_of("a") == 3


def test_what_is_parked_can_be_tried_again(source: Source, ditto: Ditto) -> None:
    source.queue("thing", "org.x:bad", {"policyId": POLICY, "nonsense": True})
    with at_work(source, ditto.courier_client()) as courier:
        until(lambda: courier.counts.parked == 1)
        assert unpark(source.connection) == 1
        until(lambda: courier.counts.parked == 2)


def test_a_policy_that_comes_later_in_the_line_goes_first(source: Source, ditto: Ditto) -> None:
    with source.connection.transaction():
        source.queue("thing", "org.x:a", {"policyId": "org.x:p", "attributes": {"n": 1}})
        imports = {"org.x:imported": {"entries": ["owner"]}}
        source.queue("policy", "org.x:p", {"policyId": "org.x:p", "entries": ENTRIES,
                                           "imports": imports})  # fmt: skip
        for n in range(outbox.BATCH + 50):
            doc = {"policyId": POLICY, "attributes": {"n": n}}
            source.queue("thing", f"org.x:crowd-{n}", doc)
        source.queue("policy", "org.x:imported", {"policyId": "org.x:imported",
                                                  "entries": ENTRIES})  # fmt: skip

    with at_work(source, ditto.courier_client()):
        until(partial(nothing_waits, source))

    assert backlog(source.connection).parked == 0
    assert ditto.n_of("a") == 1
    assert ditto.client.count(namespaces="org.x") == outbox.BATCH + 51


def test_a_target_that_is_away_is_waited_for(
    source: Source, ditto: Ditto, postgres: Server, tmp_path: Path
) -> None:
    name = ditto.owner.info.dbname
    port = free_port()
    source.put("a", 1)
    client = DittoClient(
        f"http://127.0.0.1:{port}",
        Basic("courier", PASSWORD),
        retries=Retries(times=0),
        timeout=timedelta(seconds=5),
    )
    with at_work(source, client) as courier:
        until(lambda: courier.counts.outages == 1)
        source.put("a", 2)
        folder = tmp_path / "again"
        with serving(postgres.url(name, user="ioc_api"), folder, http_port=port):
            until(partial(nothing_waits, source))

    assert ditto.seen("a") == [2]
    assert backlog(source.connection).parked == 0


def test_wrong_credentials_park_nothing(source: Source, ditto: Ditto) -> None:
    source.put("a", 1)
    wrong = DittoClient(ditto.url, Basic("courier", "wrong"))

    with at_work(source, wrong) as courier:
        until(lambda: courier.counts.outages == 1)

    assert courier.counts.parked == 0
    assert backlog(source.connection).waiting == 2


def test_of_two_couriers_one_stands_by(source: Source, ditto: Ditto) -> None:
    with at_work(source, ditto.courier_client()) as one:
        source.put("a", 1)
        until(partial(nothing_waits, source))
        with at_work(source, ditto.courier_client()) as other:
            source.put("b", 1)
            until(partial(nothing_waits, source))

    assert (one.counts.sent, other.counts.sent) == (3, 0)


def test_a_courier_killed_on_its_way_loses_nothing_and_turns_nothing_back(
    source: Source, ditto: Ditto
) -> None:
    names = [f"k{n}" for n in range(60)]
    docs = {name: {"policyId": POLICY, "attributes": {"n": 0}} for name in names}
    source.write(*(source.thing(f"org.x:{name}", doc) for name, doc in docs.items()))
    given = {"TARGET": ditto.url, "PASSWORD": PASSWORD, "SOURCE": source.url}
    for life in range(1, 4):
        process = subprocess.Popen([sys.executable, "-c", RUN], env=os.environ | given)
        before = ditto.owner.execute("select count(*) from thing_event").fetchone()
        until(partial(has_grown, ditto, before))
        for name in names[::2]:
            source.put(name, life)
        process.send_signal(signal.SIGKILL)
        process.wait()

    with at_work(source, ditto.courier_client()):
        until(partial(nothing_waits, source))

    assert backlog(source.connection) == (0, 0, None)
    assert [ditto.n_of(name) for name in names] == [3, 0] * 30
    for name in names:
        assert ditto.seen(name) == sorted(ditto.seen(name))


def has_grown(ditto: Ditto, before: tuple[Any, ...] | None) -> bool:
    return ditto.owner.execute("select count(*) from thing_event").fetchone() != before


def test_an_export_puts_everything_there_and_again_changes_nothing(
    source: Source, ditto: Ditto
) -> None:
    imports = {POLICY: {"entries": ["owner"]}}
    source.write(source.policy("org.x:aaa", {"entries": ENTRIES, "imports": imports}))
    for n in range(7):
        source.put(f"e{n}", n, "org.x:aaa" if n % 2 else POLICY)
    told: list[tuple[str, int, int]] = []

    with ditto.courier_client() as client:
        first = export(source.connection, client, lambda *args: told.append(args))
        again = export(source.connection, client, lambda *_: None)

    assert (first.policies, first.things, first.complete) == (2, 7, True)
    assert (again.policies, again.things, again.complete) == (2, 7, True)
    assert told == [("policy", 2, 2), ("thing", 7, 7)]
    assert [ditto.n_of(f"e{n}") for n in range(7)] == list(range(7))


def test_an_export_reports_what_was_not_taken(source: Source, ditto: Ditto) -> None:
    source.put("a", 1)
    source.connection.execute(
        "insert into thing (id, policy_id, doc, revision, created, modified)"
        " select 'org.x:bad', policy_id, doc || '{\"nonsense\": 1}', revision, created, modified"
        " from thing where id = 'org.x:a'"
    )

    with ditto.courier_client() as client:
        report = export(source.connection, client, lambda *_: None)

    assert (report.things, report.failed, report.stopped) == (1, 1, "")
    assert report.failures[0].id == "org.x:bad"


def test_an_export_to_nobody_says_so(source: Source) -> None:
    client = DittoClient(f"http://127.0.0.1:{free_port()}", retries=Retries(times=0))

    report = export(source.connection, client, lambda *_: None)

    assert report.stopped
    assert not report.complete


def test_policies_are_ordered_by_what_they_import() -> None:
    def word(name: str, seq: int, *imports: str) -> Word:
        return Word("policy", name, {"imports": {one: {} for one in imports}}, seq)

    words = [word("a", 1, "b", "elsewhere"), word("b", 2, "c"), word("c", 3, "a"), word("d", 4)]

    assert [one.id for one in imports_first(words)] == ["c", "b", "a", "d"]


def test_a_batch_that_is_cut_short_keeps_what_was_taken(source: Source, ditto: Ditto) -> None:
    source.put("a", 1)
    stop = threading.Event()
    client = ditto.courier_client()

    class Stopping:
        """The client, which hears the order to stop while it sends the policy."""

        def __getattr__(self, name: str) -> Any:
            stop.set()
            return getattr(client, name)

    courier = Courier(lambda: source.connection, Stopping(), "nginx:courier")  # type: ignore[arg-type]
    with ThreadPoolExecutor(1) as pool:
        told, moved = courier.deliver(source.connection, pool, stop)

    assert (told.reason, moved) == ("", 1)
    assert waiting_ids(source) == {"org.x:a"}
    client.close()


def waiting_ids(source: Source) -> set[str]:
    return {row[0] for row in source.connection.execute("select id from twin_outbox").fetchall()}


def test_a_courier_outlives_its_database_connection(source: Source, ditto: Ditto) -> None:
    source.put("a", 1)
    with at_work(source, ditto.courier_client()):
        until(partial(nothing_waits, source))
        source.connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where application_name = 'courier' and datname = current_database()"
        )
        source.put("a", 2)
        until(partial(nothing_waits, source))

    assert ditto.seen("a") == [1, 2]
