"""Judges the vehicles of one camera as they are followed, and tells each violation once.

The rules themselves are pure and live in `ioc_models.violations`; this keeps what they need
to look at: every track's recent poses on the ground, and what the signals showed.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ioc_edge.tracking import Track
from ioc_models import plane
from ioc_models.plane import XY
from ioc_models.scene import Scene
from ioc_models.violations import RULES, judge
from ioc_models.violations.contract import (
    Case,
    Finding,
    Head,
    KnownPlate,
    LightLook,
    LightState,
    LightTimeline,
    Path,
    Pose,
    Rect,
    RiderLook,
    Rule,
)
from ioc_models.violations.same import OVERLAP_S, STANDING_S, TAKEN_UP_S, continues, lie_together

JUDGE_EVERY_S: Final = 1.0
# A finding must stand this long while its track goes on: it may still turn right.
SETTLE_S: Final = 1.0
# These grow better with every pose; they wait for the track's end, or this long.
_TO_THE_END: Final[frozenset[Rule]] = frozenset({"speeding", "helmet", "passengers"})
PATIENCE_S: Final = 8.0
AT_ONCE: Final = tuple(rule for rule in RULES if rule not in _TO_THE_END)
GONE_S: Final = 1.0
# Poses older than this are thinned to two a second: only standing takes longer.
FRESH_S: Final = 12.0
THIN_S: Final = 0.5
LONGEST_S: Final = 1800.0
LIGHTS_S: Final = 600.0
# The same plate and rule within this is the same violation, whatever the tracker says.
SAME_PLATE_S: Final = 60.0
# Deviation of a detector's lower box edges: pixels, and a share of the box's side. Measured with
# the built-in detector on 192 frames of the simulated junction: 0.053 from frame to frame, and
# 0.057 that all boxes of a vehicle have in common.
EDGE_PX: Final = 1.0
EDGE_SHARE: Final = 0.06
_JOIN_AT: Final = frozenset({3, 6, 10, 14, 20})
_BORDER_PX: Final = 3.0
# A camera knocked further than this share of its width no longer sees the scene in its file.
MOST_SHIFT: Final = 0.02


@dataclass(slots=True, eq=False)
class _Known:
    """What is kept of one vehicle."""

    track: int
    poses: list[Pose] = field(default_factory=list)
    labels: dict[str, float] = field(default_factory=dict)
    earlier: dict[str, float] = field(default_factory=dict)
    riders: list[RiderLook] = field(default_factory=list)
    plate: KnownPlate | None = None
    on_duty: int = 0
    looks: int = 0
    also: tuple[int, ...] = ()
    told: set[Rule] = field(default_factory=set)
    pending: dict[Rule, tuple[float, Finding]] = field(default_factory=dict)
    judged_at: float = -1e18
    joined: bool = False

    def path(self) -> Path:
        """As the rules want it."""
        labels = dict(self.earlier)
        for name, weight in self.labels.items():
            labels[name] = labels.get(name, 0.0) + weight
        return Path(
            track=self.track,
            poses=tuple(self.poses),
            labels=labels,
            riders=tuple(self.riders),
            plate=self.plate,
            priority=self.on_duty / self.looks if self.looks else None,
            also=self.also,
        )


@dataclass(frozen=True, slots=True)
class Sights:
    """What else is known of the tracks of one frame, by track id; all of it may be empty.

    Attributes:
        riders: Heads on a motorbike, where they were looked for.
        plates: The plate as voted so far.
        on_duty: Whether beacons or markings of a vehicle on duty were seen, where looked for.
    """

    riders: Mapping[int, tuple[Head, ...]] = field(default_factory=dict)
    plates: Mapping[int, KnownPlate] = field(default_factory=dict)
    on_duty: Mapping[int, bool] = field(default_factory=dict)


NOTHING: Final = Sights()
LightReading = tuple[LightState, float]


class Rules:
    """One camera's rules. Called from one thread, once per frame, times rising."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.repeats = 0
        self.blind_frames = 0
        self._live: dict[int, _Known] = {}
        self._gone: list[_Known] = []
        self._lights: dict[str, list[LightLook]] = {}
        self._told: list[tuple[Finding, _Known]] = []
        self._cases: dict[tuple[Rule, int], Case] = {}

    def step(
        self,
        tracks: Sequence[Track],
        lights: Mapping[str, LightReading],
        at: float,
        sights: Sights = NOTHING,
        shift_px: XY = (0.0, 0.0),
    ) -> list[Finding]:
        """Take one frame; returns the violations that are now certain, each once for ever.

        Args:
            tracks: The tracker's live tracks after its step with this frame.
            lights: State and confidence by the light's id in the scene file.
            at: Seconds since 1970, UTC, of the frame.
            sights: Heads, plates and signs of duty seen in this frame.
            shift_px: How far the camera's picture has moved since it was calibrated.
        """
        self._look_at_lights(lights, at)
        if max(abs(shift_px[0]), abs(shift_px[1])) > MOST_SHIFT * self.scene.image.width:
            self.blind_frames += 1
        else:
            for track in tracks:
                if track.seen:
                    self._take(track, at, sights, shift_px)
        found = self._judge_due(at)
        found += self._let_go({track.id for track in tracks}, at)
        return found

    def finish(self) -> list[Finding]:
        """Judge what is left, as at the end of a film."""
        at = max((known.poses[-1].at for known in self._live.values()), default=0.0)
        return self._let_go(set(), at + GONE_S + 1e-3)

    def case(self, finding: Finding) -> Case | None:
        """What a finding rests on, for the event; None once it was fetched or never told."""
        return self._cases.pop((finding.rule, finding.track), None)

    def _look_at_lights(self, lights: Mapping[str, LightReading], at: float) -> None:
        for name, (state, confidence) in lights.items():
            looks = self._lights.setdefault(name, [])
            looks.append(LightLook(at, state, confidence))
            if len(looks) > 1 and looks[0].at < at - 2 * LIGHTS_S:
                self._lights[name] = [look for look in looks if look.at >= at - LIGHTS_S]

    def _take(self, track: Track, at: float, sights: Sights, shift_px: XY) -> None:
        known = self._live.get(track.id)
        if known is None:
            known = self._live[track.id] = _Known(track.id)
        known.poses.append(pose_of(self.scene, track.box, at, shift_px))
        known.labels = dict(track.labels)
        heads = sights.riders.get(track.id)
        if heads is not None:
            known.riders.append(RiderLook(at, heads))
        known.plate = sights.plates.get(track.id, known.plate)
        if track.id in sights.on_duty:
            known.looks += 1
            known.on_duty += sights.on_duty[track.id]
        # The first poses show no course yet.
        if not known.joined and len(known.poses) in _JOIN_AT:
            self._take_up(known)
        _thin(known.poses, at)

    def _take_up(self, known: _Known) -> None:
        """Go on with a track that broke, if this is the same vehicle."""
        path = known.path()
        since = known.poses[0].at
        unseen = [
            each
            for each in self._live.values()
            if each is not known and each.poses[-1].at <= since + OVERLAP_S
        ]
        for old in sorted([*unseen, *self._gone], key=lambda each: -each.poses[-1].at):
            if not continues(old.path(), path):
                continue
            if old in self._gone:
                self._gone.remove(old)
            else:
                del self._live[old.track]
            known.joined = True
            known.poses[:0] = [pose for pose in old.poses if pose.at < since]
            known.riders[:0] = [look for look in old.riders if look.at < since]
            known.earlier = old.path().labels
            known.also = (*old.also, old.track)
            known.told |= old.told
            known.plate = known.plate or old.plate
            known.on_duty += old.on_duty
            known.looks += old.looks
            return

    def _judge_due(self, at: float) -> list[Finding]:
        found = []
        for known in self._live.values():
            if at - known.judged_at >= JUDGE_EVERY_S and known.poses[-1].at == at:
                known.judged_at = at
                young = at - known.poses[0].at < PATIENCE_S
                self._judge(known, at, AT_ONCE if young else RULES)
                found += self._tell(known, at, ended=False)
        return found

    def _judge(self, known: _Known, at: float, rules: Collection[Rule]) -> None:
        """Bring what is pending up to date; what no longer holds is dropped."""
        path = known.path()
        lights = self._timelines(path.poses[0].at)
        others = self._neighbours(known)
        findings = {found.rule: found for found in judge(path, self.scene, lights, others, rules)}
        pending = {}
        for rule, found in findings.items():
            if rule not in known.told:
                since = known.pending[rule][0] if rule in known.pending else at
                pending[rule] = (since, found)
        known.pending = pending

    def _neighbours(self, known: _Known) -> tuple[Path, ...]:
        """Others, where standing is judged: only who stands at all asks for them."""
        first, last = known.poses[0], known.poses[-1]
        if not self.scene.zones or last.at - first.at < min(
            z.max_seconds for z in self.scene.zones
        ):
            return ()
        around = [*self._live.values(), *self._gone]
        return tuple(each.path() for each in around if each is not known)

    def _tell(self, known: _Known, at: float, *, ended: bool) -> list[Finding]:
        told = []
        for rule, (since, found) in list(known.pending.items()):
            wait = PATIENCE_S / 2 if rule in _TO_THE_END else SETTLE_S
            if not ended and at - since < wait:
                continue
            del known.pending[rule]
            known.told.add(rule)
            path = known.path()
            if self._is_repeat(found, known):
                self.repeats += 1
                continue
            self._told.append((found, known))
            lights = self._timelines(path.poses[0].at)
            others = self._neighbours(known) if rule == "stopping" else ()
            self._cases[rule, found.track] = Case(
                scene=self.scene, path=path, lights=tuple(lights), others=others
            )
            told.append(found)
        self._told = [each for each in self._told if at - each[0].after_at < SAME_PLATE_S]
        return told

    def _is_repeat(self, found: Finding, known: _Known) -> bool:
        path = known.path()
        for before, told in self._told:
            if before.rule != found.rule:
                continue
            if before.plate is not None and before.plate == found.plate:
                return True
            old = told.path()
            if lie_together(old, path) or continues(old, path):
                return True
        return False

    def _let_go(self, live: set[int], at: float) -> list[Finding]:
        """Judge for the last time those whose track is gone; keep them a while to be taken up."""
        found = []
        for key, known in list(self._live.items()):
            if key in live or at - known.poses[-1].at < GONE_S:
                continue
            del self._live[key]
            self._judge(known, at, RULES)
            found += self._tell(known, at, ended=True)
            self._gone.append(known)
        self._gone = [
            known for known in self._gone if at - known.poses[-1].at < STANDING_S + TAKEN_UP_S
        ]
        return found

    def _timelines(self, since: float) -> list[LightTimeline]:
        """What the lights showed from a cycle before a path began."""
        return [
            LightTimeline(name, tuple(look for look in looks if look.at >= since - 40.0))
            for name, looks in self._lights.items()
        ]


def pose_of(scene: Scene, box: Rect, at: float, shift_px: XY = (0.0, 0.0)) -> Pose:
    """A box as a pose: its lower edge on the road, with the error that a detector makes."""
    dx, dy = shift_px
    left, top, right, bottom = box[0] - dx, box[1] - dy, box[2] - dx, box[3] - dy
    moved = (left, top, right, bottom)
    if box[3] >= scene.image.height - _BORDER_PX:
        return Pose(at, moved)
    contact = ((left + right) / 2, bottom)
    ground = scene.on_ground(contact)
    if ground is None:
        return Pose(at, moved)
    wide, tall = right - left, bottom - top
    across = EDGE_PX + EDGE_SHARE * wide
    if box[0] <= _BORDER_PX or box[2] >= scene.image.width - _BORDER_PX:
        # The picture's side cuts it: its middle is not the vehicle's.
        across += wide / 2
    along = EDGE_PX + EDGE_SHARE * tall
    spread = plane.spread(scene.ground.image_to_ground, contact, across, along)
    return Pose(at, moved, ground, spread)


def _thin(poses: list[Pose], at: float) -> None:
    """Drop what is too old, and most of what is old, in place; called at every pose."""
    if len(poses) < 3 or poses[0].at > at - FRESH_S or len(poses) % 64:  # noqa: PLR2004
        return
    kept: list[Pose] = []
    for pose in poses:
        if pose.at < at - LONGEST_S:
            continue
        if pose.at >= at - FRESH_S or not kept or pose.at - kept[-1].at >= THIN_S:
            kept.append(pose)
    poses[:] = kept
