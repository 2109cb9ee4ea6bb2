"""The live line: resumes where it broke, misses nothing, shows no plate to the wall."""

import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx
from tests.support.api import Api
from tests.support.events import BoxSim
from tests.support.stored import put_in
from tests.support.wire import eventually

from ioc_cloud.db.pool import Connection, connect


class Frame(NamedTuple):
    seq: int
    name: str
    data: dict[str, Any]


def frames(lines: Iterator[str]) -> Iterator[Frame]:
    """Parse as a browser does: fields gather until an empty line."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "data" in fields:
            yield Frame(int(fields["id"]), fields["event"], json.loads(fields["data"]))
            fields = {}


@contextmanager
def line(client: httpx.Client, after: int | None = None) -> Iterator[Iterator[Frame]]:
    """An open line; comes back once the server has said where it starts."""
    headers = {} if after is None else {"Last-Event-ID": str(after)}
    with client.stream("GET", "/api/stream", headers=headers) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        first = next(lines)
        yield frames(itertools.chain([first], lines))


def next_event(following: Iterator[Frame]) -> Frame:
    return next(frame for frame in following if frame.name == "event")


def test_a_wall_sees_masked_events_as_they_commit(owner: Connection, api: Api) -> None:
    sim = BoxSim()
    put_in(owner, sim.event())
    with line(api.client("wall:read")) as following:
        event = sim.event()
        put_in(owner, event)
        # A line begins where the feed stands, which may be a gathering before the commit above.
        frame = next(one for one in following if one.data.get("id") == event["id"])
        assert frame.name == "event"
        assert frame.data["masked"]
        assert "12345" not in json.dumps(frame.data)
        assert frame.data["change"] == frame.seq
        camera = next(following)
        assert (camera.name, camera.data["counts"]) == ("camera", {"plate": 2})
    assert owner.execute("select count(*) from audit").fetchone() == (0,)


def test_a_full_line_shows_plates_and_audits_each_event(owner: Connection, api: Api) -> None:
    sim = BoxSim()
    with line(api.client("events:read")) as following:
        event = sim.event()
        put_in(owner, event)
        assert next_event(following).data["plate"] == "69A12345"
    row = owner.execute("select action, detail from audit").fetchone()
    assert row == ("events.stream", {"ids": [event["id"]]})


def test_a_line_that_breaks_again_and_again_misses_nothing_and_repeats_nothing(
    owner: Connection, ingest_url: str, api: Api
) -> None:
    """Three writers commit while the reader reconnects after every seven events."""
    sims = [BoxSim(box=f"box-{n}") for n in range(3)]
    start = threading.Event()

    def write(sim: BoxSim) -> None:
        with connect(ingest_url, application="writer") as connection:
            start.wait(20)
            for _ in range(20):
                put_in(connection, sim.event(), sim.event())

    writers = [threading.Thread(target=write, args=(sim,)) for sim in sims]
    for writer in writers:
        writer.start()
    client = api.client("wall:read")
    seen: list[Frame] = []
    after = 0
    start.set()
    while len(seen) < 120:
        with line(client, after) as following:
            for _ in range(min(7, 120 - len(seen))):
                frame = next_event(following)
                seen.append(frame)
                after = frame.seq
    for writer in writers:
        writer.join()
    everything = owner.execute("select id::text from event order by change").fetchall()
    assert [frame.data["id"] for frame in seen] == [identifier for (identifier,) in everything]


def test_a_wall_that_was_away_too_long_is_told_to_load_afresh(owner: Connection, api: Api) -> None:
    sim = BoxSim()
    for _ in range(3):
        put_in(owner, sim.event())
    owner.execute("delete from change_log where seq <= 4")
    with line(api.client("wall:read"), after=1) as following:
        put_in(owner, sim.event())
        assert [next(following).name for _ in range(2)] == ["reset", "event"]


def test_a_number_from_another_database_starts_at_now(owner: Connection, api: Api) -> None:
    sim = BoxSim()
    put_in(owner, sim.event())
    with line(api.client("wall:read"), after=10**9) as following:
        event = sim.event()
        put_in(owner, event)
        assert next_event(following).data["id"] == event["id"]


def test_a_line_survives_a_restart_of_its_listener(owner: Connection, api: Api) -> None:
    sim = BoxSim()
    with line(api.client("wall:read")) as following:
        ended = owner.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where application_name = 'ioc-feed' and datname = current_database()"
        ).fetchall()
        assert ended == [(True,)]
        event = sim.event()
        put_in(owner, event)
        assert next_event(following).data["id"] == event["id"]


def test_the_listener_is_one_however_many_walls_look(owner: Connection, api: Api) -> None:
    client = api.client("wall:read")
    query = (
        "select count(*) from pg_stat_activity"
        " where application_name = 'ioc-feed' and datname = current_database()"
    )
    with line(client), line(client), line(client):
        assert eventually(lambda: owner.execute(query).fetchone()) == (1,)
