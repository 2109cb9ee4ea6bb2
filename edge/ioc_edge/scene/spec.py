"""What a scene is asked to show, and what it then says was there."""

from datetime import datetime, timedelta, timezone
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

Label = Literal["car", "motorbike", "bus", "truck", "bicycle", "person", "plate"]
Light = Literal["red", "yellow", "green"]
TimeOfDay = Literal["day", "dusk", "night"]
View = Literal["junction", "plates", "approach"]
ViolationKind = Literal[
    "red_light", "wrong_way", "no_helmet", "speeding",
    "stop_line", "wrong_lane", "forbidden", "stopping", "passengers",
]  # fmt: skip
Ground = Literal["white", "yellow", "blue", "red"]
Point = tuple[float, float]
Rect = tuple[float, float, float, float]
Matrix3 = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]

VIETNAM = timezone(timedelta(hours=7))
SPEED_LIMIT_KMH = 50.0
_CLOCK = {"day": 9, "dusk": 17, "night": 20}


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Script(_Frozen):
    """How many of each violation to stage; a clip too short for one leaves it out.

    Attributes:
        situations: Names from `ioc_edge.scene.situations`, violations and what only looks like
            one; with any of them the signals turn red 5 s into the clip and green after 17 s.
    """

    red_light: Annotated[int, Field(ge=0, le=8)] = 1
    wrong_way: Annotated[int, Field(ge=0, le=4)] = 1
    no_helmet: Annotated[int, Field(ge=0, le=16)] = 2
    speeding: Annotated[int, Field(ge=0, le=4)] = 1
    situations: Annotated[tuple[str, ...], Field(max_length=32)] = ()


class SceneSpec(_Frozen):
    """Everything that decides the pixels: equal specs give equal clips.

    Attributes:
        seed: Chooses the camera's mounting, the street, the traffic and the noise.
        fps: Frames per second of the clip.
        view: `junction` shows the whole crossing; `plates` is the longer lens in which a
            motorbike plate (190 mm) is 45 px wide at 1280x720; `approach` stands 8 m further
            back and sees from well before the stop line to well beyond the junction.
        density: Traffic, relative to a calm afternoon at 1.
        tapered: Start and end with sparse traffic, so that the clip can loop. Off, the street
            is busy from the first frame.
        starts_at: The burned-in clock of the first frame; by default a plausible hour.
    """

    seed: Annotated[int, Field(ge=0)] = 0
    width: Annotated[int, Field(ge=64, le=3840, multiple_of=2)] = 1280
    height: Annotated[int, Field(ge=64, le=2160, multiple_of=2)] = 720
    fps: Annotated[float, Field(gt=0, le=60)] = 12.5
    seconds: Annotated[float, Field(gt=0, le=3600)] = 40.0
    time_of_day: TimeOfDay = "day"
    rain: bool = False
    view: View = "junction"
    density: Annotated[float, Field(ge=0, le=3)] = 1.0
    tapered: bool = True
    script: Script = Script()
    camera_id: Annotated[str, Field(max_length=40)] | None = None
    lon: Annotated[float, Field(ge=-180, le=180)] | None = None
    lat: Annotated[float, Field(ge=-90, le=90)] | None = None
    starts_at: AwareDatetime | None = None

    @model_validator(mode="after")
    def _place_is_whole(self) -> "SceneSpec":
        if (self.lon is None) != (self.lat is None):
            message = f"lon and lat come together, got lon={self.lon} lat={self.lat}"
            raise ValueError(message)
        return self

    @property
    def frames(self) -> int:
        """Number of frames of the clip, at least one."""
        return max(1, round(self.seconds * self.fps))

    @property
    def clock(self) -> datetime:
        """Local time that the first frame shows."""
        if self.starts_at is not None:
            return self.starts_at.astimezone(VIETNAM)
        minute = self.seed % 50
        return datetime(2026, 1, 15, _CLOCK[self.time_of_day], minute, tzinfo=VIETNAM)


class Lights(_Frozen):
    """State of the signals: `main` faces the filmed approach, `cross` the street across."""

    main: Light
    cross: Light


class Box(_Frozen):
    """One thing in one frame.

    A vehicle's box encloses its riders; riders also have boxes of their own, labelled `person`,
    and a plate that shows has one labelled `plate`. Both carry the vehicle's track.

    Attributes:
        xyxy: Left, top, right, bottom in pixels, clipped to the picture below the caption;
            what hides behind other things is inside.
        visible: Share of the whole silhouette that is inside the picture and not covered, 0-1.
        plate: Canonical text: no separators, Đ kept. Known even when the plate cannot be seen.
        plate_xyxy: The plate's box in pixels when it faces the camera inside the picture.
        plate_char_px: Height of its characters in pixels.
        plate_legible: A person could read it: tall enough, uncovered, whole, not smeared.
        position_m: Centre of the footprint on the ground, metres, x right and y away from the pole.
        heading_deg: Direction of travel on the ground, 0 along +x, 90 away from the camera.
        footprint_m: The four ground corners of the vehicle; the homography maps the nearest of
            them to the bottom of an unclipped box.
        helmet: False when at least one head on board is bare; None where no helmet is worn.
    """

    track: int
    label: Label
    xyxy: Rect
    visible: float
    plate: str | None = None
    plate_xyxy: Rect | None = None
    plate_char_px: float | None = None
    plate_legible: bool = False
    plate_lines: Literal[1, 2] | None = None
    plate_ground: Ground | None = None
    speed_kmh: float = 0.0
    position_m: Point = (0.0, 0.0)
    heading_deg: float = 0.0
    footprint_m: tuple[Point, Point, Point, Point] | None = None
    helmet: bool | None = None


class FrameTruth(_Frozen):
    """What one frame shows; `t_s` counts from the first frame."""

    index: int
    t_s: float
    light: Lights
    boxes: tuple[Box, ...]


class Violation(_Frozen):
    """One staged violation, with the seconds in which it can be seen."""

    kind: ViolationKind
    track: int
    label: Label
    t_start: float
    t_end: float
    plate: str | None


class Staged(_Frozen):
    """A situation that the script asked for, and the track that plays it."""

    name: str
    track: int


class Header(_Frozen):
    """First line of a truth file: all that holds for the whole clip.

    Attributes:
        camera_matrix: Intrinsics, pixels.
        homography: Ground metres (x, y, 1) to pixels, up to scale.
        camera_height_m: Height of the lens over the ground.
        stop_line_px: Corners of the stop line of the filmed approach, pixels.
        stop_line_m: The same, metres.
        travel_m: Direction of legal travel on the filmed approach, unit vector on the ground.
        approach_m: Ground polygon of the lanes that lead to the stop line.
        light_xyxy: Box of the visible signal head, pixels; None when it is out of the picture.
        speed_limit_kmh: The limit that `speeding` breaks.
    """

    kind: Literal["header"] = "header"
    simulated: Literal[True] = True
    spec: SceneSpec
    frames: int
    camera_matrix: Matrix3
    homography: Matrix3
    camera_height_m: float
    stop_line_px: tuple[Point, ...]
    stop_line_m: tuple[Point, ...]
    travel_m: Point
    approach_m: tuple[Point, ...]
    light_xyxy: Rect | None
    speed_limit_kmh: float
    violations: tuple[Violation, ...]
    staged: tuple[Staged, ...] = ()
