"""Search: filters, order, pages; what was just written is found."""

import httpx
import pytest

MERGE = {"content-type": "application/merge-patch+json"}


@pytest.fixture
def fleet(an: httpx.Client) -> httpx.Client:
    """Seven boats of 10 to 16 metres."""
    an.put("/policies/org.x:fleet", json={"entries": {"E": {
        "subjects": {"nginx:an": {"type": "owner"}},
        "resources": {key: {"grant": ["READ", "WRITE"]} for key in ("thing:/", "policy:/")},
    }}})  # fmt: skip
    for n in range(7):
        body = {
            "policyId": "org.x:fleet",
            "attributes": {"length": 10 + n, "port": ["Sông Đốc", "Gành Hào"][n % 2]},
        }
        assert an.put(f"/things/org.x:b{n}", json=body).status_code == 201
    return an


def page(client: httpx.Client, **asked: str) -> tuple[list[str], str | None]:
    answer = client.get("/search/things", params=asked)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return [thing["thingId"][-2:] for thing in body["items"]], body.get("cursor")


def test_pages_follow_one_another_without_gap_or_repeat(fleet: httpx.Client) -> None:
    rql, order = "gt(attributes/length,10)", "sort(-attributes/port,+attributes/length),size(2)"
    first, cursor = page(fleet, filter=rql, option=order)
    # What comes in front meanwhile moves nobody to another page.
    fleet.put("/things/org.x:b9", json={
        "policyId": "org.x:fleet", "attributes": {"length": 11, "port": "Sông Đốc"}
    })  # fmt: skip
    seen = first
    while cursor:
        more, cursor = page(fleet, filter=rql, option=f"{order},cursor({cursor})")
        seen += more

    assert seen == ["b2", "b4", "b6", "b1", "b3", "b5"]


def test_a_cursor_of_another_search_is_refused(fleet: httpx.Client) -> None:
    _, cursor = page(fleet, option="size(2)")

    for asked in (
        {"filter": "exists(thingId)", "option": f"size(2),cursor({cursor})"},
        {"option": f"size(2),sort(-thingId),cursor({cursor})"},
        {"option": "size(2),cursor(nonsense)"},
    ):
        answer = fleet.get("/search/things", params=asked)
        assert (answer.status_code, answer.json()["error"]) == (400, "thing-search:cursor.invalid")


def test_the_older_way_to_page_counts(fleet: httpx.Client) -> None:
    body = fleet.get("/search/things", params={"option": "limit(5,2)"}).json()
    last = fleet.get("/search/things", params={"option": "limit(6,2)"}).json()

    assert [thing["thingId"] for thing in body["items"]] == ["org.x:b5", "org.x:b6"]
    assert (body["nextPageOffset"], last["nextPageOffset"]) == (-1, -1)
    assert (
        fleet.get("/search/things", params={"option": "limit(0,2)"}).json()["nextPageOffset"] == 2
    )


def test_search_by_form_namespaces_fields_and_count(fleet: httpx.Client) -> None:
    fleet.put("/things/org.y:b8", json={"attributes": {"length": 99}})
    form = {
        "filter": "ge(attributes/length,15)", "fields": "thingId,_revision",
        "option": "sort(-attributes/length)", "namespaces": "org.x",
    }  # fmt: skip

    answer = fleet.post("/search/things", data=form).json()

    assert answer["items"] == [
        {"thingId": "org.x:b6", "_revision": 1}, {"thingId": "org.x:b5", "_revision": 1},
    ]  # fmt: skip
    assert fleet.post("/search/things/count", data=form).json() == 2
    assert fleet.get("/search/things/count").json() == 8


def test_what_was_just_written_is_found_and_what_was_just_deleted_is_not(
    fleet: httpx.Client,
) -> None:
    for n in range(20):
        fleet.patch("/things/org.x:b0", json={"attributes": {"turn": n}}, headers=MERGE)
        assert page(fleet, filter=f"eq(attributes/turn,{n})")[0] == ["b0"]
    fleet.delete("/things/org.x:b0")
    assert page(fleet, filter="exists(attributes/turn)")[0] == []


@pytest.mark.parametrize(
    "asked",
    [
        {"filter": "eq(attributes/a"},
        {"filter": "equals(attributes/a,1)"},
        {"filter": "eq(colour,1)"},
        {"option": "size(201)"},
        {"option": "size(2),limit(0,2)"},
        {"option": "sort(attributes/a)"},
        {"fields": "a(("},
        {"namespaces": "1,2"},
        {"filter": "eq(attributes/a,'\u0000')"},
    ],
)
def test_a_search_that_cannot_be_understood_says_where(
    fleet: httpx.Client, asked: dict[str, str]
) -> None:
    answer = fleet.get("/search/things", params=asked)

    assert answer.status_code == 400
    assert answer.json()["message"]


def test_other_things_than_things_are_not_searched(an: httpx.Client) -> None:
    assert an.get("/search/policies").status_code == 404
    assert an.delete("/search/things").status_code == 405
    assert an.post("/search/things", json={}).status_code == 415
