"""A camera's scene file: where the lanes, lines, lights and forbidden kerbs are in its picture.

One YAML per camera, written by `ioc camera calibrate`, read by the box that judges and by
the cloud that judges again.
"""

import hashlib
import json
from datetime import datetime, timedelta, timezone
from typing import Annotated, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from ioc_models import plane, topics
from ioc_models.plane import XY, Matrix3
from ioc_models.rule_settings import RuleSettings

VIETNAM = timezone(timedelta(hours=7))
# A homography with rows more alike than this cannot be told from one without an inverse.
_LEAST_INDEPENDENCE = 1e-7
# A stop line must lie across its lanes: at least 30 degrees to the direction of travel.
_LEAST_ACROSS = 0.5

Name = Annotated[str, StringConstraints(pattern=f"^{topics.NAME}$")]
Title = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Label = Literal[
    "car", "motorbike", "bus", "truck", "van", "bicycle", "ambulance", "fire_engine", "police"
]
Movement = Literal["straight", "left", "right", "u_turn"]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Polygon = Annotated[tuple[XY, ...], Field(min_length=3, max_length=64)]
SpeedLimit = Annotated[float, Field(ge=5, le=130)]
_DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Part(BaseModel):
    """Base of all parts of a scene: unknown keys are errors, values are final."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class PictureSize(Part):
    """Of the frames that all pixel coordinates refer to."""

    width: Annotated[int, Field(ge=64, le=8192)]
    height: Annotated[int, Field(ge=64, le=8192)]


class GroundPoint(Part):
    """A mark on the road: where it is in the picture and where it is on the ground."""

    px: XY
    m: XY


class Ground(Part):
    """From picture to road.

    Attributes:
        image_to_ground: Homography, pixels (x, y, 1) to metres, row by row.
        axes: What the metres mean: x east and y north, or any square axes along the road.
        points: The marks that it was fitted to.
        residual_m: Root mean square distance of the mapped marks from their measured places,
            metres; part of every error bar.
        residual_px: The same in the picture.
    """

    image_to_ground: Matrix3
    axes: Literal["east_north", "road"] = "road"
    points: Annotated[tuple[GroundPoint, ...], Field(min_length=4, max_length=200)]
    residual_m: Annotated[float, Field(ge=0, le=5)]
    residual_px: Annotated[float, Field(ge=0, le=100)] = 0.0


class Hours(Part):
    """Local time, +07:00; `until` before `since` runs over midnight and counts to the first day."""

    since: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    until: str = Field(pattern=r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$")
    days: Annotated[tuple[Day, ...], Field(min_length=1, max_length=7)] = _DAYS

    @field_validator("since", "until", mode="before")
    @classmethod
    def _quoted(cls, value: object) -> object:
        # YAML 1.1 reads 16:30 without quotes as the number 990.
        if isinstance(value, int):
            raise ValueError(f'a time of day is written in quotes, "HH:MM"; got {value}')  # noqa: TRY004 pydantic wants it
        return value

    def hold(self, at: datetime) -> bool:
        """Whether these hours run at an instant."""
        local = at.astimezone(VIETNAM)
        minute = local.hour * 60 + local.minute
        since, until = (int(text[:2]) * 60 + int(text[3:]) for text in (self.since, self.until))
        today, yesterday = _DAYS[local.weekday()], _DAYS[local.weekday() - 1]
        if since < until:
            return today in self.days and since <= minute < until
        return (today in self.days and minute >= since) or (
            yesterday in self.days and minute < until
        )


class Ban(Part):
    """Vehicles that a sign keeps off this lane, always or at some hours."""

    id: Name
    classes: Annotated[tuple[Label, ...], Field(min_length=1)]
    hours: Annotated[tuple[Hours, ...], Field(max_length=16)] = ()
    sign: Annotated[str, StringConstraints(max_length=40)] = ""

    def holds(self, label: str, at: datetime) -> bool:
        """Whether it keeps this vehicle off at this time."""
        return label in self.classes and (
            not self.hours or any(hours.hold(at) for hours in self.hours)
        )


class Lane(Part):
    """A strip of road with one legal direction.

    Attributes:
        polygon_px: Its outline in the picture.
        direction_m: Legal direction of travel on the ground; any length.
        one_way: Part of a one-way road or behind a "no entry" sign; else the other half of a
            two-way road, where driving against it breaks another clause.
        classes: Who may use it by its lane signs; None is everybody.
        bans: Who may not be on this road at all, or at some hours.
        speed_limit_kmh: For all who have no limit of their own in `speed_limits_kmh`.
    """

    id: Name
    title_vi: Title | None = None
    polygon_px: Polygon
    direction_m: XY
    one_way: bool = False
    classes: Annotated[tuple[Label, ...], Field(min_length=1)] | None = None
    bans: Annotated[tuple[Ban, ...], Field(max_length=16)] = ()
    speed_limit_kmh: SpeedLimit | None = None
    speed_limits_kmh: dict[Label, SpeedLimit] = Field(default_factory=dict)

    @field_validator("direction_m")
    @classmethod
    def _has_length(cls, value: XY) -> XY:
        if plane.unit(value) is None:
            raise ValueError("a direction needs a length, got (0, 0)")
        return value

    def limit_kmh(self, label: str) -> float | None:
        """The speed limit of a vehicle class; None where none is set."""
        return next(
            (limit for name, limit in self.speed_limits_kmh.items() if name == label),
            self.speed_limit_kmh,
        )


class StopLine(Part):
    """The edge of the line that is met first, across the lanes that it holds."""

    id: Name
    ends_px: tuple[XY, XY]
    lanes: Annotated[tuple[Name, ...], Field(min_length=1, max_length=16)]


class Light(Part):
    """A signal head in the picture and whom it governs.

    Attributes:
        box_px: Left, top, right, bottom of the head.
        movements: A right turn that may go on red, by its own sign or arrow, is left out.
    """

    id: Name
    box_px: tuple[float, float, float, float]
    lanes: Annotated[tuple[Name, ...], Field(min_length=1, max_length=16)]
    movements: Annotated[tuple[Movement, ...], Field(min_length=1, max_length=4)] = (
        "straight",
        "left",
        "right",
        "u_turn",
    )


class Zone(Part):
    """A piece of road where standing is forbidden, by sign, kerb or law.

    Attributes:
        forbids: "stopping" (sign P.130) or "parking" alone (P.131, a short stop is allowed).
        max_seconds: Standing longer than this is the offence.
        place: Where it is, which decides the clause.
        hours: When it holds; always when empty.
    """

    id: Name
    title_vi: Title | None = None
    polygon_px: Polygon
    forbids: Literal["stopping", "parking"] = "stopping"
    max_seconds: Annotated[float, Field(ge=5, le=86_400)]
    place: Literal["sign", "junction", "crossing", "pavement", "bus_stop", "carriageway"] = "sign"
    classes: Annotated[tuple[Label, ...], Field(min_length=1)] | None = None
    hours: Annotated[tuple[Hours, ...], Field(max_length=16)] = ()


class Certificate(Part):
    """That this camera's speeds were verified; without one they are indicative."""

    number: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    issuer: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    valid_from: AwareDatetime
    valid_to: AwareDatetime

    @model_validator(mode="after")
    def _ordered(self) -> "Certificate":
        if self.valid_from >= self.valid_to:
            raise ValueError(
                f"certificate {self.number} ends at {self.valid_to.isoformat()}, "
                f"not after it begins at {self.valid_from.isoformat()}"
            )
        return self

    def covers(self, at: datetime) -> bool:
        """Whether it is in force at an instant."""
        return self.valid_from <= at < self.valid_to


class Scene(Part):
    """Everything that a camera's rules need to know of its road."""

    schema_version: Literal[1] = Field(alias="schema")
    camera: Name
    simulated: bool = False
    made_at: AwareDatetime | None = None
    image: PictureSize
    ground: Ground
    lanes: Annotated[tuple[Lane, ...], Field(min_length=1, max_length=32)]
    stop_lines: Annotated[tuple[StopLine, ...], Field(max_length=16)] = ()
    lights: Annotated[tuple[Light, ...], Field(max_length=16)] = ()
    zones: Annotated[tuple[Zone, ...], Field(max_length=32)] = ()
    calibration: Certificate | None = None
    rules: RuleSettings = RuleSettings()

    @model_validator(mode="after")
    def _fits_together(self) -> "Scene":
        faults = [*_repeated(self), *_unknown_lanes(self), *_outside(self), *_degenerate(self)]
        if not faults:
            faults = [*_beyond_horizon(self), *_astray_lines(self)]
        if faults:
            raise ValueError("; ".join(faults))
        return self

    @property
    def sha256(self) -> str:
        """Hash of what the file says, however it is laid out."""
        text = json.dumps(
            self.model_dump(mode="json", by_alias=True),
            ensure_ascii=False, sort_keys=True, separators=(",", ":"),
        )  # fmt: skip
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def ground_to_image(self) -> Matrix3:
        """Metres to pixels."""
        return plane.inverse(self.ground.image_to_ground)

    def on_ground(self, px: XY) -> XY | None:
        """Where a pixel is on the road, metres; None at or above the horizon."""
        matrix = self.ground.image_to_ground
        facing = plane.depth(matrix, self.ground.points[0].px)
        if plane.depth(matrix, px) / facing < 1e-6:  # noqa: PLR2004 in units of a near point's depth
            return None
        return plane.mapped(matrix, px)

    def lane(self, name: str) -> Lane:
        """A lane by its id.

        Raises:
            KeyError: There is no such lane.
        """
        for lane in self.lanes:
            if lane.id == name:
                return lane
        raise KeyError(name)


def _repeated(scene: Scene) -> list[str]:
    """Ids that two parts of a kind share."""
    kinds = {
        "lane": [lane.id for lane in scene.lanes],
        "stop line": [line.id for line in scene.stop_lines],
        "light": [light.id for light in scene.lights],
        "zone": [zone.id for zone in scene.zones],
    }
    faults = []
    for kind, ids in kinds.items():
        faults += [
            f"{kind} {name!r} is there twice" for name in sorted(set(ids)) if ids.count(name) > 1
        ]
    return faults


def _unknown_lanes(scene: Scene) -> list[str]:
    known = {lane.id for lane in scene.lanes}
    named = [
        (f"stop line {line.id!r}", name) for line in scene.stop_lines for name in line.lanes
    ] + [(f"light {light.id!r}", name) for light in scene.lights for name in light.lanes]
    return [
        f"{what} names lane {name!r}, which is not one of {sorted(known)}"
        for what, name in named
        if name not in known
    ]


def _outlines(scene: Scene) -> list[tuple[str, tuple[XY, ...]]]:
    lanes = [(f"lane {lane.id!r}", lane.polygon_px) for lane in scene.lanes]
    return lanes + [(f"zone {zone.id!r}", zone.polygon_px) for zone in scene.zones]


def _outside(scene: Scene) -> list[str]:
    """Shapes that leave the picture or cross themselves."""
    faults = []
    shapes: list[tuple[str, tuple[XY, ...]]] = _outlines(scene)
    faults += [
        f"{what}: its outline crosses itself" for what, at in shapes if not plane.is_simple(at)
    ]
    shapes += [(f"stop line {line.id!r}", line.ends_px) for line in scene.stop_lines]
    for light in scene.lights:
        left, top, right, bottom = light.box_px
        shapes.append((f"light {light.id!r}", ((left, top), (right, bottom))))
        if right - left < 2 or bottom - top < 2:  # noqa: PLR2004 pixels
            faults.append(f"light {light.id!r}: box {light.box_px} is not left, top, right, bottom")
    size = scene.image
    for what, points in shapes:
        faults += [
            f"{what}: ({x:g}, {y:g}) is outside the picture of {size.width}x{size.height}"
            for x, y in points
            if not (0 <= x <= size.width and 0 <= y <= size.height)
        ]
    return faults


def _degenerate(scene: Scene) -> list[str]:
    """Whether the homography has an inverse; pixels are scaled to the picture's width first."""
    width = float(scene.image.width)
    (a, b, c), (d, e, f), (g, h, i) = scene.ground.image_to_ground
    scaled: Matrix3 = (
        (a * width, b * width, c),
        (d * width, e * width, f),
        (g * width, h * width, i),
    )
    if plane.independence(scaled) < _LEAST_INDEPENDENCE:
        return ["the homography has no inverse: its ground points lie on a line or coincide"]
    return []


def _beyond_horizon(scene: Scene) -> list[str]:
    """Shapes that claim road in the sky."""
    shapes = _outlines(scene)
    shapes += [(f"stop line {line.id!r}", line.ends_px) for line in scene.stop_lines]
    shapes += [("ground point", (point.px,)) for point in scene.ground.points]
    return [
        f"{what}: ({at[0]:g}, {at[1]:g}) lies above the horizon"
        for what, points in shapes
        for at in points
        if scene.on_ground(at) is None
    ]


def _astray_lines(scene: Scene) -> list[str]:
    """Stop lines that miss a lane of theirs or run along it."""
    faults = []
    for line in scene.stop_lines:
        matrix = scene.ground.image_to_ground
        along = plane.unit(plane.minus(*(plane.mapped(matrix, end) for end in line.ends_px)))
        if along is None:
            faults.append(f"stop line {line.id!r} has no length")
            continue
        for lane in (scene.lane(name) for name in line.lanes):
            towards = plane.unit(lane.direction_m) or (0.0, 1.0)
            if not plane.reaches(lane.polygon_px, *line.ends_px):
                faults.append(f"stop line {line.id!r} does not cross lane {lane.id!r}")
            elif abs(along[0] * towards[1] - along[1] * towards[0]) < _LEAST_ACROSS:
                faults.append(f"stop line {line.id!r} runs along lane {lane.id!r}, not across it")
    return faults
