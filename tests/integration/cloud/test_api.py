"""The API over HTTP, with the API role's rights on a real database."""

import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.api import Api
from tests.support.events import BoxSim, now, plate_data
from tests.support.stored import put_in

from ioc_cloud.auth import users
from ioc_cloud.db.pool import Connection
from ioc_cloud.errors import UnknownScope
from ioc_cloud.events import communes
from ioc_models.events import new_id

PLATE = "69A12345"
SCOPES = ("events:read", "evidence:read", "wall:read", "status:read")
BOUNDARY = {
    "type": "Feature",
    "properties": {
        "code": "32002", "name_vi": "Phường An Xuyên", "name_en": "An Xuyen Ward",
        "kind": "phuong", "lon": 105.15, "lat": 9.18,
    },
    "geometry": {
        "type": "Polygon",
        "coordinates": [[[105, 9], [105.4, 9], [105.4, 9.4], [105, 9.4], [105, 9]]],
    },
}  # fmt: skip


def traffic() -> dict[str, Any]:
    at = now().isoformat()
    return {"from_at": at, "to_at": at, "counts": {"car": 3}, "frames": 10}


def ids(answer: httpx.Response) -> list[str]:
    return [item["id"] for item in answer.raise_for_status().json()["items"]]


def texts(value: Any) -> list[str]:
    """Every string anywhere in a JSON value."""
    if isinstance(value, dict):
        return [text for key, inner in value.items() for text in [key, *texts(inner)]]
    if isinstance(value, list):
        return [text for inner in value for text in texts(inner)]
    return [value] if isinstance(value, str) else []


def is_problem(answer: httpx.Response, status: int) -> bool:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body = answer.json()
    assert body.keys() == {"type", "title", "status", "detail", "errors"}
    return answer.status_code == body["status"] == status


def test_an_event_is_found_by_each_of_its_properties(
    owner: Connection, api: Api, tmp_path: Path
) -> None:
    path = tmp_path / "b.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [BOUNDARY]}))
    communes.load(owner, path, approximate=True, attribution="nguồn")
    sim = BoxSim()
    wanted = sim.event(data=plate_data(PLATE))
    other = BoxSim("box-02", "cam-02").event(
        "traffic",
        ago=timedelta(hours=2),
        simulated=False,
        location={"lon": 104.9, "lat": 8.7},
        data=traffic(),
    )
    put_in(owner, wanted, other)
    since = (now() - timedelta(hours=1)).isoformat()
    client = api.client("events:read")
    for question in (
        {"from": since}, {"kind": "plate"}, {"camera": "cam-01"}, {"box": "box-01"},
        {"plate": "69a-123.45"}, {"bbox": "105,9,105.3,9.3"}, {"simulated": "true"},
        {"commune": "32002"},
    ):  # fmt: skip
        assert ids(client.get("/api/events", params=question)) == [wanted["id"]], question
    assert ids(client.get("/api/events")) == [wanted["id"], other["id"]]
    assert ids(client.get("/api/events", params={"to": since})) == [other["id"]]
    one = client.get(f"/api/events/{wanted['id']}").raise_for_status().json()
    assert (one["plate"], one["plate_display"], one["masked"]) == (PLATE, "69A-123.45", False)
    assert one["commune"]["name_vi"] == "Phường An Xuyên"
    assert one["seen_at"].endswith("Z")
    assert one["data"] == wanted["data"]


def test_pages_show_every_event_once_while_new_ones_arrive(owner: Connection, api: Api) -> None:
    sim = BoxSim()
    instant = now()
    old = [sim.event(seen_at=instant - timedelta(seconds=n // 3)) for n in range(25)]
    put_in(owner, *old)
    client = api.client("events:read")
    found: list[str] = []
    cursor = None
    while True:
        question = {"limit": 4} | ({"cursor": cursor} if cursor else {})
        page = client.get("/api/events", params=question).raise_for_status().json()
        found += [item["id"] for item in page["items"]]
        put_in(owner, sim.event())
        if (cursor := page["next"]) is None:
            break
    assert sorted(found) == sorted(event["id"] for event in old)


def test_a_cursor_continues_its_own_question_alone(owner: Connection, api: Api) -> None:
    sim = BoxSim()
    put_in(owner, *(sim.event() for _ in range(5)))
    client = api.client("events:read")
    asked = {"kind": "plate", "limit": 2}
    cursor = client.get("/api/events", params=asked).json()["next"]
    assert len(ids(client.get("/api/events", params=asked | {"cursor": cursor}))) == 2
    assert len(ids(client.get("/api/events", params={"cursor": cursor}))) == 3
    other = client.get("/api/events", params={"kind": "health", "cursor": cursor})
    assert is_problem(other, 400)
    assert other.json()["type"] == "/problems/bad-cursor"


@pytest.mark.parametrize(
    "tamper",
    [
        lambda cursor: cursor[:-2],
        lambda cursor: cursor + "A",
        lambda cursor: cursor.split(".")[0],
        lambda cursor: cursor.split(".")[0] + "." + "A" * 43,
        lambda cursor: "é" + cursor,
        lambda cursor: (
            base64.urlsafe_b64encode(b'[{},"2026-01-01T00:00:00+00:00","x"]').decode()
            + "."
            + cursor.split(".")[1]
        ),
        lambda _: "....",
        lambda _: "%00",
    ],
)
def test_a_cursor_made_elsewhere_is_refused(owner: Connection, api: Api, tamper: Any) -> None:
    sim = BoxSim()
    put_in(owner, sim.event(), sim.event())
    client = api.client("events:read")
    cursor = client.get("/api/events", params={"limit": 1}).json()["next"]
    assert is_problem(client.get("/api/events", params={"cursor": tamper(cursor)}), 400)


def test_the_wall_never_gets_a_plate(owner: Connection, api: Api) -> None:
    sim = BoxSim()
    secret_texts = {PLATE, "69A-123.45", "12345", "rtsp://user:pass@camera"}
    picture = {"role": "plate", "sha256": "cd" * 32, "bytes": 5, "media_type": "image/jpeg"}
    events = [
        sim.event(data=plate_data(PLATE), evidence=[picture]),
        sim.event("station", data={"values": {"last_plate": PLATE, "level_m": 1.5}}),
        sim.event(
            "health",
            data={"state": "broken", "before": "ok", "detail": "rtsp://user:pass@camera"},
        ),
        sim.event("traffic", data=traffic()),
    ]
    put_in(owner, *events)
    client = api.client("wall:read")
    answers = [client.get("/api/events"), client.get("/api/cameras"), client.get("/api/counts")]
    answers += [client.get(f"/api/events/{event['id']}") for event in events]
    for answer in answers:
        found = texts(answer.raise_for_status().json())
        assert not [text for text in found for secret in secret_texts if secret in text]
    shown = client.get(f"/api/events/{events[0]['id']}").json()
    assert (shown["plate"], shown["plate_display"]) == (None, "69••••••")
    assert shown["masked"]
    assert shown["evidence"] == []
    assert shown["data"]["plate"] == {"confidence": 0.97, "legal": True, "lines": 1}
    station = client.get(f"/api/events/{events[1]['id']}").json()
    assert station["data"] == {"values": {"level_m": 1.5}}
    assert owner.execute("select count(*) from audit").fetchone() == (0,)


def test_the_wall_may_not_ask_for_a_plate_either(owner: Connection, api: Api) -> None:
    sim = BoxSim()
    put_in(owner, sim.event(), sim.event())
    wall = api.client("wall:read")
    assert is_problem(wall.get("/api/events", params={"plate": PLATE}), 403)
    full = api.client("events:read")
    cursor = full.get("/api/events", params={"plate": PLATE, "limit": 1}).json()["next"]
    assert is_problem(wall.get("/api/events", params={"cursor": cursor}), 403)


def test_every_full_answer_is_audited_with_what_it_showed(owner: Connection, api: Api) -> None:
    sim = BoxSim()
    event = sim.event()
    put_in(owner, event)
    client = api.client("events:read")
    client.get("/api/events", params={"plate": PLATE})
    client.get(f"/api/events/{event['id']}")
    rows = owner.execute("select actor, action, detail from audit order by seq").fetchall()
    assert rows == [
        ("key:test", "events.search", {"filter": {"plate": PLATE}, "ids": [event["id"]]}),
        ("key:test", "events.get", {"ids": [event["id"]]}),
    ]


def test_when_the_audit_cannot_be_written_nothing_is_shown(owner: Connection, api: Api) -> None:
    sim = BoxSim()
    event = sim.event()
    put_in(owner, event)
    owner.execute("revoke insert on audit from ioc_api")
    answer = api.client("events:read").get(f"/api/events/{event['id']}")
    assert is_problem(answer, 500)
    assert PLATE not in answer.text


def test_each_door_opens_to_its_scope_alone(owner: Connection, api: Api) -> None:
    sim = BoxSim()
    event = sim.event()
    put_in(owner, event)
    sha256 = "ab" * 32
    doors = [
        ("GET", "/api/events", {"events:read", "wall:read"}),
        ("GET", f"/api/events/{event['id']}", {"events:read", "wall:read"}),
        ("GET", "/api/cameras", {"events:read", "wall:read"}),
        ("GET", "/api/communes", {"events:read", "wall:read"}),
        ("GET", "/api/counts", {"events:read", "wall:read"}),
        ("GET", "/api/status", {"status:read"}),
        ("GET", f"/api/evidence/{sha256}", {"evidence:read"}),
        ("PUT", f"/api/evidence/{sha256}", {"evidence:write"}),
    ]
    clients = {scope: api.client(scope) for scope in SCOPES}
    clients["evidence:write"] = api.client("evidence:write", box="box-01")
    for method, path, scopes in doors:
        assert is_problem(api.client().request(method, path), 401)
        for scope, client in clients.items():
            refused = client.request(method, path).status_code == 403
            assert refused == (scope not in scopes), (method, path, scope)
    assert is_problem(clients["wall:read"].request("GET", "/api/stream?after=-1"), 422)
    assert is_problem(clients["status:read"].request("GET", "/api/stream"), 403)


def test_a_key_that_is_wrong_revoked_or_malformed_opens_nothing(
    owner: Connection, api: Api
) -> None:
    client = api.client("events:read")
    assert client.get("/api/whoami").json() == {
        "name": "key:test",
        "scopes": ["events:read"],
        "roles": [],
        "feeds": [],
    }
    token = client.headers["Authorization"].removeprefix("Bearer ")
    for wrong in (token[:-1] + "x", token + "0", "ioc__", "ioc_a_b", "x" * 500, token[:20]):
        answer = client.get("/api/whoami", headers={"Authorization": f"Bearer {wrong}"})
        assert is_problem(answer, 401)
        assert "WWW-Authenticate" in answer.headers
    owner.execute("update api_key set revoked_at = now()")
    assert is_problem(client.get("/api/whoami"), 401)


def test_a_key_with_an_unknown_scope_is_not_made(api: Api) -> None:
    with pytest.raises(UnknownScope):
        api.client("root")
    with pytest.raises(UnknownScope):
        api.client("evidence:write")


def test_a_session_opens_and_ends(owner: Connection, api: Api) -> None:
    users.create(owner, "operator", "mat-khau", ["wall:read", "status:read"])
    client = api.client()
    body = {"user": "operator", "password": "mat-khau"}
    answer = client.post("/api/session", json=body)
    assert answer.status_code == 204
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert client.get("/api/whoami").json()["name"] == "user:operator"
    token = client.cookies["ioc_session"]
    assert client.delete("/api/session").status_code == 204
    client.cookies.set("ioc_session", token)
    assert is_problem(client.get("/api/whoami"), 401)


def test_a_new_password_ends_open_sessions_and_the_same_one_does_not(
    owner: Connection, api: Api
) -> None:
    users.create(owner, "operator", "mot", ["wall:read"])
    client = api.client()
    client.post("/api/session", json={"user": "operator", "password": "mot"}).raise_for_status()
    users.create(owner, "operator", "mot", ["wall:read"])
    assert client.get("/api/whoami").status_code == 200
    users.create(owner, "operator", "hai", ["wall:read"])
    assert client.get("/api/whoami").status_code == 401


def test_guessing_passwords_ends_after_five(owner: Connection, api: Api) -> None:
    users.create(owner, "operator", "mat-khau", ["wall:read"])
    client = api.client()
    for user in ("operator", "nobody", "operator", "operator", "operator"):
        answer = client.post("/api/session", json={"user": user, "password": "sai"})
        assert is_problem(answer, 401)
        assert answer.json()["type"] == "/problems/wrong-password"
    last = client.post("/api/session", json={"user": "operator", "password": "mat-khau"})
    assert is_problem(last, 429)
    assert int(last.headers["Retry-After"]) > 0
    assert owner.execute("select door, reason, n from door_count").fetchall() == [
        ("session", "wrong_password", 5)
    ]


def test_every_error_is_a_problem(api: Api) -> None:
    client = api.client(*SCOPES)
    assert is_problem(client.get("/api/nothing"), 404)
    assert is_problem(client.post("/api/events"), 405)
    assert is_problem(client.get("/api/events/not-a-uuid"), 422)
    assert is_problem(client.get(f"/api/events/{new_id(now())}"), 404)
    assert is_problem(client.get("/api/events/00000000-0000-4000-8000-000000000000"), 404)
    for question in (
        "limit=0", "limit=501", "from=yesterday", "from=2026-01-01T00:00:00", "bbox=1,2,3",
        "bbox=106,9,105,10", "bbox=nan,9,105,10", "kind=%00", "commune=abc", "plate=" + "9" * 50,
        "colour=red", "from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "plate=---",
    ):  # fmt: skip
        answer = client.get(f"/api/events?{question}")
        assert is_problem(answer, 422), question
        assert answer.json()["title"].startswith(("Tham số", "Điều kiện"))
    assert is_problem(client.post("/api/session", content=b"{broken"), 422)
    assert is_problem(client.post("/api/session", json={"user": "a\0", "password": "b"}), 422)
    assert is_problem(client.post("/api/session", content=b"x" * 70_000), 413)
    chunks = (b"x" * 1000 for _ in range(100))
    assert is_problem(client.post("/api/session", content=chunks), 413)


def test_the_input_of_a_refused_sign_in_is_not_echoed(api: Api) -> None:
    answer = api.client().post("/api/session", json={"user": ["a"], "password": ["geheim"]})
    assert is_problem(answer, 422)
    assert "geheim" not in answer.text


def test_communes_come_with_a_tag_that_spares_the_second_download(
    owner: Connection, api: Api, tmp_path: Path
) -> None:
    path = tmp_path / "b.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [BOUNDARY]}))
    client = api.client("wall:read")
    assert client.get("/api/communes").json()["features"] == []
    communes.load(owner, path, approximate=True, attribution="nguồn")
    first = client.get("/api/communes")
    assert (first.json()["approximate"], first.json()["attribution"]) == (True, "nguồn")
    assert first.json()["features"][0]["properties"]["label"] == [105.15, 9.18]
    again = client.get("/api/communes", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    communes.load(owner, path, approximate=False, attribution="nguồn")
    changed = client.get("/api/communes", headers={"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200


def test_counts_and_status_agree_with_what_came_in(owner: Connection, api: Api) -> None:
    sim = BoxSim()
    put_in(owner, sim.event(), sim.event(), sim.event("traffic", data=traffic(), simulated=False))
    put_in(owner, sim.event() | {"v": 2})
    client = api.client("wall:read", "status:read")
    assert client.get("/api/counts").json()["items"] == [
        {"commune": None, "kind": "plate", "n": 2, "simulated": 2},
        {"commune": None, "kind": "traffic", "n": 1, "simulated": 0},
    ]
    status = client.get("/api/status").json()
    assert status["events"]["total"] == 3
    assert status["events"]["by_kind"] == {"plate": 2, "traffic": 1}
    assert status["parked"]["by_reason"] == {"version": 1}
    assert status["lost"]["missing_seqs"] == 0
    assert status["simulated"]
    assert [camera["id"] for camera in status["cameras"]] == ["cam-01"]


def test_answers_carry_the_headers_that_keep_browsers_safe(api: Api) -> None:
    answer = api.client().get("/api/health")
    assert answer.json() == {"ok": False, "database": True, "broker": False}
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "http" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
