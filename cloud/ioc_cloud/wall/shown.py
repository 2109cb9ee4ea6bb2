"""Cameras and boxes as the API shows them."""

from typing import Any, Literal

from pydantic import ConfigDict

from ioc_cloud.db import api_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.events.shown import Instant, Shown
from ioc_models.events import CameraState
from ioc_models.geo import Point


class CameraOut(Shown):
    """A camera's twin: where it is, how it is, what it has seen."""

    id: str
    box: str
    title_vi: str
    title_en: str
    location: Point
    simulated: bool
    state: CameraState
    box_online: bool
    last_seen_at: Instant | None
    last_event_at: Instant | None
    counts: dict[str, int]
    fps: float | None
    change: int | None

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "id": "nga-tu-1",
                    "box": "demo-1",
                    "title_vi": "Ngã tư Phan Ngọc Hiển",
                    "title_en": "Phan Ngoc Hien junction",
                    "location": {"lon": 105.1524, "lat": 9.1769},
                    "simulated": True,
                    "state": "ok",
                    "box_online": True,
                    "last_seen_at": "2026-11-24T03:00:00.000Z",
                    "last_event_at": "2026-11-24T02:59:58.120Z",
                    "counts": {"plate": 120, "traffic": 14},
                    "fps": 12.5,
                    "change": 4712,
                }
            ]
        },
    )


class BoxOut(Shown):
    """An edge box: whether it is there, and which spool it writes."""

    id: str
    online: bool
    status_at: Instant | None
    last_seen_at: Instant | None
    epoch: str | None
    versions: dict[str, str]
    signs: bool
    change: int | None


class CountRow(Shown):
    """Events of a commune and kind; null is the sea and what has no place.

    `simulated` of the `n` are simulated.
    """

    commune: str | None
    kind: str
    n: int
    simulated: int


class CommuneProperties(Shown):
    """What is known of a commune besides its outline."""

    code: str
    name_vi: str
    name_en: str
    kind: str
    approximate: bool
    label: tuple[float, float]


class CommuneFeature(Shown):
    """One commune as GeoJSON."""

    type: Literal["Feature"]
    id: str
    geometry: dict[str, Any]
    properties: CommuneProperties


class Communes(Shown):
    """GeoJSON of the communes; `approximate` outlines must be labelled so on screen."""

    type: Literal["FeatureCollection"]
    approximate: bool
    attribution: str
    features: list[CommuneFeature]


def cameras(connection: Connection, only: list[tuple[str, str]] | None = None) -> list[CameraOut]:
    """All cameras with a place, or those named by (box, camera)."""
    parameters = {
        "boxes": None if only is None else [box for box, _ in only],
        "cameras": None if only is None else [camera for _, camera in only],
    }
    return [
        CameraOut(
            id=row[0],
            box=row[1],
            title_vi=row[2],
            title_en=row[3],
            location=Point(lon=row[4], lat=row[5]),
            simulated=row[6],
            state=row[7],
            box_online=row[8],
            last_seen_at=row[9],
            last_event_at=row[10],
            counts=row[11],
            fps=row[12],
            change=row[13],
        )
        for row in connection.execute(sql.CAMERAS, parameters).fetchall()
    ]


def boxes(connection: Connection, only: list[str] | None = None) -> list[BoxOut]:
    """All boxes, or those named."""
    return [
        BoxOut(
            id=row[0],
            online=row[1],
            status_at=row[2],
            last_seen_at=row[3],
            epoch=str(row[4]) if row[4] else None,
            versions=row[5],
            signs=row[6],
            change=row[7],
        )
        for row in connection.execute(sql.BOXES, {"boxes": only}).fetchall()
    ]
