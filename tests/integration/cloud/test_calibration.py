"""Marks are tried and kept through the API; who may not, cannot; what is wrong, is told."""

import threading
from typing import Any

import httpx
import pytest
import yaml
from tests.support.api import Api
from tests.support.events import BoxSim
from tests.support.stored import put_in
from tests.unit.models.test_calibration import draft

from ioc_cloud.db.pool import Connection
from ioc_cloud.twin.models import WotModels
from ioc_cloud.twin.province.mirror import Mirror
from ioc_cloud.twin.province.seed import Sources, seed
from ioc_cloud.twin.service import Writer
from ioc_models.scene import Scene
from ioc_models.wot import Catalogue

MODELS = WotModels(Catalogue("http://ioc.test"))
BOX = "box-01"


@pytest.fixture
def camera(owner: Connection) -> str:
    """A camera that has reported once, as a thing."""
    seed(owner, Writer(series_of=MODELS.series_of), MODELS, Sources.here(), demo=False)
    event = BoxSim(BOX).event()
    put_in(owner, event)
    mirror = Mirror(lambda: owner, Writer(series_of=MODELS.series_of), MODELS, threading.Event())
    mirror.once(owner)
    return str(event["camera"])


@pytest.fixture
def technician(api: Api, camera: str) -> httpx.Client:
    del camera
    return api.client("status:read", roles=["technician"])


def body(camera: str, **changes: Any) -> dict[str, Any]:
    return draft(**changes).model_dump(mode="json", by_alias=True, exclude_none=True) | {
        "camera": camera
    }


def address(camera: str) -> str:
    return f"/api/cameras/{BOX}/{camera}/calibration"


def test_what_was_marked_is_kept_and_comes_back_as_a_scene_file(
    owner: Connection, camera: str, technician: httpx.Client
) -> None:
    assert technician.get(address(camera)).status_code == 404
    put = technician.put(address(camera), json=body(camera))
    assert put.status_code == 200, put.text
    kept = technician.get(address(camera)).json()
    assert kept == put.json()
    scene = Scene.model_validate(yaml.safe_load(kept["yaml"]))
    assert scene.sha256 == kept["sha256"]
    assert kept["made_by"] == "key:test"
    looked = owner.execute("select object, detail from audit where action = 'calibration.put'")
    assert looked.fetchall() == [
        (f"vn.camau.camera:{BOX}.{camera}", {"scene_sha256": kept["sha256"]})
    ]
    (item,) = technician.get("/api/calibration/cameras").json()["items"]
    assert (item["id"], item["made_at"]) == (camera, kept["made_at"])


def test_a_second_calibration_replaces_the_first_whole(
    camera: str, technician: httpx.Client
) -> None:
    technician.put(address(camera), json=body(camera))
    again = technician.put(address(camera), json=body(camera, zones=[], lights=[]))
    assert again.status_code == 200
    kept = technician.get(address(camera)).json()
    assert kept["draft"]["zones"] == kept["draft"]["lights"] == []


def test_a_preview_keeps_nothing_and_shows_the_grid(camera: str, technician: httpx.Client) -> None:
    outcome = technician.post(f"{address(camera)}/preview", json=body(camera)).json()
    assert outcome["faults"] == []
    assert outcome["residual_m"] < 0.01
    assert len(outcome["grid"]) > 5
    assert technician.get(address(camera)).status_code == 404


def test_marks_that_cannot_carry_a_scene_are_told_and_not_kept(
    camera: str, technician: httpx.Client
) -> None:
    few = body(camera) | {"points": []}
    outcome = technician.post(f"{address(camera)}/preview", json=few).json()
    assert outcome["faults"][0]["vi"].startswith("Mới có 0 điểm")
    refused = technician.put(address(camera), json=few)
    assert refused.status_code == 422
    assert refused.json()["type"] == "/problems/calibration-refused"
    assert "Mới có 0 điểm" in refused.json()["detail"]


def test_a_draft_of_another_camera_and_a_camera_that_is_not_there_are_refused(
    camera: str, technician: httpx.Client
) -> None:
    assert technician.put(address(camera), json=body("other")).status_code == 422
    assert technician.put(address("other"), json=body("other")).status_code == 404


@pytest.mark.parametrize("roles", [[], ["leader"], ["police"], ["focal"]])
def test_who_does_not_keep_cameras_may_not_move_their_lines(
    api: Api, camera: str, roles: list[str]
) -> None:
    other = api.client("status:read", "events:read", roles=roles)
    assert other.get("/api/calibration/cameras").status_code == 403
    assert other.get(address(camera)).status_code == 403
    assert other.put(address(camera), json=body(camera)).status_code == 403
    assert other.post(f"{address(camera)}/preview", json=body(camera)).status_code == 403


@pytest.mark.parametrize(
    "wrong",
    [
        {"points": [{"px": ["1e999", 0], "m": [0, 0]}]},
        {"points": [{"px": [1, 1]}]},
        {"lanes": [{"id": "X Y"}]},
        {"no_such_key": 1},
    ],
)
def test_a_draft_that_is_none_is_refused_at_the_door(
    camera: str, technician: httpx.Client, wrong: dict[str, Any]
) -> None:
    answer = technician.post(f"{address(camera)}/preview", json=body(camera) | wrong)
    assert answer.status_code == 422
