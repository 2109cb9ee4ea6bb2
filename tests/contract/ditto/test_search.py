"""Searches through the client."""

from typing import Any

import pytest
from tests.contract.ditto.conftest import Place, eventually

import ioc_ditto as ditto
from ioc_ditto import DittoClient, rql

SEVEN = [
    {"n": n, "name": f"Cầu số {n}", "tags": ["a", "b"] if n % 2 else ["c"], "even": n % 2 == 0}
    for n in range(7)
]


@pytest.fixture
def seven(client: DittoClient, place: Place) -> Place:
    for n, attributes in enumerate(SEVEN):
        place.thing(f"t{n}", attributes=attributes)
    eventually(lambda: client.count(namespaces=place.namespace), 7)
    return place


def test_pages_put_together_are_the_whole(client: DittoClient, seven: Place) -> None:
    found = list(
        client.search(sort="-attributes/n", size=3, fields="attributes/n",
                      namespaces=seven.namespace)
    )  # fmt: skip

    assert [one["attributes"]["n"] for one in found] == [6, 5, 4, 3, 2, 1, 0]


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (rql.eq("attributes/n", 3), [3]),
        (rql.ne("attributes/n", 3), [0, 1, 2, 4, 5, 6]),
        (rql.gt("attributes/n", 4), [5, 6]),
        (rql.ge("attributes/n", 5.0), [5, 6]),
        (rql.lt("attributes/n", 1), [0]),
        (rql.le("attributes/n", 1), [0, 1]),
        (rql.in_("attributes/n", [1, 6, 99]), [1, 6]),
        (rql.eq("attributes/tags", "c"), [0, 2, 4, 6]),
        (rql.eq("attributes/even", value=True), [0, 2, 4, 6]),
        (rql.like("attributes/name", "Cầu số ?"), list(range(7))),
        (rql.like("attributes/name", "*6"), [6]),
        (rql.ilike("attributes/name", "cầu*3"), [3]),
        (rql.eq("attributes/name", "Cầu số 2"), [2]),
        (rql.exists("attributes/n") & ~rql.eq("attributes/even", value=True), [1, 3, 5]),
        (rql.eq("attributes/n", 1) | rql.eq("attributes/n", 2), [1, 2]),
        (rql.exists("features/absent"), []),
        (rql.gt("_modified", rql.Now("-1h")), list(range(7))),
        (rql.eq("attributes/name", '"),eq(attributes/n,"1'), []),
    ],
    ids=str,
)
def test_filters_find_what_they_say(
    client: DittoClient, seven: Place, wanted: rql.Rql, numbers: list[int]
) -> None:
    found = client.search(wanted, sort="attributes/n", namespaces=seven.namespace)

    assert [one["attributes"]["n"] for one in found] == numbers
    assert client.count(wanted, namespaces=seven.namespace) == len(numbers)


def test_a_filter_too_long_for_an_address_is_asked_all_the_same(
    client: DittoClient, seven: Place
) -> None:
    wanted = rql.in_("attributes/n", [*range(1000, 1900), 4])

    found = list(client.search(wanted, namespaces=seven.namespace))

    assert [one["attributes"]["n"] for one in found] == [4]


def test_a_search_can_be_streamed(client: DittoClient, seven: Place) -> None:
    wanted = rql.ge("attributes/n", 2)
    with client.search_stream(
        wanted, sort="attributes/n", fields="thingId,attributes/n", namespaces=seven.namespace
    ) as stream:
        found = [(event.id, event.value["attributes"]["n"]) for event in stream]

    assert found == [(f"{seven.namespace}:t{n}", n) for n in range(2, 7)]


def test_a_streamed_search_goes_on_where_it_was_left(client: DittoClient, seven: Place) -> None:
    with client.search_stream(
        sort="thingId", namespaces=seven.namespace, since=f"{seven.namespace}:t4"
    ) as stream:
        assert [event.id[-2:] for event in stream] == ["t5", "t6"]


def test_nothing_found_is_no_error(client: DittoClient, place: Place) -> None:
    assert list(client.search(namespaces=place.namespace)) == []
    assert client.count(rql.exists("attributes/x"), namespaces=place.namespace) == 0


@pytest.mark.parametrize("wanted", ["eq(", "xx(attributes/a,1)", "eq(attributes/a)", "eq(a,1) "])
def test_what_is_no_filter_is_a_bad_request(client: DittoClient, wanted: str) -> None:
    with pytest.raises(ditto.BadRequest):
        list(client.search(wanted))
    with pytest.raises(ditto.BadRequest):
        client.count(wanted)


def test_a_page_is_never_larger_than_allowed(client: DittoClient) -> None:
    for size in (0, 201):
        with pytest.raises(ditto.BadName):
            list(client.search(size=size))


def test_who_may_not_read_does_not_find(other: DittoClient, seven: Place) -> None:
    def seen() -> list[Any]:
        return list(other.search(rql.ge("attributes/n", 0), namespaces=seven.namespace))

    assert seen() == []
    assert other.count(namespaces=seven.namespace) == 0
