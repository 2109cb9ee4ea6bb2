"""Writes that wait until somebody who was shown the change has acknowledged it."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest
from tests.support.api import Api
from tests.support.twin_live import judge, socket
from tests.support.twin_wires import serving

from ioc_cloud.db.pool import Connection

LAMP = "/things/org.x:lamp"
COUNTER = f"{LAMP}/attributes/counter"
TWIN = "org.x/lamp/things/twin"


@pytest.fixture(scope="module")
def api(api_url: str, owner: Connection, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with serving(api_url, tmp_path_factory.mktemp("api")) as (url, _), ExitStack() as clients:
        yield Api(url, owner, clients)


@pytest.fixture
def lamp(an: httpx.Client) -> httpx.Client:
    assert an.put(LAMP, json={"attributes": {"counter": 1}}).status_code == 201
    return an


@contextmanager
def wall(client: httpx.Client, status: int = 200, **said: Any) -> Iterator[list[dict[str, Any]]]:
    """A subscriber that acknowledges what it is asked to."""
    shown: list[dict[str, Any]] = []
    with socket(client) as one:
        one.control("START-SEND-EVENTS")

        def acknowledge() -> None:
            for _ in range(1):
                event = one.receive()
                shown.append(event)
                headers = {"correlation-id": event["headers"]["correlation-id"]}
                for label in event["headers"]["requested-acks"]:
                    one.send(f"{TWIN}/acks/{label}", headers=headers, status=status, **said)

        thread = threading.Thread(target=acknowledge)
        thread.start()
        yield shown
        thread.join(15)


def test_a_write_waits_for_a_label_of_its_own(lamp: httpx.Client) -> None:
    with wall(lamp, value={"screen": 3}) as shown:
        found = lamp.put(COUNTER, json=2, params={"requested-acks": "twin-persisted,ioc:shown"})

    assert found.status_code == 200
    told = found.json()
    assert told["twin-persisted"]["status"] == 204
    assert (told["ioc:shown"]["status"], told["ioc:shown"]["payload"]) == (200, {"screen": 3})
    assert shown[0]["headers"]["requested-acks"] == ["ioc:shown"]


def test_one_label_alone_answers_as_it_was_acknowledged(lamp: httpx.Client) -> None:
    with wall(lamp, status=201, value="seen"):
        found = lamp.put(COUNTER, json=2, headers={"requested-acks": '["ioc:shown"]'})

    assert (found.status_code, found.json()) == (201, "seen")


def test_a_label_that_nobody_gives_is_a_failed_dependency(lamp: httpx.Client) -> None:
    found = lamp.put(
        COUNTER, json=2, params={"requested-acks": "twin-persisted,ioc:shown", "timeout": "200ms"}
    )

    assert found.status_code == 424
    assert found.json()["ioc:shown"]["status"] == 408
    assert lamp.get(COUNTER).json() == 2


def test_a_refused_write_waits_for_nobody(lamp: httpx.Client) -> None:
    asked = {"requested-acks": "ioc:shown"}
    found = lamp.put(COUNTER, json=2, params=asked, headers={"if-match": '"rev:9"'})

    assert found.status_code == 412


def test_who_was_not_shown_the_change_cannot_acknowledge_it(
    lamp: httpx.Client, person: Any
) -> None:
    with socket(person("guest")) as guest, socket(lamp) as own:
        guest.control("START-SEND-EVENTS")
        asked = own.send(
            f"{TWIN}/commands/modify", "/attributes/counter", value=2,
            headers={"requested-acks": ["twin-persisted", "ioc:shown"], "timeout": "500ms"},
        )  # fmt: skip
        guest.send(f"{TWIN}/acks/ioc:shown", headers={"correlation-id": asked}, status=200)

        found = own.answer_to(asked)
    assert (found["status"], found["topic"]) == (424, f"{TWIN}/acks")
    assert found["value"]["ioc:shown"]["status"] == 408
    judge(found)


def test_a_command_over_a_socket_waits_too(lamp: httpx.Client) -> None:
    with wall(lamp), socket(lamp) as own:
        found = own.ask(
            f"{TWIN}/commands/merge", "/attributes", value={"counter": 2},
            headers={"requested-acks": ["twin-persisted", "ioc:shown"]},
        )  # fmt: skip

    assert (found["status"], found["topic"], found["path"]) == (200, f"{TWIN}/acks", "/")
    assert {one["status"] for one in found["value"].values()} == {200, 204}
