"""Communes across the reform of 2025: sums stay, and what weights have touched says so."""

import math
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.api import Api

from ioc_cloud.db import twin_sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.twin.ioc import boundaries
from ioc_cloud.twin.ioc.boundaries import Counted, CrosswalkUnreadable

Ask = Callable[..., httpx.Client]
Make = Callable[..., None]
FOLDER = Path(__file__).resolve().parents[4] / "maps" / "boundaries"
COMMUNES, CROSSWALK = FOLDER / "communes.csv", FOLDER / "old_to_new_communes.csv"
NOON = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)
SERIES = {"/": {"grant": ["READ", "READ_TS"]}}
URL = "/api/ioc/series/communes"
HEADER = "old_name,old_district,old_province,new_code,relation,weight,weight_source\n"


def load_ours(owner: Connection) -> tuple[int, int]:
    return boundaries.load(owner, COMMUNES, CROSSWALK)


def ask_for(client: httpx.Client, **asked: Any) -> dict[str, Any]:
    span = {"from": NOON.isoformat(), "to": (NOON + timedelta(days=1)).isoformat(), "step": "1d"}
    answer = client.get(URL, params={**span, **asked})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def total(body: dict[str, Any]) -> float:
    return math.fsum(one["v"] for commune in body["communes"] for one in commune["data"])


def test_the_provinces_own_crosswalk_loads_and_every_old_commune_goes_somewhere_whole(
    owner: Connection,
) -> None:
    areas, lines = load_ours(owner)
    assert (lines, areas) == (186, 64 + len({row[0] for row in _lines(owner)}))
    shares = owner.execute(
        "select old_code, sum(weight) from commune_crosswalk group by old_code"
    ).fetchall()
    assert all(one == pytest.approx(1, abs=1e-12) for _, one in shares)
    reached = owner.execute("select count(distinct new_code) from commune_crosswalk").fetchone()
    assert reached is not None
    assert reached[0] == 64
    assert load_ours(owner) == (areas, lines)


def _lines(owner: Connection) -> list[Any]:
    return owner.execute("select old_code from commune_crosswalk").fetchall()


def test_moving_to_other_boundaries_keeps_every_sum(owner: Connection) -> None:
    load_ours(owner)
    walk = boundaries.crosswalk(owner)
    old, new = sorted(walk.forward), sorted(walk.backward)

    @given(st.lists(st.tuples(st.sampled_from([*old, *new, "99999", None]), st.integers(0, 10**6)),
                    max_size=60))  # fmt: skip
    def holds(rows: list[tuple[str | None, int]]) -> None:
        counted = [Counted(NOON, code, float(value)) for code, value in rows]
        before = math.fsum(one.value for one in counted)
        for side in ("today", "old"):
            moved = walk.moved(counted, side)  # type: ignore[arg-type]
            assert math.fsum(one.value for one in moved.values()) == pytest.approx(before)

    holds()


def test_only_what_was_divided_is_approximate(owner: Connection) -> None:
    load_ours(owner)
    walk = boundaries.crosswalk(owner)
    whole = next(old for old, parts in walk.forward.items() if len(parts) == 1)
    parted = next(old for old, parts in walk.forward.items() if len(parts) > 1)
    moved = walk.moved([Counted(NOON, whole, 3.0)], "today")
    ((_, one),) = moved.items()
    assert (one.value, one.approximate, one.sources) == (3.0, False, set())
    for one in walk.moved([Counted(NOON, parted, 3.0)], "today").values():
        assert one.approximate
        assert one.sources == {"equal"}


def test_events_are_shown_on_both_boundaries_with_the_same_total(
    ask: Ask, owner: Connection, api: Api
) -> None:
    load_ours(owner)
    for code, count in (("32025", 7), ("32002", 4), (None, 2)):
        for _ in range(count):
            _event(api, code)
    today = ask_for(ask("an"), path="events/plate")
    old = ask_for(ask("an"), path="events/plate", boundaries="old")
    assert today["total"] == old["total"] == total(today) == total(old) == 13
    named = {one["code"]: one for one in today["communes"]}
    assert named["32025"]["data"] == [{"t": "2026-03-10T00:00:00Z", "v": 7}]
    assert not any(one["approximate"] for one in today["communes"])
    assert named[None]["data"][0]["v"] == 2
    assert today["simulated"] is True
    assert sum(one["code"] is not None and one["code"].startswith("old:")
               for one in old["communes"]) > 2  # fmt: skip
    assert {one["weightSource"] for one in old["communes"] if one["approximate"]} == {"equal"}


def _event(api: Api, commune: str | None) -> None:
    api.owner.execute(
        "insert into event (id, time, box, epoch, seq, kind, commune, simulated, replayed,"
        " clock_suspect, signature, sha256, body) values (%s, %s, 'b', %s, 1, 'plate', %s, true,"
        " false, false, 'unsigned', '', '{}')", (uuid.uuid4(), NOON, uuid.uuid4(), commune)
    )  # fmt: skip
    api.owner.execute("insert into rollup_dirty (bucket) values (%s)", (NOON,))


def test_an_indicator_of_old_communes_is_shown_on_todays(
    ask: Ask, make: Make, policy: Callable[..., str], owner: Connection
) -> None:
    load_ours(owner)
    walk = boundaries.crosswalk(owner)
    parted = next(old for old, parts in walk.forward.items() if len(parts) == 2)
    policy("org.d:p", an=SERIES)
    policy("org.d:closed")
    path = "/features/indicators/properties/cases"
    for name, commune, under, value in (
        ("old", parted, "org.d:p", 10.0), ("new", "vn.camau.area:c32002", "org.d:p", 5.0),
        ("hidden", "c32025", "org.d:closed", 100.0),
    ):  # fmt: skip
        make(f"org.d:{name}", {"attributes": {"containedInPlace": commune}}, under)
        owner.execute(twin_sql.ADD_POINTS, {
            "ids": [f"org.d:{name}"], "paths": [path], "times": [NOON], "revisions": [1],
            "num": [value], "txt": [None], "bool": [None],
        })  # fmt: skip
    asked = {"path": path, "namespaces": "org.d"}
    body = ask_for(ask("an"), **asked)
    shares = {share.code: share for share in walk.forward[parted]}
    found = {one["code"]: one for one in body["communes"]}
    assert found.keys() == shares.keys() | {"32002"}
    for code in shares.keys() - {"32002"}:
        assert found[code]["data"][0]["v"] == pytest.approx(5)
        assert (found[code]["approximate"], found[code]["weightSource"]) == (True, "equal")
    assert total(body) == pytest.approx(15)
    before = ask_for(ask("an"), **asked, boundaries="old")
    assert total(before) == pytest.approx(15)
    same = {one["code"]: one for one in before["communes"]}[parted]
    assert same["data"][0]["v"] == pytest.approx(10)
    assert ask("binh").get(URL, params={**asked, "from": "now-1d", "to": "now"}).status_code == 404


@pytest.mark.parametrize(
    "asked",
    [{}, {"path": "plates"}, {"path": "features/x/properties/y"}, {"path": "events/plate",
     "boundaries": "tomorrow"}, {"path": "events/plate", "agg": "avg"},
     {"path": "events/plate", "step": "30m"}, {"path": "events/plate", "from": "x"}],
)  # fmt: skip
def test_a_series_that_cannot_be_moved_is_refused(ask: Ask, asked: dict[str, str]) -> None:
    answer = ask("an").get(URL, params={"from": "now-1d", "to": "now", **asked})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("old_name,new_code\n", "no column"),
        (f"{HEADER}Xã A,Huyện B,Tỉnh C,99999,merged,1,whole\n", "no such commune"),
        (f"{HEADER}Xã A,Huyện B,Tỉnh C,32002,divided,much,x\n", "no weight"),
        (f"{HEADER}Xã A,Huyện B,Tỉnh C,32002,divided,2,x\n", "between 0 and 1"),
        (f"{HEADER}Xã A,Huyện B,Tỉnh C,32002,divided,0,x\n", "nothing"),
    ],
)
def test_a_crosswalk_that_cannot_be_used_changes_nothing(
    owner: Connection, tmp_path: Path, text: str, words: str
) -> None:
    load_ours(owner)
    file = tmp_path / "walk.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(CrosswalkUnreadable, match=words):
        boundaries.load(owner, COMMUNES, file)
    assert len(_lines(owner)) == 186


def test_names_alike_in_two_districts_are_two_communes() -> None:
    one = {
        "old_name": "Xã Tân Thuận",
        "old_district": "Huyện Đầm Dơi",
        "old_province": "Tỉnh Cà Mau",
    }
    assert boundaries.old_code(one) == "old:tinh-ca-mau.huyen-dam-doi.xa-tan-thuan"
    other = {**one, "old_district": "Huyện U Minh"}
    assert boundaries.old_code(one) != boundaries.old_code(other)
    assert boundaries.code_of("vn.camau.area:c32001") == "32001"
    assert boundaries.code_of("320011") is None
