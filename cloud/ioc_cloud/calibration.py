"""Cameras are calibrated in the browser: what is marked is tried here, then kept in the twin."""

import json
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, Final, Protocol

import yaml
from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from ioc_cloud import audit
from ioc_cloud.access import State, StateOf, Who, problems
from ioc_cloud.auth.principal import Principal
from ioc_cloud.errors import CloudError, NotAllowed, NotFound
from ioc_cloud.twin.book import SYSTEM
from ioc_cloud.twin.change_thing import Change
from ioc_cloud.twin.models import WotModels
from ioc_cloud.twin.request import Options
from ioc_cloud.twin.service import Twin
from ioc_cloud.wall import shown
from ioc_models import topics
from ioc_models.calibration import Draft, Outcome, calibrate
from ioc_models.scene import Scene
from ioc_models.things import ids, instant

router = APIRouter(prefix="/api", tags=["Hiệu chỉnh camera / Camera calibration"])

# A camera that judges wrongly accuses the wrong person: few may move its lines.
ROLES: Final = frozenset({"technician", "operator", "steward", "system"})
FEATURE: Final = "calibration"
Name = Annotated[str, Path(pattern=f"^{topics.NAME}$")]


class CalibrationRefused(CloudError):
    """The marks cannot carry a scene."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    slug = "calibration-refused"
    title = "Chưa hiệu chỉnh được / Cannot be calibrated"


class CameraToCalibrate(BaseModel):
    """A camera and how far its calibration is."""

    box: str
    id: str
    title_vi: str
    title_en: str
    simulated: bool
    made_at: str | None = Field(description="Lần hiệu chỉnh cuối / last calibrated")
    residual_m: float | None


class CameraList(BaseModel):
    """Every camera that has a place."""

    items: list[CameraToCalibrate]


class Calibration(BaseModel):
    """What was marked last and the scene that came of it; `yaml` is the box's scene file."""

    draft: Draft
    scene: Scene
    sha256: str
    made_at: str
    made_by: str
    yaml: str


class Served(Protocol):
    """What the application holds of the twin."""

    twin: Twin
    models: WotModels


def _served(request: Request) -> Served:
    served: Served = request.app.state.twin
    return served


TwinOf = Annotated[Served, Depends(_served)]


def _may(who: Who) -> Principal:
    if ROLES.isdisjoint(who.roles):
        raise NotAllowed(f"needs one of the roles {', '.join(sorted(ROLES))}")
    return who


Calibrator = Annotated[Principal, Depends(_may)]


@router.get(
    "/calibration/cameras",
    summary="Camera và lần hiệu chỉnh cuối / cameras and their calibration",
    responses=problems(401, 403, 503),
)
async def list_cameras(who: Calibrator, state: StateOf, served: TwinOf) -> CameraList:
    """Cho kỹ thuật, trực ban, quản trị / for technicians, operators, stewards."""
    del who
    found = await run_in_threadpool(_cameras, state)
    things = [ids.camera(one.box, one.id) for one in found]
    kept = {seen.row.id: _kept(seen.row.doc) for seen in await served.twin.read(SYSTEM, *things)}
    items = []
    for one, thing in zip(found, things, strict=True):
        known = kept.get(thing) or {}
        ground = known.get("scene", {}).get("ground", {})
        items.append(
            CameraToCalibrate(
                box=one.box,
                id=one.id,
                title_vi=one.title_vi,
                title_en=one.title_en,
                simulated=one.simulated,
                made_at=known.get("madeAt"),
                residual_m=ground.get("residual_m"),
            )
        )
    return CameraList(items=items)


@router.get(
    "/cameras/{box}/{camera}/calibration",
    summary="Hiệu chỉnh đang dùng / the calibration that is kept",
    responses=problems(401, 403, 404, 422, 503),
)
async def get_calibration(box: Name, camera: Name, who: Calibrator, served: TwinOf) -> Calibration:
    """404 khi chưa hiệu chỉnh / 404 where none was made."""
    del who
    thing = ids.camera(box, camera)
    seen = await served.twin.read(SYSTEM, thing)
    kept = _kept(seen[0].row.doc) if seen else None
    if kept is None:
        raise NotFound(f"calibration of {thing}")
    scene = Scene.model_validate(kept["scene"])
    return Calibration(
        draft=Draft.model_validate(kept["draft"]),
        scene=scene,
        sha256=kept["sha256"],
        made_at=kept["madeAt"],
        made_by=kept["madeBy"],
        yaml=scene_yaml(scene),
    )


@router.post(
    "/cameras/{box}/{camera}/calibration/preview",
    summary="Thử các điểm đã đánh dấu / try what was marked",
    responses=problems(401, 403, 422, 503),
)
def preview(box: Name, camera: Name, draft: Draft, who: Calibrator) -> Outcome:
    """Không lưu gì: sai số, lưới mét, lỗi bằng tiếng Việt / keeps nothing: errors and a grid."""
    del who, box
    _must_be_of(draft, camera)
    return calibrate(draft)


@router.put(
    "/cameras/{box}/{camera}/calibration",
    summary="Lưu hiệu chỉnh / keep a calibration",
    responses=problems(401, 403, 404, 422, 503),
)
async def put_calibration(
    box: Name, camera: Name, draft: Draft, who: Calibrator, state: StateOf, served: TwinOf
) -> Calibration:
    """Vào bản sao số của camera, ghi nhật ký / into the camera's twin, audited."""
    _must_be_of(draft, camera)
    thing, now = ids.camera(box, camera), datetime.now(UTC).replace(microsecond=0)
    outcome = await run_in_threadpool(calibrate, draft, now)
    if outcome.scene is None:
        raise CalibrationRefused("; ".join(f"{fault.vi} / {fault.en}" for fault in outcome.faults))
    if not await served.twin.read(SYSTEM, thing):
        raise NotFound(thing)
    kept = {
        "draft": _plain(draft),
        "scene": _plain(outcome.scene),
        "sha256": outcome.scene.sha256,
        "madeAt": instant(now),
        "madeBy": who.name,
    }
    await run_in_threadpool(_audit, state, who, thing, outcome.scene.sha256)
    path = ("features", FEATURE)
    value = {"desiredProperties": kept}
    await served.twin.change(Change(SYSTEM, thing, "PUT", path, value, Options(), served.models))
    return Calibration(
        draft=draft,
        scene=outcome.scene,
        sha256=outcome.scene.sha256,
        made_at=kept["madeAt"],
        made_by=who.name,
        yaml=scene_yaml(outcome.scene),
    )


def scene_yaml(scene: Scene) -> str:
    """The scene file that the box reads; what has its default is left out."""
    body = scene.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return yaml.safe_dump(body, allow_unicode=True, sort_keys=False, default_flow_style=None)


def _cameras(state: State) -> list[shown.CameraOut]:
    with state.pool.connection() as connection:
        return shown.cameras(connection)


def _audit(state: State, who: Principal, thing: str, sha256: str) -> None:
    """Before the change: one that is refused after all leaves a row too many, never too few."""
    with state.pool.connection() as connection:
        audit.write(connection, who.name, "calibration.put", thing, {"scene_sha256": sha256})


def _kept(doc: str) -> dict[str, Any] | None:
    feature = json.loads(doc).get("features", {}).get(FEATURE) or {}
    kept: dict[str, Any] | None = feature.get("desiredProperties")
    return kept


def _plain(model: Draft | Scene) -> dict[str, Any]:
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


def _must_be_of(draft: Draft, camera: str) -> None:
    if draft.camera != camera:
        raise CalibrationRefused(
            f"Bản vẽ là của camera {draft.camera} / the draft is of camera {draft.camera}"
        )
