"""Changes as server-sent events: what a listener may see, as it happens, none lost."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from tests.support.api import Api
from tests.support.twin_live import line
from tests.support.twin_wires import serving
from tests.support.wire import eventually

from ioc_cloud.db.pool import Connection
from ioc_cloud.twin.push import hub
from ioc_cloud.twin.push.wires import Wires
from ioc_cloud.twin.web import lines

MERGE = {"content-type": "application/merge-patch+json"}
LAMP = "/things/org.x:lamp"
BODY = {
    "attributes": {"room": "bếp", "counter": 1},
    "features": {"light": {"properties": {"on": False, "level": 3}}},
}


@pytest.fixture(scope="module")
def served(api_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Wires]]:
    with serving(api_url, tmp_path_factory.mktemp("api")) as found:
        yield found


@pytest.fixture(scope="module")
def api(served: tuple[str, Wires], owner: Connection) -> Iterator[Api]:
    with ExitStack() as clients:
        yield Api(served[0], owner, clients)


@pytest.fixture
def wired(served: tuple[str, Wires]) -> Wires:
    return served[1]


@pytest.fixture
def lamp(an: httpx.Client) -> httpx.Client:
    assert an.put(LAMP, json=BODY).status_code == 201
    return an


def light(**properties: Any) -> dict[str, Any]:
    return {"thingId": "org.x:lamp", "features": {"light": {"properties": properties}}}


def test_a_change_comes_as_a_thing_with_only_what_changed(lamp: httpx.Client) -> None:
    with line(lamp, "/things") as told:
        lamp.put(f"{LAMP}/features/light/properties/on", json=True)

        assert told.next().json() == light(on=True)


def test_a_new_thing_comes_whole_and_a_deleted_one_by_its_id(an: httpx.Client) -> None:
    with line(an, "/things") as told:
        an.put(LAMP, json=BODY)
        an.delete(LAMP)

        whole = {"thingId": "org.x:lamp", "policyId": "org.x:lamp", **BODY}
        assert told.next().json() == whole
        assert told.next().json() == {"thingId": "org.x:lamp"}


def test_a_merge_comes_as_its_patch(lamp: httpx.Client) -> None:
    patch = {"features": {"light": {"properties": {"on": True, "level": None}}}}
    with line(lamp, "/things") as told:
        lamp.patch(LAMP, json=patch, headers=MERGE)

        assert told.next().json() == light(on=True, level=None)


def test_fields_choose_and_context_tells_the_event(lamp: httpx.Client) -> None:
    with line(lamp, "/things", fields="thingId,_revision,_context") as told:
        lamp.put(
            f"{LAMP}/attributes/counter", json=2, headers={"correlation-id": "mine"}
        )  # fmt: skip

        found = told.next().json()
        context = found.pop("_context")
        assert found == {"thingId": "org.x:lamp", "_revision": 2}
        assert context["topic"] == "org.x/lamp/things/twin/events/modified"
        assert (context["path"], context["value"]) == ("/attributes/counter", 2)
        assert context["headers"]["correlation-id"] == "mine"


def test_a_filter_looks_at_what_changed(lamp: httpx.Client) -> None:
    with line(lamp, "/things", filter="gt(attributes/counter,42)") as told:
        lamp.put(f"{LAMP}/attributes/counter", json=42)
        lamp.put(f"{LAMP}/features/light/properties/on", json=True)
        lamp.put(f"{LAMP}/attributes/counter", json=43)

        assert told.next().json()["attributes"] == {"counter": 43}


def test_a_filter_may_ask_about_extra_fields_and_the_event(lamp: httpx.Client) -> None:
    wanted = 'and(eq(attributes/room,"bếp"),eq(topic:action,"modified"))'
    extra = "attributes/room"
    with line(lamp, "/things", filter=wanted, extraFields=extra) as told:
        lamp.patch(f"{LAMP}/attributes/counter", json=5, headers=MERGE)
        lamp.put(f"{LAMP}/attributes/counter", json=6)
        lamp.put(f"{LAMP}/attributes/room", json="sân")
        lamp.put(f"{LAMP}/attributes/counter", json=7)
        lamp.put(f"{LAMP}/attributes/room", json="bếp")

        assert told.next().json()["attributes"] == {"room": "bếp", "counter": 6}
        assert told.next().json()["attributes"] == {"room": "bếp"}


def test_extra_fields_are_those_that_the_change_left(lamp: httpx.Client) -> None:
    with line(lamp, "/things", extraFields="attributes/room") as told:
        place = next(told._events).id
        with ThreadPoolExecutor(1) as pool:
            writing = pool.submit(_rename, lamp, range(30))
            seen = [told.next().json()["attributes"] for _ in range(60)]
            writing.result()
    with line(lamp, "/things", after=place, extraFields="attributes/room") as again:
        replayed = [again.next().json()["attributes"] for _ in range(60)]

    told_twice = [[{"room": n}, {"room": n, "counter": n}] for n in range(30)]
    assert seen == [one for pair in told_twice for one in pair]
    assert replayed == seen


def _rename(client: httpx.Client, numbers: range) -> None:
    for number in numbers:
        client.put(f"{LAMP}/attributes/room", json=number)
        client.put(f"{LAMP}/attributes/counter", json=number)


def test_namespaces_and_ids_narrow_a_line(an: httpx.Client) -> None:
    with line(an, "/things", namespaces="org.y") as told, line(an, "/things", ids="org.x:b") as one:
        for thing in ("org.x:a", "org.x:b", "org.y:a"):
            assert an.put(f"/things/{thing}", json={}).status_code == 201

        assert told.next().json()["thingId"] == "org.y:a"
        assert one.next().json()["thingId"] == "org.x:b"


def test_one_part_of_a_thing_streams_its_value_alone(lamp: httpx.Client) -> None:
    with line(lamp, f"{LAMP}/features/light/properties/on") as told:
        lamp.put(f"{LAMP}/attributes/counter", json=2)
        lamp.put(f"{LAMP}/features/light/properties/level", json=2)
        lamp.put(f"{LAMP}/features/light/properties/on", json=True)
        lamp.put(f"{LAMP}/features/light/properties", json={"on": False})

        assert told.next().json() is True
        assert told.next().json() is False


@pytest.mark.parametrize("path", [LAMP, f"{LAMP}/attributes", "/things/org.x:none"])
def test_a_thing_that_is_not_to_be_seen_has_no_line(
    lamp: httpx.Client, person: Any, path: str
) -> None:
    other = person("other")
    found = other.get(path, headers={"accept": "text/event-stream"})

    assert found.status_code == 404
    assert lamp.get(LAMP).status_code == 200


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"filter": "gt(attributes/x"}, "rql.expression.invalid"),
        ({"filter": 'eq(nothing,"x")'}, "rql.expression.invalid"),
        ({"fields": "a(b"}, "json.fieldselector.invalid"),
        ({"extraFields": "a,,b"}, "json.fieldselector.invalid"),
        ({"ids": "no-id"}, "namespacedentity.id.invalid"),
        ({"namespaces": "not a namespace"}, "namespacedentity.id.invalid"),
    ],
)
def test_a_line_that_cannot_be_understood_is_refused(
    an: httpx.Client, params: dict[str, str], error: str
) -> None:
    found = an.get("/things", params=params, headers={"accept": "text/event-stream"})

    assert (found.status_code, found.json()["error"]) == (400, error)


def test_only_the_readable_part_is_told(lamp: httpx.Client, person: Any) -> None:
    guest = person("guest")
    _let(lamp, guest, {"thing:/features/light/properties/on": ["READ"]})

    with line(guest, "/things", extraFields="attributes,features") as told:
        lamp.put(f"{LAMP}/attributes/counter", json=2)
        lamp.put(f"{LAMP}/features/light/properties", json={"on": True, "level": 9})

        assert told.next().json() == light(on=True)


def test_rights_that_are_taken_end_a_running_line_s_view(lamp: httpx.Client, person: Any) -> None:
    guest = person("guest")
    _let(lamp, guest, {"thing:/": ["READ"]})
    with line(guest, "/things") as told:
        lamp.put(f"{LAMP}/attributes/counter", json=2)
        assert told.next().json()["attributes"] == {"counter": 2}

        _let(lamp, guest, {"thing:/features": ["READ"]})
        lamp.put(f"{LAMP}/attributes/counter", json=3)
        lamp.put(f"{LAMP}/features/light/properties/on", json=True)

        assert told.next().json() == light(on=True)


def test_a_line_goes_on_where_it_broke(lamp: httpx.Client) -> None:
    with line(lamp, "/things") as told:
        lamp.put(f"{LAMP}/attributes/counter", json=2)
        told.next()
    for number in (3, 4, 5):
        lamp.put(f"{LAMP}/attributes/counter", json=number)

    with line(lamp, "/things", after=told.last_id) as again:
        lamp.put(f"{LAMP}/attributes/counter", json=6)
        seen = [again.next().json()["attributes"]["counter"] for _ in range(4)]

    assert seen == [3, 4, 5, 6]


def test_a_line_that_broke_before_its_first_event_loses_none(lamp: httpx.Client) -> None:
    with line(lamp, "/things") as told:
        told.silent(beats=1)
        place = told.last_id
    del place
    with line(lamp, "/things") as told:
        first = next(told._events)
    assert first.id is not None
    lamp.put(f"{LAMP}/attributes/counter", json=2)

    with line(lamp, "/things", after=first.id) as again:
        assert again.next().json()["attributes"] == {"counter": 2}


def test_what_was_missed_is_told_under_the_rights_of_now(lamp: httpx.Client, person: Any) -> None:
    guest = person("guest")
    _let(lamp, guest, {"thing:/": ["READ"]})
    with line(guest, "/things") as told:
        place = next(told._events).id
    lamp.put(f"{LAMP}/attributes/counter", json=2)
    lamp.put(f"{LAMP}/features/light/properties/on", json=True)
    _let(lamp, guest, {"thing:/features": ["READ"]})

    with line(guest, "/things", after=place) as again:
        assert again.next().json() == light(on=True)


def test_a_line_outlives_the_database_s_connections(
    lamp: httpx.Client, owner: Connection, database: str
) -> None:
    with line(lamp, "/things") as told:
        lamp.put(f"{LAMP}/attributes/counter", json=2)
        assert told.next().json()["attributes"] == {"counter": 2}

        owner.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = %s and application_name = 'ioc-twin'",
            (database,),
        )
        _eventually_put(lamp, 3)

        assert told.next().json()["attributes"] == {"counter": 3}


def _eventually_put(client: httpx.Client, number: int) -> None:
    for _ in range(50):
        if client.put(f"{LAMP}/attributes/counter", json=number).status_code == 204:
            return
        time.sleep(0.1)
    raise AssertionError("the database did not come back")


def test_more_than_memory_keeps_is_read_from_the_database(
    lamp: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with line(lamp, "/things") as told:
        place = next(told._events).id
    monkeypatch.setattr(hub, "KEPT_CHANGES", 3)
    monkeypatch.setattr(hub, "CHUNK", 4)
    for number in range(2, 22):
        lamp.put(f"{LAMP}/attributes/counter", json=number)

    with line(lamp, "/things", after=place) as again:
        seen = [again.next().json()["attributes"]["counter"] for _ in range(20)]

    assert seen == list(range(2, 22))


def test_a_client_that_takes_nothing_is_cut_and_counted(
    lamp: httpx.Client, wired: Wires, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "MAX_LAG_BYTES", 100_000)
    before = wired.lines.cut
    with line(lamp, "/things"):
        for _ in range(200):
            lamp.put(f"{LAMP}/attributes/long", json="x" * 50_000)
            if wired.lines.cut > before:
                break

    assert wired.lines.cut == before + 1


def test_a_line_ends_after_its_life(lamp: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "LINE_LIFE_S", 0.5)
    with line(lamp, "/things") as told:
        assert told.rest() == []


def test_who_goes_away_leaves_nothing_behind(lamp: httpx.Client, wired: Wires) -> None:
    with line(lamp, "/things"), line(lamp, LAMP):
        assert len(wired.lines) == 2
    eventually(lambda: len(wired.lines) == 0)
    assert wired.hub._audiences == {}


def test_a_number_of_another_database_begins_now(lamp: httpx.Client) -> None:
    with line(lamp, "/things", after="999999999999999") as told:
        lamp.put(f"{LAMP}/attributes/counter", json=2)

        assert told.next().json()["attributes"] == {"counter": 2}


def test_a_line_beats_every_second(an: httpx.Client) -> None:
    with line(an, "/things") as told:
        told.silent(beats=3)


def test_a_thing_s_past_is_streamed_and_ends(lamp: httpx.Client) -> None:
    for number in range(2, 6):
        lamp.put(f"{LAMP}/attributes/counter", json=number)

    def past(**params: str) -> list[Any]:
        with line(lamp, LAMP, **params) as told:
            return [one.json()["attributes"]["counter"] for one in told.rest()]

    assert past(**{"from-historical-revision": "0"}) == [1, 2, 3, 4, 5]
    assert past(**{"from-historical-revision": "2", "to-historical-revision": "3"}) == [2, 3]
    assert past(**{"from-historical-revision": "-2"}) == [4, 5]
    assert past(**{"from-historical-revision": "1", "to-historical-revision": "-3"}) == [1, 2]
    assert past(**{"from-historical-timestamp": "2000-01-01T00:00:00Z"}) == [1, 2, 3, 4, 5]
    assert past(**{"from-historical-revision": "0", "filter": "gt(attributes/counter,3)"}) == [4, 5]


def test_a_past_that_broke_goes_on_behind_its_last_event(lamp: httpx.Client) -> None:
    for number in (2, 3):
        lamp.put(f"{LAMP}/attributes/counter", json=number)
    whole = {"from-historical-revision": "0"}
    with line(lamp, LAMP, **whole) as told:
        second = told.rest()[1]

    with line(lamp, LAMP, after=second.id, **whole) as again:
        assert [one.json()["attributes"]["counter"] for one in again.rest()] == [3]


def test_a_past_that_is_not_to_be_seen_is_not_found(lamp: httpx.Client, person: Any) -> None:
    found = person("other").get(
        LAMP, params={"from-historical-revision": "0"}, headers={"accept": "text/event-stream"}
    )

    assert found.status_code == 404
    assert lamp.get(LAMP).status_code == 200


def _let(owner: httpx.Client, guest: httpx.Client, rights: dict[str, list[str]]) -> None:
    subject = guest.get("/whoami").json()["defaultSubject"]
    entry = {
        "subjects": {subject: {"type": "guest"}},
        "resources": {key: {"grant": grant, "revoke": []} for key, grant in rights.items()},
    }
    put = owner.put("/policies/org.x:lamp/entries/guest", json=entry)
    assert put.status_code in {201, 204}, put.text
