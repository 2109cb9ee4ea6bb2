"""No figure travels alone: whatever the API shows of one says when, from whom, how, how good."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import Any, Final

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.api import Api

from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds import fixtures
from ioc_cloud.feeds.batch import Batch, Rows
from ioc_cloud.feeds.calendar import Calendar
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.deliver import deliver
from ioc_cloud.feeds.scores import score_nightly
from ioc_models.feeds import Cadence
from ioc_models.feeds.periods import containing

CATALOGUE = Catalogue.of_province()
CALENDAR = Calendar.load()
CARRIED: Final = ("as_of", "received_at", "source", "provenance", "quality")
NOW = datetime.now(timezone.utc)


def fill(connection: Connection) -> None:
    """A little of every table of every feed, and its scores."""
    for feed in CATALOGUE.feeds.values():
        for table in feed.tables:
            period = containing(NOW, table.grid.period).previous()
            rows = fixtures.valid(CATALOGUE, table, period, most=4)
            batch = Batch(feed.id, {table.id: Rows(rows)}, "rest", "simulated", "test")
            deliver(connection, CATALOGUE, batch, now=NOW)
    score_nightly(connection, CATALOGUE, CALENDAR, YESTERDAY.first_day, now=NOW)


def figures(body: Any, above: tuple[Mapping[str, Any], ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every object with a value that is a number, with the objects around it."""
    if isinstance(body, dict):
        if isinstance(body.get("value"), (int, float)) and not isinstance(body["value"], bool):
            yield (body, above)
        for part in body.values():
            yield from figures(part, (*above, body))
    elif isinstance(body, list):
        for part in body:
            yield from figures(part, above)


def bare(body: Any) -> list[tuple[Any, list[str]]]:
    """Figures that lack something, with what they lack."""
    found = []
    for one, above in figures(body):
        around = (one, *above)
        lacks = [name for name in CARRIED if not any(part.get(name) is not None for part in around)]
        if lacks:
            found.append((one, lacks))
    return found


def test_the_walk_finds_a_figure_that_travels_alone() -> None:
    alone = {"items": [{"value": 3, "as_of": "x", "received_at": "x", "source": "x"}]}
    assert bare(alone) == [(alone["items"][0], ["provenance", "quality"])]


YESTERDAY: Final = containing(NOW, Cadence.DAY).previous()
PARAMETERS: Final[Mapping[str, list[str]]] = {
    "feed_id": list(CATALOGUE.feeds),
    "indicator": list(CATALOGUE.indicators),
    "area": ["96", *CATALOGUE.communes[:4]],
    "table_id": ["ngay"],
    "period": [str(YESTERDAY)],
    "day": [str(YESTERDAY.first_day)],
    "number": [str(n) for n in range(1, 40)],
}


def test_no_answer_shows_a_figure_without_its_origin(owner: Connection, api: Api) -> None:
    fill(owner)
    client = api.client("feeds:read", "feeds:steward", "status:read", "alerts", roles=["steward"])
    document = client.get("/api/openapi.json").json()
    asked = [
        path
        for path, operations in document["paths"].items()
        if "get" in operations
        and "application/json" in operations["get"]["responses"].get("200", {}).get("content", {})
        # No broker runs here, and health says so.
        and not path.startswith(("/api/2/", "/api/health"))
    ]
    assert len(asked) > 15
    seen = 0

    @settings(
        max_examples=400, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.data())
    def walk(data: st.DataObject) -> None:
        nonlocal seen
        path = data.draw(st.sampled_from(asked))
        for name, values in PARAMETERS.items():
            if f"{{{name}}}" in path:
                path = path.replace(f"{{{name}}}", data.draw(st.sampled_from(values)))
        answer = client.get(path)
        assert answer.status_code < 500, path
        if answer.headers["content-type"].startswith("application/json"):
            body = answer.json()
            seen += sum(1 for _ in figures(body))
            assert bare(body) == [], path

    walk()
    assert seen > 200, "the walk met too few figures to prove anything"


def test_simulated_figures_say_so_and_name_the_day_of_their_grade(
    owner: Connection, api: Api
) -> None:
    fill(owner)
    shown = api.client("feeds:read").get("/api/figures").json()["items"]
    assert shown
    assert {one["provenance"] for one in shown} == {"simulated"}
    assert all(one["quality"]["day"] for one in shown)


def test_a_small_group_is_covered_below_the_province(owner: Connection, api: Api) -> None:
    period = containing(NOW, Cadence.DAY).previous()
    area = CATALOGUE.communes[0]
    row = {"area": area, "period": str(period), "visits": 90, "inpatients": 9, "beds": 40}
    rows = Rows([{**row, "dengue": 3, "hfmd": 0}])
    deliver(owner, CATALOGUE, Batch("y-te", {"ngay": rows}, "rest", "api", "test"), now=NOW)

    def dengue(client: httpx.Client) -> list[tuple[Any, ...]]:
        asked = {"indicator": "YT.SXH", "area": ["96", area]}
        items = client.get("/api/figures", params=asked).json()["items"]
        return sorted((one["area"], one["value"], one["suppressed"]) for one in items)

    assert dengue(api.client("wall:read")) == [(area, None, True), ("96", 3, False)]
    leader = api.client("feeds:read", roles=["leader"])
    assert dengue(leader) == [(area, 3, False), ("96", 3, False)]


@pytest.mark.parametrize("scope", ["wall:read", "feeds:read"])
def test_what_is_restricted_looks_as_if_it_were_not_there(
    owner: Connection, api: Api, scope: str
) -> None:
    fill(owner)
    client = api.client(scope)
    codes = {one["indicator"] for one in client.get("/api/figures").json()["items"]}
    assert codes
    assert "CAM.BIEN_THEO_DOI" not in codes
    assert not any(code.startswith("CCVC.") for code in codes)
    for code in ("CAM.BIEN_THEO_DOI", "CCVC.BIEN_CHE", "KHONG.CO_MA"):
        assert client.get("/api/figures", params={"indicator": code}).status_code == 404
    steward = api.client("feeds:read", roles=["steward"])
    seen = {one["indicator"] for one in steward.get("/api/figures").json()["items"]}
    assert {"CAM.BIEN_THEO_DOI", "CCVC.BIEN_CHE"} <= seen


def test_names_and_telephones_stay_off_the_wall(api: Api) -> None:
    for feed in api.client("wall:read").get("/api/feeds").json()["items"]:
        for person in ("owner", "deputy", "head"):
            assert not feed[person]["name"]
            assert not feed[person]["phone"]


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_a_day_at_the_edge_of_time_is_a_problem_and_no_crash(api: Api, day: str) -> None:
    client = api.client("feeds:read", "feeds:write", feeds=["*"])
    for path in (
        f"/api/figures/YT.KHAM/series?since={day}&until={day}",
        f"/api/figures/YT.KHAM/export?since={day}&until={day}",
        f"/api/feeds/y-te/template?day={day}",
    ):
        answer = client.get(path)
        assert answer.status_code in {200, 422}, path
