"""Bulks: a line each, in order, and a bad one stops none of the others."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import httpx
import pytest

from ioc_cloud.twin.ioc import bulk

Ask = Callable[..., httpx.Client]
Make = Callable[..., None]
NDJSON = {"Content-Type": bulk.MEDIA_TYPE}
WRITE = {"/": {"grant": ["READ", "WRITE"]}}


def send(client: httpx.Client, lines: Iterable[Any]) -> list[dict[str, Any]]:
    text = "\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines)
    answer = client.post("/api/ioc/things/bulk", content=text.encode(), headers=NDJSON)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == bulk.MEDIA_TYPE
    return [json.loads(line) for line in answer.text.splitlines()]


def test_each_line_is_merged_and_answered_in_order(
    ask: Ask, make: Make, policy: Callable[..., str]
) -> None:
    policy("org.b:p", an=WRITE)
    for name in "abc":
        make(f"org.b:{name}", {"attributes": {"n": 0, "old": 1}}, "org.b:p")
    told = send(ask("an"), [
        {"thingId": "org.b:a", "patch": {"attributes": {"n": 1, "old": None}}},
        {"thingId": "org.b:b", "path": "/attributes/n", "patch": 2},
        {"thingId": "org.b:c", "path": "/features/f/properties", "patch": {"x": 3}},
        {"thingId": "org.b:c", "path": "/features", "patch": {"f": {"properties": {"x": 3}}}},
    ])  # fmt: skip
    assert [(one["line"], one["status"]) for one in told] == [
        (1, 204),
        (2, 204),
        (3, 404),
        (4, 204),
    ]
    assert told[2]["error"]["error"] == "things:feature.notfound"
    assert ask("an").get("/api/2/things/org.b:a").json()["attributes"] == {"n": 1}
    assert ask("an").get("/api/2/things/org.b:b/attributes/n").json() == 2
    assert ask("an").get("/api/2/things/org.b:c/features/f/properties/x").json() == 3


def test_bad_lines_stop_none_of_the_others(
    ask: Ask, make: Make, policy: Callable[..., str]
) -> None:
    policy("org.b:p", an=WRITE)
    policy("org.b:closed", an={"/": {"grant": ["READ"]}})
    make("org.b:a", {"attributes": {}}, "org.b:p")
    make("org.b:shut", {"attributes": {}}, "org.b:closed")
    good = {"thingId": "org.b:a", "path": "/attributes/n", "patch": 1}
    told = send(ask("an"), [
        good, "{", "", {"patch": {}}, {"thingId": "no id", "patch": {}}, {"thingId": "org.b:a"},
        {**good, "extra": 1}, {**good, "path": "/nothing"}, {**good, "path": 7}, "[1]",
        {"thingId": "org.b:shut", "patch": {"attributes": {"n": 1}}},
        {"thingId": "org.b:none", "path": "/attributes", "patch": {"n": 1}},
        '{"thingId":"org.b:a","patch":{"attributes":{"t":"\\u0000"}}}',
        {"thingId": "org.b:a", "patch": {"attributes": {"long": "x" * 150_000}}},
        {"thingId": "org.b:a", "patch": {"attributes": {"long": "x" * 300_000}}},
        {**good, "patch": 2},
    ])  # fmt: skip
    assert [(one["line"], one["status"]) for one in told] == [
        (1, 204), (2, 400), (4, 400), (5, 400), (6, 400), (7, 400), (8, 400), (9, 400),
        (10, 400), (11, 403), (12, 404), (13, 400), (14, 413), (15, 413), (16, 204),
    ]  # fmt: skip
    assert ask("an").get("/api/2/things/org.b:a/attributes").json() == {"n": 2}


def test_thousands_of_lines_are_a_few_transactions_and_all_land(
    ask: Ask, policy: Callable[..., str], api: Any
) -> None:
    policy("org.b:p", an=WRITE)
    count = 2_200
    rows = (
        {"thingId": f"org.b:n{n}", "patch": {"policyId": "org.b:p", "attributes": {"n": n}}}
        for n in range(count)
    )
    before = api.owner.execute("select sum(xact_commit) from pg_stat_database").fetchone()
    assert before is not None
    told = send(ask("an"), rows)
    assert {one["status"] for one in told} == {201}
    assert [one["line"] for one in told] == list(range(1, count + 1))
    again = send(ask("an"), [
        {"thingId": f"org.b:n{n}", "path": "/attributes/n", "patch": n + 1} for n in range(count)
    ])  # fmt: skip
    assert {one["status"] for one in again} == {204}
    stamps = api.owner.execute(
        "select count(distinct time), count(*) from thing_event where revision = 2"
    ).fetchone()
    assert stamps == (-(-count // bulk.PER_TRANSACTION), count)


def test_what_one_line_does_the_next_ones_see(ask: Ask, policy: Callable[..., str]) -> None:
    policy("org.b:p", an=WRITE)
    told = send(ask("an"), [
        {"thingId": "org.b:new", "patch": {"policyId": "org.b:p"}},
        {"thingId": "org.b:new", "path": "/attributes", "patch": {"a": 1}},
        {"thingId": "org.b:new", "path": "/attributes", "patch": {"b": 2}},
        {"thingId": "org.b:new", "path": "/attributes", "patch": {"a": None}},
    ])  # fmt: skip
    assert [one["status"] for one in told] == [201, 204, 204, 204]
    assert ask("an").get("/api/2/things/org.b:new/attributes").json() == {"b": 2}
    assert told[0]["etag"] == '"rev:1"'


def test_a_body_that_comes_in_pieces_is_read_line_by_line(
    ask: Ask, make: Make, policy: Callable[..., str]
) -> None:
    policy("org.b:p", an=WRITE)
    make("org.b:a", {"attributes": {}}, "org.b:p")
    text = b"".join(
        json.dumps({"thingId": "org.b:a", "path": f"/attributes/k{n}", "patch": n}).encode() + b"\n"
        for n in range(50)
    )

    def pieces() -> Iterator[bytes]:
        for at in range(0, len(text), 37):
            yield text[at : at + 37]

    answer = ask("an").post("/api/ioc/things/bulk", content=pieces(), headers=NDJSON)
    assert len(answer.text.splitlines()) == 50
    assert ask("an").get("/api/2/things/org.b:a/attributes").json() \
        == {f"k{n}": n for n in range(50)}  # fmt: skip


@pytest.mark.parametrize("found", ["application/json", "text/plain"])
def test_anything_but_lines_of_json_is_refused(ask: Ask, found: str) -> None:
    answer = ask("an").post("/api/ioc/things/bulk", content="", headers={"Content-Type": found})
    assert answer.status_code == 415


def test_too_many_lines_are_told_where_they_begin(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, make: Make, policy: Callable[..., str]
) -> None:
    monkeypatch.setattr(bulk, "MAX_LINES", 3)
    policy("org.b:p", an=WRITE)
    make("org.b:a", {"attributes": {}}, "org.b:p")
    line = {"thingId": "org.b:a", "path": "/attributes/n", "patch": 1}
    told = send(ask("an"), [line] * 5)
    assert [(one["line"], one["status"]) for one in told] \
        == [(1, 204), (2, 204), (3, 204), (4, 413)]  # fmt: skip
