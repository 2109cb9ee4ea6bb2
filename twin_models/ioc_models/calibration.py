"""From what a technician marks in a picture to a camera's scene, or to why it cannot be."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import cos, floor, hypot, radians
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, Field, ValidationError, field_validator, model_validator

from ioc_models import homography, plane
from ioc_models.geo import Point
from ioc_models.homography import NoHomography, Pair
from ioc_models.plane import XY, Matrix3
from ioc_models.rule_settings import RuleSettings
from ioc_models.scene import (
    Certificate,
    Ground,
    GroundPoint,
    Lane,
    Light,
    Name,
    Part,
    PictureSize,
    Scene,
    StopLine,
    Zone,
)

LEAST_MARKS: Final = 4
# All fours of them are looked at.
MOST_MARKS: Final = 24
# A mark that lands further from its place than this, once the others are fitted, was
# measured or clicked wrongly.
WITHIN_M: Final = 0.5
# Speeds over 15 m would be off by more than 3 km/h in 100 with a larger one.
MOST_RESIDUAL_M: Final = 0.3
# A mark that the others predict worse than this holds up its part of the road alone.
MOST_LEFT_OUT_M: Final = 1.5
LEAST_GROUND_M2: Final = 15.0
LEAST_PICTURE_SHARE: Final = 0.01
# Twice the area of the flattest triangle of four marks, as a share of the square of their
# extent; below it they count as lying on a line.
LEAST_FLATNESS: Final = 0.02
SAME_PX: Final = 2.0
SAME_M: Final = 0.05
# A lane that leaves the marks by more than this is extrapolated.
BEYOND_M: Final = 15.0
GRID_STEPS_M: Final = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
MOST_GRID_LINES: Final = 24
GRID_SAMPLES: Final = 24


class Mark(Part):
    """One mark on the road: a pixel and its place, in metres or by its coordinates."""

    px: XY
    m: XY | None = None
    at: Point | None = None

    @model_validator(mode="after")
    def _has_one_place(self) -> "Mark":
        if (self.m is None) == (self.at is None):
            raise ValueError("a mark has either `m` (metres) or `at` (lon, lat)")
        return self


class LaneDraft(Lane):
    """A lane whose direction may be an arrow in the picture, from tail to head."""

    direction_m: XY | None = None  # type: ignore[assignment]
    arrow_px: tuple[XY, XY] | None = None

    @field_validator("direction_m")
    @classmethod
    def _has_length(cls, value: XY | None) -> XY | None:  # type: ignore[override]
        if value is not None and plane.unit(value) is None:
            raise ValueError("a direction needs a length, got (0, 0)")
        return value

    @model_validator(mode="after")
    def _has_a_direction(self) -> "LaneDraft":
        if (self.direction_m is None) == (self.arrow_px is None):
            raise ValueError(f"lane {self.id!r} has either `direction_m` or `arrow_px`")
        return self


class Draft(Part):
    """What a technician marked; the file `points.yaml` and the body of the page's questions."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    camera: Name
    simulated: bool = False
    image: PictureSize
    points: Annotated[tuple[Mark, ...], Field(max_length=MOST_MARKS)] = ()
    lanes: Annotated[tuple[LaneDraft, ...], Field(max_length=32)] = ()
    stop_lines: Annotated[tuple[StopLine, ...], Field(max_length=16)] = ()
    lights: Annotated[tuple[Light, ...], Field(max_length=16)] = ()
    zones: Annotated[tuple[Zone, ...], Field(max_length=32)] = ()
    calibration: Certificate | None = None
    rules: RuleSettings = RuleSettings()


class Fault(Part):
    """Why it cannot be, or what to mind; Vietnamese first.

    Attributes:
        code: For programs: `few_marks`, `collinear`, `mirrored` ...
        points: Numbers of the marks it speaks of, from 0.
    """

    code: str
    vi: str
    en: str
    points: tuple[int, ...] = ()


class MarkError(Part):
    """How well one mark fits.

    Attributes:
        error_m: Distance between its place and where the fit puts it, metres.
        left_out_m: The same when it is left out of the fit; None where it cannot be.
        used: Whether the fit used it.
    """

    error_m: float
    left_out_m: float | None
    used: bool


class GridLine(Part):
    """A line of the metre grid as it appears in the picture."""

    axis: Literal["x", "y"]
    at_m: float
    px: tuple[XY, ...]


class Outcome(Part):
    """What came of a draft.

    Attributes:
        faults: Why there is no scene; empty when there is.
        notes: What to mind although there is one.
        marks: One for each mark, once they could be fitted.
        grid: Lines of whole metres over the road, for the overlay.
    """

    scene: Scene | None = None
    faults: tuple[Fault, ...] = ()
    notes: tuple[Fault, ...] = ()
    marks: tuple[MarkError, ...] = ()
    residual_m: float | None = None
    left_out_m: float | None = None
    grid_step_m: float | None = None
    grid: tuple[GridLine, ...] = ()


@dataclass(frozen=True, slots=True)
class _Fit:
    ground: Ground
    marks: tuple[MarkError, ...]
    used: list[Pair]


def calibrate(draft: Draft, made_at: AwareDatetime | None = None) -> Outcome:
    """Fit the ground to the marks and put lanes, lines, lights and zones on it."""
    places = metres(draft.points)
    pairs: list[Pair] = [(mark.px, m) for mark, m in zip(draft.points, places, strict=True)]
    faults = [*_few_or_repeated(pairs), *_outside(draft)] or list(_flat(pairs, draft.image))
    if faults:
        return Outcome(faults=tuple(faults))
    try:
        fit = _fit(pairs, _axes(draft))
    except NoHomography:
        return Outcome(faults=(COLLINEAR,))
    faults = [*_turned(fit.used), *_inexact(fit)]
    seen = _shown(draft, fit)
    if faults:
        return seen.model_copy(update={"faults": tuple(faults)})
    return _with_scene(draft, fit, seen, made_at)


def metres(marks: Sequence[Mark]) -> list[XY]:
    """Places of marks on the ground; coordinates become metres east and north of the first."""
    origin = next((mark.at for mark in marks if mark.at is not None), None)
    found = []
    for mark in marks:
        if mark.m is not None:
            found.append(mark.m)
        elif mark.at is not None and origin is not None:
            found.append(east_north(origin, mark.at))
    return found


def east_north(origin: Point, at: Point) -> XY:
    """Metres east and north of a place nearby.

    Lengths of a degree on WGS84 at the origin's latitude (NIMA TR8350.2, series in the
    cosine); off by less than a centimetre within a kilometre.
    """
    lat = radians(origin.lat)
    per_lat = 111_132.954 - 559.822 * cos(2 * lat) + 1.175 * cos(4 * lat)
    per_lon = 111_412.84 * cos(lat) - 93.5 * cos(3 * lat) + 0.118 * cos(5 * lat)
    return (at.lon - origin.lon) * per_lon, (at.lat - origin.lat) * per_lat


COLLINEAR: Final = Fault(
    code="collinear",
    vi="Các điểm nằm gần như trên một đường thẳng; hãy chọn điểm trải rộng cả mặt đường",
    en="the marks lie almost on a line; choose marks spread over the road",
)


def _axes(draft: Draft) -> Literal["east_north", "road"]:
    return "east_north" if any(mark.at is not None for mark in draft.points) else "road"


def _few_or_repeated(pairs: Sequence[Pair]) -> Iterator[Fault]:
    if len(pairs) < LEAST_MARKS:
        yield Fault(
            code="few_marks",
            vi=f"Mới có {len(pairs)} điểm, cần ít nhất {LEAST_MARKS}; nên có 6 để kiểm tra được",
            en=f"{len(pairs)} marks, at least {LEAST_MARKS} are needed; six can be checked",
        )
    for one, other in combinations(range(len(pairs)), 2):
        near_px = plane.distance(pairs[one][0], pairs[other][0]) < SAME_PX
        near_m = plane.distance(pairs[one][1], pairs[other][1]) < SAME_M
        if near_px or near_m:
            where = ("trên ảnh", "in the picture") if near_px else ("trên mặt đất", "on the ground")
            yield Fault(
                code="repeated",
                vi=f"Điểm {one + 1} và {other + 1} trùng nhau {where[0]}",
                en=f"marks {one + 1} and {other + 1} are the same {where[1]}",
                points=(one, other),
            )


def _outside(draft: Draft) -> Iterator[Fault]:
    size = draft.image
    for place, mark in enumerate(draft.points):
        if not (0 <= mark.px[0] <= size.width and 0 <= mark.px[1] <= size.height):
            yield Fault(
                code="outside",
                vi=f"Điểm {place + 1} nằm ngoài ảnh {size.width}x{size.height}",
                en=f"mark {place + 1} is outside the picture of {size.width}x{size.height}",
                points=(place,),
            )
    places = {mark.at is not None for mark in draft.points}
    if len(places) > 1:
        yield Fault(
            code="mixed",
            vi="Có điểm cho bằng mét, có điểm cho bằng toạ độ; hãy dùng một cách",
            en="some marks are in metres, some have coordinates; use one way",
        )


def _flat(pairs: Sequence[Pair], size: PictureSize) -> Iterator[Fault]:
    """Marks on a line, or too close together to carry a road."""
    px, m = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    if not (_spread(px) and _spread(m)):
        yield COLLINEAR
        return
    ground, picture = plane.area(hull(m)), plane.area(hull(px))
    if ground < LEAST_GROUND_M2 or picture < LEAST_PICTURE_SHARE * size.width * size.height:
        yield Fault(
            code="small",
            vi=f"Các điểm chỉ bao {ground:.0f} m² mặt đường, {_percent(picture, size)} % ảnh; "
            f"cần ít nhất {LEAST_GROUND_M2:.0f} m² và {100 * LEAST_PICTURE_SHARE:.0f} %",
            en=f"the marks hold {ground:.0f} m2 of road, {_percent(picture, size)} % of the "
            f"picture; {LEAST_GROUND_M2:.0f} m2 and {100 * LEAST_PICTURE_SHARE:.0f} % are needed",
        )


def _percent(area: float, size: PictureSize) -> str:
    return f"{100 * area / (size.width * size.height):.1f}"


def _spread(points: Sequence[XY]) -> bool:
    """Whether four of the points have no three on a line."""
    return any(_square(four) for four in combinations(points, LEAST_MARKS))


def _square(four: Sequence[XY]) -> bool:
    extent = max(plane.distance(a, b) for a, b in combinations(four, 2))
    flattest = min(abs(plane.turn(*three)) for three in combinations(four, 3))
    return flattest > LEAST_FLATNESS * extent * extent


def _fit(pairs: Sequence[Pair], axes: Literal["east_north", "road"]) -> _Fit:
    if len(pairs) > LEAST_MARKS:
        matrix, used = homography.fit_most(pairs, WITHIN_M)
    else:
        matrix, used = homography.fit(pairs), [True] * len(pairs)
    kept = [pair for pair, ok in zip(pairs, used, strict=True) if ok]
    errors = homography.distances(matrix, pairs)
    left_out = [_left_out(kept, pair) if ok else None for pair, ok in zip(pairs, used, strict=True)]
    marks = tuple(
        MarkError(error_m=min(error, 1e6), left_out_m=other, used=ok)
        for error, other, ok in zip(errors, left_out, used, strict=True)
    )
    ground = Ground.model_construct(
        image_to_ground=matrix,
        axes=axes,
        points=tuple(GroundPoint(px=px, m=m) for px, m in kept),
        residual_m=homography.root_mean_square(homography.distances(matrix, kept)),
        residual_px=_residual_px(matrix, kept),
    )
    return _Fit(ground, marks, kept)


def _residual_px(matrix: Matrix3, pairs: Sequence[Pair]) -> float:
    back = plane.inverse(matrix)
    errors = homography.distances(back, [(m, px) for px, m in pairs])
    return min(100.0, homography.root_mean_square(errors))


def _left_out(pairs: Sequence[Pair], one: Pair) -> float | None:
    """Where a mark lands when the others alone are fitted; None when four do not remain."""
    others = [pair for pair in pairs if pair is not one]
    try:
        error = homography.distances(homography.fit(others), [one])[0]
    except NoHomography:
        return None
    return min(error, 1e6)


def _turned(pairs: Sequence[Pair]) -> Iterator[Fault]:
    """Seen from above, pictures' y grows downwards: every triangle must change its sense."""
    senses = set()
    for one, two, three in combinations(pairs, 3):
        px, m = plane.turn(one[0], two[0], three[0]), plane.turn(one[1], two[1], three[1])
        if min(abs(px), abs(m)) > 1e-6:  # noqa: PLR2004 three on a line say nothing
            senses.add((px > 0) == (m > 0))
    if senses == {True}:
        yield Fault(
            code="mirrored",
            vi="Mặt đất bị lật gương: kiểm tra trái/phải (x tăng sang phải, y tăng ra xa)",
            en="the ground is mirrored: check left and right (x grows to the right, y ahead)",
        )
    elif len(senses) > 1:
        yield Fault(
            code="crossed",
            vi="Thứ tự các điểm trên ảnh và trên mặt đất không khớp: có hai điểm bị đổi chỗ?",
            en="the marks' order differs in picture and on ground: were two of them swapped?",
        )


def _inexact(fit: _Fit) -> Iterator[Fault]:
    if fit.ground.residual_m > MOST_RESIDUAL_M:
        worst = max(range(len(fit.marks)), key=lambda place: fit.marks[place].error_m)
        yield Fault(
            code="residual",
            vi=f"Sai số {fit.ground.residual_m:.2f} m, tối đa {MOST_RESIDUAL_M} m; "
            f"đo lại điểm {worst + 1}",
            en=f"residual {fit.ground.residual_m:.2f} m, at most {MOST_RESIDUAL_M} m; "
            f"measure mark {worst + 1} again",
            points=(worst,),
        )


def _shown(draft: Draft, fit: _Fit) -> Outcome:
    step, lines = grid(fit.ground, draft.image)
    others = [mark.left_out_m for mark in fit.marks if mark.left_out_m is not None]
    return Outcome(
        marks=fit.marks,
        residual_m=fit.ground.residual_m,
        left_out_m=homography.root_mean_square(others) if others else None,
        notes=tuple(_notes(fit)),
        grid_step_m=step,
        grid=tuple(lines),
    )


def _notes(fit: _Fit) -> Iterator[Fault]:
    unused = tuple(place for place, mark in enumerate(fit.marks) if not mark.used)
    if unused:
        names = ", ".join(str(place + 1) for place in unused)
        yield Fault(
            code="unused",
            vi=f"Không dùng điểm {names}: lệch quá {WITHIN_M} m so với các điểm khác",
            en=f"marks {names} were not used: more than {WITHIN_M} m off the others",
            points=unused,
        )
    worst = max((mark.left_out_m or 0.0 for mark in fit.marks), default=0.0)
    if worst > MOST_LEFT_OUT_M:
        yield Fault(
            code="weak",
            vi=f"Bỏ một điểm ra thì điểm ấy lệch {worst:.1f} m: chưa đủ tin cậy để đo tốc độ; "
            "đo thêm điểm ở chỗ trống",
            en=f"a mark that is left out lands {worst:.1f} m off: too weak to measure speeds; "
            "add marks where there are none",
        )
    if len(fit.used) == LEAST_MARKS:
        yield Fault(
            code="unchecked",
            vi="Bốn điểm luôn khớp hoàn toàn nên không kiểm tra được; hãy đo thêm điểm thứ năm",
            en="four marks always fit, so nothing checks them; measure a fifth",
        )


def _with_scene(draft: Draft, fit: _Fit, seen: Outcome, made_at: AwareDatetime | None) -> Outcome:
    faults = [] if draft.lanes else [NO_LANES]
    faults += list(_sky(draft, fit.ground))
    if faults:
        return seen.model_copy(update={"faults": tuple(faults)})
    try:
        scene = Scene.model_validate(_scene_body(draft, fit.ground, made_at))
    except ValidationError as error:
        return seen.model_copy(update={"faults": tuple(_said(error))})
    notes = (*seen.notes, *_extrapolated(draft, fit))
    return seen.model_copy(update={"scene": scene, "notes": notes})


NO_LANES: Final = Fault(
    code="no_lanes", vi="Chưa vẽ làn đường nào", en="no lane has been drawn yet"
)


def _scene_body(draft: Draft, ground: Ground, made_at: AwareDatetime | None) -> dict[str, object]:
    body = draft.model_dump(by_alias=True, exclude={"points", "lanes"})
    lanes = []
    for lane in draft.lanes:
        dumped = lane.model_dump(exclude={"arrow_px"})
        if lane.arrow_px is not None:
            tail, head = (plane.mapped(ground.image_to_ground, end) for end in lane.arrow_px)
            x, y = plane.unit(plane.minus(head, tail)) or (0.0, 0.0)
            dumped["direction_m"] = (round(x, 4), round(y, 4))
        lanes.append(dumped)
    return {**body, "made_at": made_at, "ground": ground.model_dump(), "lanes": lanes}


def _said(error: ValidationError) -> Iterator[Fault]:
    for fault in error.errors():
        text = str(fault["msg"]).removeprefix("Value error, ")
        where = ".".join(str(part) for part in fault["loc"])
        en = f"{where}: {text}" if where else text
        yield Fault(code="scene", vi=f"Cảnh chưa hợp lệ: {en}", en=en)


def _sky(draft: Draft, ground: Ground) -> Iterator[Fault]:
    """Lanes and lines that reach the horizon, where a pixel is no place on the road."""
    facing = plane.depth(ground.image_to_ground, ground.points[0].px)
    shapes = [
        ("làn", "lane", lane.id, (*lane.polygon_px, *(lane.arrow_px or ()))) for lane in draft.lanes
    ]
    shapes += [("vạch", "stop line", line.id, line.ends_px) for line in draft.stop_lines]
    shapes += [("vùng", "zone", zone.id, zone.polygon_px) for zone in draft.zones]
    for vi, en, name, points in shapes:
        if any(plane.depth(ground.image_to_ground, at) / facing < 1e-6 for at in points):  # noqa: PLR2004
            yield Fault(
                code="horizon",
                vi=f"{vi.capitalize()} {name} vượt quá đường chân trời; hãy kéo xuống thấp hơn",
                en=f"{en} {name} reaches above the horizon; draw it lower",
            )


def _extrapolated(draft: Draft, fit: _Fit) -> Iterator[Fault]:
    known = hull([m for _, m in fit.used])
    for lane in draft.lanes:
        corners = [plane.mapped(fit.ground.image_to_ground, at) for at in lane.polygon_px]
        away = max(_away(known, at) for at in corners)
        if away > BEYOND_M:
            yield Fault(
                code="extrapolated",
                vi=f"Làn {lane.id} vượt {away:.0f} m ra ngoài các điểm đã đo; "
                "sai số ở đó không kiểm soát được",
                en=f"lane {lane.id} goes {away:.0f} m beyond the marks; errors there are unknown",
            )


def _away(polygon: Sequence[XY], at: XY) -> float:
    if plane.holds(polygon, at):
        return 0.0
    return min(_from_segment(a, b, at) for a, b in plane.edges(polygon))


def _from_segment(a: XY, b: XY, at: XY) -> float:
    along = plane.minus(b, a)
    share = plane.dot(plane.minus(at, a), along) / max(plane.dot(along, along), 1e-12)
    share = min(1.0, max(0.0, share))
    return plane.distance(at, (a[0] + share * along[0], a[1] + share * along[1]))


def hull(points: Sequence[XY]) -> list[XY]:
    """Corners of the convex hull (Andrew's monotone chain)."""
    ordered = sorted(set(points))
    if len(ordered) < 3:  # noqa: PLR2004
        return ordered

    def half(some: Sequence[XY]) -> list[XY]:
        chain: list[XY] = []
        for at in some:
            while len(chain) > 1 and plane.turn(chain[-2], chain[-1], at) <= 0:
                chain.pop()
            chain.append(at)
        return chain[:-1]

    return half(ordered) + half(ordered[::-1])


def grid(ground: Ground, size: PictureSize) -> tuple[float, list[GridLine]]:
    """Lines of whole metres around the marks, as they appear in the picture, and their step."""
    xs, ys = [point.m[0] for point in ground.points], [point.m[1] for point in ground.points]
    margin = 0.25 * max(max(xs) - min(xs), max(ys) - min(ys))
    ranges = (min(xs) - margin, max(xs) + margin), (min(ys) - margin, max(ys) + margin)
    widest = max(upper - lower for lower, upper in ranges)
    step = next((one for one in GRID_STEPS_M if widest / one <= MOST_GRID_LINES), GRID_STEPS_M[-1])
    back = plane.inverse(ground.image_to_ground)
    facing = plane.depth(back, ground.points[0].m)
    (left, right), (near, far) = ranges
    lines = []
    for x in _whole(left, right, step):
        ends: list[XY] = [
            (x, near + (far - near) * k / GRID_SAMPLES) for k in range(GRID_SAMPLES + 1)
        ]
        lines.append(GridLine(axis="x", at_m=x, px=_drawn(back, facing, ends, size)))
    for y in _whole(near, far, step):
        ends = [(left + (right - left) * k / GRID_SAMPLES, y) for k in range(GRID_SAMPLES + 1)]
        lines.append(GridLine(axis="y", at_m=y, px=_drawn(back, facing, ends, size)))
    return step, [line for line in lines if len(line.px) > 1]


def _whole(lower: float, upper: float, step: float) -> list[float]:
    first = floor(lower / step) + 1
    return [k * step for k in range(first, floor(upper / step) + 1)][: 2 * MOST_GRID_LINES]


def _drawn(back: Matrix3, facing: float, points: Sequence[XY], size: PictureSize) -> tuple[XY, ...]:
    """Points before the camera and not far off the picture."""
    found = []
    reach = 2.0 * hypot(size.width, size.height)
    for at in points:
        if plane.depth(back, at) / facing > 1e-3:  # noqa: PLR2004 behind the camera
            x, y = plane.mapped(back, at)
            if abs(x) < reach and abs(y) < reach:
                found.append((round(x, 1), round(y, 1)))
    return tuple(found)
