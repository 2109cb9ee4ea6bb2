"""Staged situations as a tracker would meet them: the renderer's truth with a detector's errors.

The errors of boxes and misses are those measured with the built-in detector on rendered frames
(192 frames, 1,626 boxes found, 583 missed); the others are assumptions, named at the field.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.random import Generator

from ioc_edge.backends import Detection
from ioc_edge.rules import Rules, Sights
from ioc_edge.scene.camera import Camera, mounted
from ioc_edge.scene.layout import scene_file
from ioc_edge.scene.outline import Outline, outline
from ioc_edge.scene.situations import SITUATIONS
from ioc_edge.scene.spec import SceneSpec, Script, View
from ioc_edge.scene.traffic import Play, play
from ioc_edge.tracking import Tracker
from ioc_models.scene import VIETNAM, Ban, Certificate, Hours, Scene
from ioc_models.violations.contract import Finding, Head, KnownPlate, LightState, Path, Pose

Rect = tuple[float, float, float, float]
SECONDS, FPS = 26.0, 10.0
QUIET = Script(red_light=0, wrong_way=0, no_helmet=0, speeding=0)
RULE_OF = {"no_helmet": "helmet"}
BAN = Ban(
    id="lorries", classes=("truck",), sign="P.106a",
    hours=(Hours(since="06:00", until="08:30"), Hours(since="16:00", until="18:30")),
)  # fmt: skip
IN_HOURS = datetime(2026, 3, 10, 7, 0, tzinfo=VIETNAM)
OUT_OF_HOURS = (
    datetime(2026, 3, 10, 10, 0, tzinfo=VIETNAM),
    datetime(2026, 3, 10, 8, 30, 5, tzinfo=VIETNAM),
    datetime(2026, 3, 10, 5, 59, 20, tzinfo=VIETNAM),
)


# Share of boxes not found, by height in pixels: measured with the built-in detector over boxes of
# which at least half shows. Lorries are assumed to be found like cars: that detector knows none.
MISSED = {
    "motorbike": ((60, 0.62), (120, 0.23), (9999, 0.11)),
    "car": ((60, 0.21), (120, 0.04), (9999, 0.02)),
}


def _missed(label: str, tall: float) -> float:
    kind = "motorbike" if label in {"motorbike", "bicycle"} else "car"
    return next(share for below, share in MISSED[kind] if tall < below)


@dataclass(frozen=True)
class Noise:
    """What a detector and a light reader get wrong.

    Attributes:
        edge: White error of a box's edges, share of its side (measured: bottom 0.053).
        common: What all boxes of one vehicle share (measured: bottom 0.057).
        miss: Boxes not found, as a multiple of `MISSED` (measured).
        hidden: A longer blindness of up to 2 s, share of the vehicles (assumed).
        double: Share of vehicles with a second box of another class (assumed).
        ghosts: False boxes per frame (assumed).
        dropped: Share of frames lost (assumed).
        light: Share of looks at the signal with a wrong state (assumed).
        head: Share of heads with the wrong answer (assumed).
        shake_px: Sway of the camera; `shadow`: share of a box's height that its shadow adds.
        amber_as_red: The reader takes all yellow for red.
    """

    edge: float = 0.053
    common: float = 0.057
    miss: float = 1.0
    hidden: float = 0.12
    double: float = 0.02
    ghosts: float = 0.3
    dropped: float = 0.03
    light: float = 0.015
    head: float = 0.05
    shake_px: float = 0.0
    shadow: float = 0.0
    amber_as_red: bool = False


def noise_for(rng: Generator) -> Noise:
    """The noise of one clip: some shake, some have long shadows, some a poor light reader."""
    draw = rng.random()
    if draw < 0.2:
        return Noise(shake_px=float(rng.uniform(2, 7)))
    if draw < 0.35:
        return Noise(shadow=float(rng.uniform(0.04, 0.1)))
    if draw < 0.45:
        return Noise(amber_as_red=True)
    return Noise()


@dataclass
class Outcome:
    """What a clip's findings were, against what was staged.

    Attributes:
        staged: Act by true track.
        found: (rule, true track, act, finding); track 0 is nobody's.
        speeds: Measured less true, and the error bar, km/h, of those who drove steadily.
    """

    staged: dict[int, str] = field(default_factory=dict)
    found: list[tuple[str, int, str, Finding]] = field(default_factory=list)
    speeds: list[tuple[float, float, float]] = field(default_factory=list)
    lorries: set[int] = field(default_factory=set)
    banned: bool = False
    seed: int = 0
    repeats: int = 0


def film_spec(
    names: Sequence[str], seed: int, *, banned: bool = False, view: View = "approach"
) -> SceneSpec:
    """A clip with these situations and little else, in or out of the hours of the ban."""
    return SceneSpec(
        seed=seed, seconds=SECONDS, fps=FPS, density=0.2, tapered=False, view=view,
        script=QUIET.model_copy(update={"situations": tuple(names)}),
        starts_at=IN_HOURS if banned else OUT_OF_HOURS[seed % len(OUT_OF_HOURS)],
    )  # fmt: skip


def stage(
    names: Sequence[str], seed: int, *, banned: bool = False, view: View = "approach"
) -> tuple[SceneSpec, Camera, Play]:
    """Play a clip with these situations; no pixels yet."""
    spec = film_spec(names, seed, banned=banned, view=view)
    streams = np.random.SeedSequence(seed).spawn(6)
    mount, _, _, road, _, _ = (np.random.default_rng(each) for each in streams)
    return spec, mounted(spec, mount), play(spec, road)


def scene_of(spec: SceneSpec, camera: Camera) -> Scene:
    """The junction's scene file with a ban on lorries, short zones and a certificate."""
    scene = scene_file(spec, camera)
    return scene.model_copy(
        update={
            "lanes": tuple(
                lane.model_copy(update={"bans": (BAN,)})
                if lane.id in {"away-inner", "exit-inner"}
                else lane
                for lane in scene.lanes
            ),
            "zones": tuple(zone.model_copy(update={"max_seconds": 8.0}) for zone in scene.zones),
            "calibration": Certificate(
                number="KD-2026-001", issuer="Viện Đo lường",
                valid_from=datetime(2026, 1, 1, tzinfo=VIETNAM),
                valid_to=datetime(2027, 1, 1, tzinfo=VIETNAM),
            ),
        }
    )  # fmt: skip


class Sensor:
    """A detector's and a light reader's answers to one clip."""

    def __init__(self, camera: Camera, noise: Noise, rng: Generator) -> None:
        self._camera, self._noise, self._rng = camera, noise, rng
        self._edges: Rect = (0, 30, camera.width, camera.height)
        self._common: dict[int, np.ndarray] = {}
        self._blind: dict[int, tuple[float, float]] = {}
        self._double: dict[int, bool] = {}
        self._plates: dict[int, bool] = {}
        self._mixes: dict[tuple[int, int], bool] = {}
        self.looks: Counter[int] = Counter()
        self._phase = rng.uniform(0, 6.28, 4)

    def look(self, states: Sequence[object], at: float) -> list[tuple[Detection, Outline | None]]:
        """Detections of one frame, each with what it is of; None is a ghost."""
        seen = [
            found
            for state in states
            if (found := outline(self._camera, state, self._edges)) is not None  # type: ignore[arg-type]
        ]
        seen.sort(key=lambda each: each.distance_m)
        sway = self._noise.shake_px * np.sin(
            np.array([7.1, 9.3]) * at + self._phase[:2] + 0.5 * np.sin(2.3 * at)
        )
        detections: list[tuple[Detection, Outline | None]] = []
        for index, found in enumerate(seen):
            boxes = self._boxes(found, seen[:index], at, sway)
            detections.extend((detection, found) for detection in boxes)
        for _ in range(self._rng.poisson(self._noise.ghosts)):
            x, y = self._rng.uniform(0, 1100), self._rng.uniform(60, 600)
            w, h = self._rng.uniform(40, 180, 2)
            detections.append(
                (Detection((x, y, x + w, y + h), "car", float(self._rng.uniform(0.15, 0.6))), None)
            )
        return detections

    def _boxes(
        self, found: Outline, nearer: Sequence[Outline], at: float, sway: np.ndarray
    ) -> Iterator[Detection]:
        rng, noise = self._rng, self._noise
        track = found.state.rider.track
        if track not in self._common:
            self._common[track] = rng.normal(0, noise.common, 4)
            self._double[track] = bool(rng.random() < noise.double)
            start = at + float(rng.uniform(0.5, 6)) if rng.random() < noise.hidden else 1e9
            self._blind[track] = (start, start + float(rng.uniform(0.5, 2.0)))
        low, high = self._blind[track]
        left, top, right, bottom = found.box
        wide, tall = right - left, bottom - top
        hidden = _covered(found.box, nearer)
        missed = noise.miss * _missed(found.state.rider.label, tall)
        missed += hidden if hidden > 0.4 else 0.0
        if hidden > 0.6 or tall < 12 or low <= at <= high or rng.random() < missed:
            return
        if hidden > 0.2 and rng.random() < 0.7:
            bottom = _cut_by(found.box, nearer)
            tall = max(8.0, bottom - top)
        off = self._common[track] + rng.normal(0, noise.edge, 4)
        box = [
            left + off[0] * wide,
            top + off[1] * tall,
            right + off[2] * wide,
            bottom + off[3] * tall,
        ]
        box[3] += noise.shadow * tall
        box = [box[0] + sway[0], box[1] + sway[1], box[2] + sway[0], box[3] + sway[1]]
        # What the picture's edge cuts, a detector cuts there too.
        for axis, edge, beyond in (
            (0, 0.0, found.whole[0] < 0), (2, self._edges[2], found.whole[2] > self._edges[2]),
            (3, self._edges[3], found.whole[3] > self._edges[3]),
        ):  # fmt: skip
            if beyond:
                box[axis] = edge
        wall, floor = self._edges[2], self._edges[3]
        x0, y0 = float(np.clip(box[0], 0, wall - 8)), float(np.clip(box[1], 0, floor - 8))
        x1, y1 = float(np.clip(box[2], x0 + 4, wall)), float(np.clip(box[3], y0 + 4, floor))
        box = [x0, y0, x1, y1]
        confidence = float(np.clip(rng.normal(0.66, 0.12), 0.15, 0.97))
        label = self._label(found.state.rider.label)
        yield Detection((box[0], box[1], box[2], box[3]), label, confidence)
        if self._double[track] and rng.random() < 0.6:
            shift = rng.normal(0, 0.05, 4) * (wide, tall, wide, tall)
            x0, y0, x1, y1 = (box[k] + float(shift[k]) for k in range(4))
            other = "truck" if label == "car" else "car"
            twin = (x0, y0, max(x1, x0 + 4), max(y1, y0 + 4))
            yield Detection(twin, other, confidence * 0.8)

    def _label(self, label: str) -> str:
        """Measured: cars and motorbikes are told apart in 99 of 100; the others are assumed."""
        draw = self._rng.random()
        if label == "car":
            return "motorbike" if draw < 0.01 else "truck" if draw < 0.04 else "car"
        if label == "motorbike":
            return "car" if draw < 0.005 else "bicycle" if draw < 0.02 else "motorbike"
        if label == "truck":
            return "car" if draw < 0.08 else "bus" if draw < 0.1 else "truck"
        if label == "bus":
            return "truck" if draw < 0.1 else "bus"
        if label == "bicycle":
            return "motorbike" if draw < 0.4 else "bicycle"
        return label

    def heads(self, found: Outline, others: Sequence[Outline] = ()) -> tuple[Head, ...]:
        """What a helmet classifier says of the heads it finds; some are a neighbour's."""
        rng, result = self._rng, []
        near = [
            head
            for other in others
            if other is not found and self._mixed(found, other)
            for head in other.heads
            if _inside(head[0], found.box) and rng.random() < 0.8
        ]
        for index, (rect, helmet) in enumerate([*found.heads, *near]):
            tall = rect[3] - rect[1]
            merged = any(_iou(rect, other) > 0.4 for other, _ in found.heads[:index])
            if tall < 9 or rng.random() < (0.5 if merged else 0.06):
                continue
            wrong = rng.random() < self._noise.head
            sure = float(rng.uniform(0.5, 0.8) if wrong else rng.uniform(0.65, 0.98))
            off = rng.normal(0, 0.06, 4) * tall
            box = (rect[0] + off[0], rect[1] + off[1], rect[2] + off[2], rect[3] + off[3])
            result.append(Head(box, helmet ^ wrong, sure))
        return tuple(result)

    def _mixed(self, one: Outline, other: Outline) -> bool:
        """Whether the heads of two motorbikes abreast are taken for one's; three in ten are."""
        pair = one.state.rider.track, other.state.rider.track
        return self._mixes.setdefault(pair, bool(self._rng.random() < 0.3))

    def light(self, state: LightState) -> tuple[LightState, float]:
        """What the reader says of a signal."""
        draw = self._rng.random()
        if self._noise.amber_as_red and state == "yellow":
            state = "red"
        if draw < self._noise.light:
            wrong: tuple[LightState, ...] = ("red", "yellow", "green")
            return wrong[int(self._rng.integers(3))], float(self._rng.uniform(0.5, 0.8))
        if draw < 2 * self._noise.light:
            return "unknown", 0.3
        return state, float(self._rng.uniform(0.75, 0.99))

    def plate(self, found: Outline) -> KnownPlate | None:
        """The track's vote; 98 of 100 vehicles are read."""
        rider = found.state.rider
        if rider.plate is None:
            return None
        read = self._plates.setdefault(rider.track, bool(self._rng.random() < 0.98))
        return KnownPlate(rider.plate.text, 0.97) if read else None

    def on_duty(self, found: Outline) -> bool:
        """Whether beacons are seen: two of three looks at those that have them."""
        share = 0.66 if found.state.rider.flashing else 0.01
        return bool(self._rng.random() < share)


def run(
    names: Sequence[str],
    seed: int,
    *,
    banned: bool = False,
    noise: Noise | None = None,
    view: View = "approach",
) -> Outcome:
    """Stage, detect, track and judge one clip."""
    rng = np.random.default_rng([seed, 77])
    spec, camera, shown = stage(names, seed, banned=banned, view=view)
    sensor = Sensor(camera, noise or noise_for(rng), rng)
    rules, tracker = Rules(scene_of(spec, camera)), Tracker()
    result = Outcome(staged=dict(shown.acts), banned=banned, seed=seed)
    owners: dict[int, Counter[int]] = {}
    paths: dict[int, list[Pose]] = {}
    told: list[Finding] = []
    start = spec.clock.timestamp()
    delay = int(rng.integers(0, 3))
    for index, states in enumerate(shown.frames):
        for state in states:
            if state.rider.label == "truck":
                result.lorries.add(state.rider.track)
        if rng.random() < (noise or Noise()).dropped:
            continue
        at = start + index / FPS
        looked = sensor.look([s for s in states if s.rider.label != "person"], at)
        tracker.step([detection for detection, _ in looked], at)
        by_box = {detection.box: found for detection, found in looked}
        sights = Sights({}, {}, {})
        for track in tracker.tracks:
            found = by_box.get(track.box) if track.seen else None
            if found is None:
                continue
            owners.setdefault(track.id, Counter())[found.state.rider.track] += 1
            _sights(sights, sensor, track.id, found, index, [f for f in by_box.values() if f])
        lamp: Literal["red", "yellow", "green"] = shown.signals.at(max(0, index - delay) / FPS).main
        lights = {light.id: sensor.light(lamp) for light in rules.scene.lights}
        told += rules.step(tracker.tracks, lights, at, sights)
        for known in rules._live.values():
            paths[known.track] = known.poses
    told += rules.finish()
    result.repeats = rules.repeats
    for finding in told:
        votes = owners.get(finding.track, Counter())
        owner = votes.most_common(1)[0][0] if votes else 0
        result.found.append((finding.rule, owner, shown.acts.get(owner, ""), finding))
    _speeds(result, rules, paths, owners, shown)
    return result


def _sights(
    sights: Sights,
    sensor: Sensor,
    track: int,
    found: Outline,
    index: int,
    others: Sequence[Outline],
) -> None:
    rider = found.state.rider
    assert isinstance(sights.riders, dict)
    assert isinstance(sights.plates, dict)
    assert isinstance(sights.on_duty, dict)
    # As often as the product looks: every 0.4 s, a dozen times at most.
    if rider.label in {"motorbike", "bicycle"} and index % 4 == 0 and sensor.looks[track] < 12:
        sensor.looks[track] += 1
        sights.riders[track] = sensor.heads(found, others)
    plate = sensor.plate(found)
    if plate is not None and found.distance_m < 24:
        sights.plates[track] = plate
    sights.on_duty[track] = sensor.on_duty(found)


def _speeds(
    result: Outcome,
    rules: Rules,
    paths: dict[int, list[Pose]],
    owners: dict[int, Counter[int]],
    shown: Play,
) -> None:
    from ioc_models.violations.speeding import measure  # noqa: PLC0415

    steady = {"fast_car", "fast_bike", "at_limit", "tall_car", "car_among_bikes", "coach"}
    riders = {s.rider.track: s.rider for states in shown.frames for s in states}
    for track, poses in paths.items():
        votes = owners.get(track, Counter())
        owner = votes.most_common(1)[0][0] if votes else 0
        if shown.acts.get(owner) not in steady:
            continue
        known = measure(Path(track, tuple(poses), {"car": 1.0}), rules.scene)
        if known is not None and known.error_kmh <= rules.scene.rules.speeding.worst_error_kmh:
            true = riders[owner].wish * 3.6
            result.speeds.append((true, known.kmh - true, known.error_kmh))


def expected(result: Outcome) -> dict[tuple[int, str], bool]:
    """(true track, rule) to whether the rule was broken, for all that was staged."""
    wanted = {}
    for track, act in result.staged.items():
        situation = SITUATIONS[act]
        rule = RULE_OF.get(situation.rule, situation.rule)
        wanted[track, rule] = situation.broken and (rule != "forbidden" or result.banned)
    return wanted


def casts(names: Sequence[str], rng: Generator) -> list[list[str]]:
    """Situations shared out over clips so that none drives through another."""
    waiting = list(names)
    rng.shuffle(waiting)
    clips: list[list[str]] = []
    taken: list[set[str]] = []
    for name in waiting:
        places = SITUATIONS[name].places
        for clip, full in zip(clips[-60:], taken[-60:], strict=True):
            if not places & full:
                clip.append(name)
                full.update(places)
                break
        else:
            clips.append([name])
            taken.append(set(places))
    return clips


def _inside(head: Rect, box: Rect) -> bool:
    x, y = (head[0] + head[2]) / 2, (head[1] + head[3]) / 2
    return box[0] < x < box[2] and box[1] < y < box[3]


def _covered(box: Rect, nearer: Sequence[Outline]) -> float:
    whole = max(1.0, (box[2] - box[0]) * (box[3] - box[1]))
    hidden = 0.0
    for other in nearer:
        w = min(box[2], other.box[2]) - max(box[0], other.box[0])
        h = min(box[3], other.box[3]) - max(box[1], other.box[1])
        hidden += 0.8 * max(0.0, w) * max(0.0, h)
    return min(1.0, hidden / whole)


def _cut_by(box: Rect, nearer: Sequence[Outline]) -> float:
    """Where a box ends when the lowest part of it is hidden."""
    for other in nearer:
        wide = min(box[2], other.box[2]) - max(box[0], other.box[0])
        if wide > 0.5 * (box[2] - box[0]) and other.box[1] < box[3] < other.box[3]:
            return max(box[1] + 8.0, other.box[1] + 4.0)
    return box[3]


def _iou(a: Rect, b: Rect) -> float:
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    common = max(0.0, w) * max(0.0, h)
    return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)
