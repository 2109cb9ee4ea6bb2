"""What a rule is given and what it answers; all of it survives JSON, for the cloud to judge."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from ioc_models.plane import XY, Covariance
from ioc_models.scene import Scene

Rect: TypeAlias = tuple[float, float, float, float]
Rule = Literal[
    "red_light", "stop_line", "wrong_way", "wrong_lane", "forbidden",
    "stopping", "helmet", "passengers", "speeding",
]  # fmt: skip
LightState = Literal["red", "yellow", "green", "off", "unknown"]
Doubt = Literal["priority_vehicle", "plate_unread", "plate_unsure"]

# Who may break rules on duty (Law 36/2024/QH15, Art. 27: vehicles with the right of priority).
PRIORITY = frozenset({"ambulance", "fire_engine", "police"})


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a vehicle was in one frame.

    Attributes:
        at: Seconds since 1970, UTC.
        box_px: Left, top, right, bottom.
        contact_m: The point where it touches the road nearest to the camera, metres; None when
            the picture's edge cuts the box there or the point is above the horizon.
        covariance_m2: Of the contact point: xx, xy, yy.
    """

    at: float
    box_px: Rect
    contact_m: XY | None = None
    covariance_m2: Covariance = (0.0, 0.0, 0.0)

    @property
    def contact_px(self) -> XY:
        """The middle of the box's lower edge."""
        return (self.box_px[0] + self.box_px[2]) / 2, self.box_px[3]


@dataclass(frozen=True, slots=True)
class Head:
    """One head on a motorbike in one frame.

    Attributes:
        helmet: Whether it wears one.
        confidence: Of `helmet`, 0.5-1.
        child: Belief that this is a child, 0-1, by whoever can tell.
    """

    box_px: Rect
    helmet: bool
    confidence: float
    child: float = 0.0


@dataclass(frozen=True, slots=True)
class RiderLook:
    """Everybody on a motorbike as one frame shows them."""

    at: float
    heads: tuple[Head, ...]


@dataclass(frozen=True, slots=True)
class KnownPlate:
    """The plate as voted so far."""

    text: str
    confidence: float
    margin: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """One vehicle, followed; two paths are equal when they are the same object.

    Attributes:
        track: Number by which the box knows it; `also` are those of earlier fragments.
        labels: Weight of each class over all frames.
        priority: Share of looks that showed beacons or markings of a vehicle on duty; None
            where nobody looked for them.
    """

    track: int
    poses: tuple[Pose, ...]
    labels: dict[str, float] = field(default_factory=dict)
    riders: tuple[RiderLook, ...] = ()
    plate: KnownPlate | None = None
    priority: float | None = None
    also: tuple[int, ...] = ()

    @property
    def label(self) -> str:
        """The class most believed in; empty when there is none."""
        return max(self.labels, key=lambda name: self.labels[name], default="")

    @property
    def label_share(self) -> float:
        """Share of that belief, 0-1."""
        whole = sum(self.labels.values())
        return self.labels[self.label] / whole if whole > 0 else 0.0


@dataclass(frozen=True, slots=True)
class LightLook:
    """What a signal head showed in one frame."""

    at: float
    state: LightState
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class LightTimeline:
    """One signal head over time, oldest first."""

    light: str
    looks: tuple[LightLook, ...]


class Part(BaseModel):
    """Base of what crosses the wire: unknown keys are errors, values are final."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Clause(Part):
    """A provision as it stood on a day.

    Attributes:
        reference: Article.clause.point of the decree.
        version: Which text: the decree, or the decree as amended.
        fine_vnd: Least and most; None when not known for this version, never guessed.
        points: Licence points taken; None when not known.
        note: What a reviewer must know of the figures.
    """

    reference: str
    version: str
    title_vi: str
    fine_vnd: tuple[int, int] | None
    points: int | None
    note: str = ""


class Wanted(Part):
    """A piece of evidence that this violation needs, and the frame or span it is cut from."""

    role: Literal["before", "event", "after", "overview", "plate", "clip"]
    at: float
    until: float | None = None


class Speed(Part):
    """A measured speed, km/h.

    Attributes:
        error: Half width of the error bar.
        for_penalty: Measured less error: what the class is chosen by.
        excess: `for_penalty` less the limit.
    """

    measured: float
    error: float
    for_penalty: float
    limit: float
    excess: float
    way_m: float
    frames: int
    certificate: str | None = None


class Finding(Part):
    """A rule that was broken, as far as a camera can tell. A person decides.

    Attributes:
        at: The decisive moment; `before_at` and `after_at` frame it. Seconds since 1970, UTC.
        measured: What the decision rests on, by name and unit.
        indicative: Shown, counted, never an accusation.
        doubts: What a reviewer must rule out before anything else.
    """

    rule: Rule
    track: int
    label: str
    before_at: float
    at: float
    after_at: float
    clause: Clause
    measured: dict[str, float] = Field(default_factory=dict)
    lane: str | None = None
    light: str | None = None
    zone: str | None = None
    place_m: XY | None = None
    speed: Speed | None = None
    indicative: bool = False
    doubts: tuple[Doubt, ...] = ()
    plate: str | None = None
    evidence: tuple[Wanted, ...] = ()


class Case(Part):
    """All that a judgement needs; kept with the event, so that it can be repeated."""

    scene: Scene
    path: Path
    lights: tuple[LightTimeline, ...] = ()
    others: tuple[Path, ...] = ()


Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Seconds = Annotated[float, Field(ge=0, le=1e6)]


class PlateGiven(Part):
    """The plate of the accused vehicle, as the track's vote has it."""

    text: Annotated[str, StringConstraints(pattern=r"^[0-9A-ZĐ]{1,12}$")]
    confidence: Annotated[float, Field(ge=0, le=1)]
    margin: Annotated[float, Field(ge=0, le=1)] = 1.0


class LightSpan(Part):
    """One state of the signal, as read."""

    state: LightState
    since: AwareDatetime
    until: AwareDatetime


class ViolationSeen(Part):
    """Payload of kind `violation`: a finding with what is needed to judge it again.

    Attributes:
        rule_version: Which text of the law `clause` is taken from.
        scene_sha256: Hash of the camera's scene file: lanes, lines, homography, parameters.
        parameters: The settings of this rule that were in force.
        case: Path, lights and neighbours; the scene itself is found by its hash.
    """

    rule: Rule
    rule_version: str
    clause: Clause
    before_at: AwareDatetime
    at: AwareDatetime
    after_at: AwareDatetime
    evidence: tuple[Wanted, ...]
    vehicle: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,32}$")]
    vehicle_confidence: Annotated[float, Field(ge=0, le=1)]
    track: Annotated[int, Field(ge=0)]
    plate: PlateGiven | None = None
    lane: str | None = None
    light: str | None = None
    light_timeline: Annotated[tuple[LightSpan, ...], Field(max_length=64)] = ()
    zone: str | None = None
    place_m: XY | None = None
    measured: dict[str, float] = Field(default_factory=dict)
    speed: Speed | None = None
    indicative: bool = False
    doubts: tuple[Doubt, ...] = ()
    scene_sha256: Sha256
    parameters: dict[str, Any] = Field(default_factory=dict)
    case: dict[str, Any] | None = None
