"""Watches one camera's road: rules judge the tracks, proofs are cut while the frames go by.

A finding becomes certain seconds after it happened, so an album keeps a picture every
quarter of a second; what a reviewer needs of the moments before, at and after is taken
from there. Film comes as the camera's own packets.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from ioc_edge.album import ALBUM_GAP_S, OLD_GAP_S, Album, Picture
from ioc_edge.backends import Box, Detection, Image
from ioc_edge.capture import Frame
from ioc_edge.evidence import jpeg
from ioc_edge.lights import LightReader
from ioc_edge.privacy import Sight
from ioc_edge.riders import HelmetReader, Ride, rides
from ioc_edge.rules import Rules, Sights
from ioc_edge.shake import Steadiness
from ioc_edge.tracking import Track
from ioc_models.events import (
    EvidenceRef,
    MediaType,
    ModelRef,
    PlateReading,
)
from ioc_models.scene import Scene
from ioc_models.violations.contract import (
    Case,
    Finding,
    Head,
    KnownPlate,
    LightSpan,
    LightState,
    PlateGiven,
    ViolationSeen,
    Wanted,
)
from ioc_models.violations.packing import compact

if TYPE_CHECKING:
    from concurrent.futures import Future

# A picture further from its moment than this proves another one.
NEAREST_S: Final = 1.0
# Of the ring of packets, less what passes between a finding and its wish.
LONGEST_CLIP_S: Final = 18.0
LATE_CLIP_S: Final = 5.0
# Heads are looked for this often on each motorbike; a look costs about as much as a plate.
HEADS_EVERY_S: Final = 0.4
MOST_HEAD_LOOKS: Final = 12
FORGET_S: Final = 120.0
CLOSE_MARGIN: Final = 0.6
CLIP: Final = "clip"
# The reader's words for a signal, and the rules'.
SHOWN: Final[Mapping[str, LightState]] = {
    "red": "red",
    "amber": "yellow",
    "green": "green",
    "dark": "off",
}

ClipWish = Callable[[datetime, datetime], "Future[bytes | None]"]


class Keeper(Protocol):
    """Where proof goes; `EvidenceStore` is one."""

    def keep(self, role: str, image: Image, sight: Sight | None = None) -> EvidenceRef | None:
        """Cover people in a picture and store it; None when there is no room."""
        ...

    def keep_uncovered(self, role: str, image: Image) -> EvidenceRef | None:
        """Store it for the police alone; None when it is not to be kept."""
        ...

    def keep_restricted(
        self, role: str, content: bytes, media_type: MediaType
    ) -> EvidenceRef | None:
        """Store what cannot be covered for the police alone; None when it is not to be kept."""
        ...


@dataclass(frozen=True, slots=True)
class KnownOf:
    """What the pipeline knows of one followed vehicle's plate.

    Attributes:
        box: Where the plate is in this frame; None when it was not found in it.
        crop: The best shot of it so far.
    """

    reading: PlateReading | None
    box: Box | None
    crop: Image | None


@dataclass(frozen=True, slots=True)
class Violation:
    """A violation with its proof, ready to become an event."""

    seen: ViolationSeen
    evidence: tuple[EvidenceRef, ...]
    models: tuple[ModelRef, ...]


@dataclass(slots=True)
class _Pending:
    """A finding whose last moments are still to come."""

    finding: Finding
    case: Case | None
    due_at: float
    clip: "Future[bytes | None] | None"

    @property
    def tracks(self) -> tuple[int, ...]:
        """A track that broke and was taken up bears several numbers."""
        earlier = self.case.path.also if self.case is not None else ()
        return (self.finding.track, *earlier)


@dataclass(slots=True)
class _Plate:
    """The plate of a track, kept for a while after the track is gone."""

    reading: PlateReading | None = None
    crop: Image | None = None
    at: float = 0.0


@dataclass(slots=True)
class _Looks:
    """How often a motorbike's heads were looked for."""

    count: int = 0
    at: float = -1e18


class Watch:
    """One camera's rules and proofs. Called from the inference thread alone."""

    def __init__(
        self,
        scene: Scene,
        keeper: Keeper,
        *,
        lights: LightReader | None = None,
        helmets: HelmetReader | None = None,
        clip: ClipWish | None = None,
    ) -> None:
        self._rules = Rules(scene)
        self._scene = scene
        self._keeper = keeper
        self._light_reader = lights
        self._helmets = helmets if scene.rules.helmet.enabled else None
        self._clip = clip
        self._album = Album(long=bool(scene.zones))
        self._steadiness = Steadiness()
        self._plates: dict[int, _Plate] = {}
        self._looks: dict[int, _Looks] = {}
        self._pending: list[_Pending] = []

    def step(
        self,
        frame: Frame,
        tracks: Sequence[Track],
        detections: Sequence[Detection],
        known: Mapping[int, KnownOf],
    ) -> list[Violation]:
        """Take one frame and what was seen in it; returns the violations now proven.

        Args:
            frame: The picture.
            tracks: Live vehicle tracks after their step with it.
            detections: Everything found in it.
            known: Plates, by track id.
        """
        at = frame.seen_at.timestamp()
        live = [track for track in tracks if track.seen]
        self._remember(known, at)
        heads = self._look_at_heads(frame.image, live, detections, at)
        if live and self._album.wants(at):
            self._album.add(_page(frame, live, detections, known, heads))
        findings = self._rules.step(
            tracks,
            self._look_at_lights(frame.image),
            at,
            Sights(riders=heads, plates=self._known_plates()),
            self._steadiness.shift(frame.image),
        )
        for finding in findings:
            self._open(finding, at)
        return self._seal(at)

    def finish(self) -> list[Violation]:
        """Judge and prove what is left, with what there is."""
        for finding in self._rules.finish():
            self._open(finding, finding.after_at)
        return self._seal(float("inf"))

    def _remember(self, known: Mapping[int, KnownOf], at: float) -> None:
        for track, one in known.items():
            self._plates[track] = _Plate(one.reading, one.crop, at)
        for track in [track for track, one in self._plates.items() if one.at < at - FORGET_S]:
            del self._plates[track]
        for track in [track for track, one in self._looks.items() if one.at < at - FORGET_S]:
            del self._looks[track]

    def _known_plates(self) -> dict[int, KnownPlate]:
        return {
            track: KnownPlate(one.reading.text, one.reading.confidence, one.reading.margin)
            for track, one in self._plates.items()
            if one.reading is not None
        }

    def _look_at_lights(self, image: Image) -> dict[str, tuple[LightState, float]]:
        if self._light_reader is None or not self._scene.lights:
            return {}
        looks = self._light_reader.states(image, [light.box_px for light in self._scene.lights])
        return {
            light.id: (SHOWN.get(look.state, "unknown"), look.confidence)
            for light, look in zip(self._scene.lights, looks, strict=True)
        }

    def _look_at_heads(
        self, image: Image, live: Sequence[Track], detections: Sequence[Detection], at: float
    ) -> dict[int, tuple[Head, ...]]:
        """Heads on the motorbikes whose turn it is."""
        if self._helmets is None:
            return {}
        due = [track for track in live if track.label == "motorbike" and self._is_due(track.id, at)]
        size = (image.shape[1], image.shape[0])
        people = [one for one in detections if one.label == "person"]
        riding: list[Ride] = []
        for track in due:
            riding += rides([Detection(track.box, "motorbike", track.confidence), *people], size)
            self._looks[track.id] = _Looks(self._looks[track.id].count + 1, at)
        if not riding:
            return {}
        found = self._helmets.heads(image, riding)
        return {
            track.id: tuple(
                Head(
                    one.box,
                    helmet=one.helmet >= one.bare,
                    confidence=min(1.0, max(0.5, one.helmet, one.bare)),
                )
                for one in heads
            )
            for track, heads in zip(due, found, strict=True)
        }

    def _is_due(self, track: int, at: float) -> bool:
        looks = self._looks.setdefault(track, _Looks())
        return looks.count < MOST_HEAD_LOOKS and at - looks.at >= HEADS_EVERY_S

    def _open(self, finding: Finding, now: float) -> None:
        """Begin to collect what proves a finding."""
        due = max([finding.after_at, *(one.until or one.at for one in finding.evidence)])
        film = next((one for one in finding.evidence if one.role == CLIP), None)
        clip = None
        if film is not None and self._clip is not None:
            until = film.until or film.at
            begin = max(film.at, min(until, now) - LONGEST_CLIP_S)
            clip = self._clip(_utc(begin), _utc(min(until, begin + LONGEST_CLIP_S)))
        self._pending.append(_Pending(finding, self._rules.case(finding), due, clip))

    def _seal(self, now: float) -> list[Violation]:
        """Findings whose proof is complete, or will not become so."""
        ready: list[_Pending] = []
        waiting: list[_Pending] = []
        for one in self._pending:
            filmed = one.clip is None or one.clip.done() or now > one.due_at + LATE_CLIP_S
            (ready if now >= one.due_at and filmed else waiting).append(one)
        self._pending = waiting
        return [self._sealed(one) for one in ready]

    def _sealed(self, pending: _Pending) -> Violation:
        finding = pending.finding
        plate = self._plates.get(finding.track, _Plate())
        evidence: list[EvidenceRef] = []
        found: list[Wanted] = []
        for wanted in finding.evidence:
            refs, at = self._proof(wanted, pending, plate)
            evidence += refs
            if refs:
                found.append(wanted.model_copy(update={"at": at}))
        return Violation(
            _payload(self._scene, pending, plate.reading, tuple(found)),
            tuple(evidence),
            self._models(finding),
        )

    def _proof(
        self, wanted: Wanted, pending: _Pending, plate: _Plate
    ) -> tuple[list[EvidenceRef], float]:
        """One piece of evidence, kept, and the moment that it really shows."""
        kept: list[EvidenceRef | None] = []
        at = wanted.at
        if wanted.role == CLIP:
            clip = pending.clip
            film = clip.result() if clip is not None and clip.done() else None
            if film is not None:
                kept = [self._keeper.keep_restricted(CLIP, film, "video/mp4")]
        elif wanted.role == "plate":
            if plate.crop is not None:
                kept = [self._keeper.keep("plate", plate.crop)]
        else:
            picture = self._picture(wanted, pending)
            if picture is not None:
                kept, at = self._keep_picture(wanted.role, picture, pending), picture.at
        return [ref for ref in kept if ref is not None], at

    def _picture(self, wanted: Wanted, pending: _Pending) -> Picture | None:
        """The page of a moment; before and after are other pages than the event's."""
        finding = pending.finding
        # Of standing, any picture of the beginning will do that there is.
        within = OLD_GAP_S if finding.rule == "stopping" else NEAREST_S
        since, until = wanted.at - within, wanted.at + within
        if wanted.role == "before":
            until = min(wanted.at + within, finding.at - ALBUM_GAP_S)
        elif wanted.role == "after":
            since = max(wanted.at - within, finding.at + ALBUM_GAP_S)
        return self._album.nearest(since, until, wanted.at, pending.tracks)

    def _keep_picture(
        self, role: str, picture: Picture, pending: _Pending
    ) -> list[EvidenceRef | None]:
        """The whole picture, or for the event itself the vehicle large; people covered."""
        image, finding = picture.image(), pending.finding
        track = next((each for each in pending.tracks if each in picture.boxes), finding.track)
        box, plate = picture.boxes.get(track), picture.plates.get(track)
        of_heads = finding.rule in {"helmet", "passengers"}
        sight = Sight(
            vehicle=box,
            plates=() if plate is None else (plate,),
            crowns=picture.heads.get(track, ()) if of_heads else (),
            shown=tuple(light.box_px for light in self._scene.lights if light.id == finding.light),
            seen=picture.seen,
        )
        if role == "event" and box is not None:
            left, top, right, bottom = _around(box, image)
            image = image[top:bottom, left:right].copy()
            sight = sight.within(left, top)
        kept = [self._keeper.keep(role, image, sight)]
        if role == "event":
            kept.append(self._keeper.keep_uncovered(role, image))
        return kept

    def _models(self, finding: Finding) -> tuple[ModelRef, ...]:
        models: list[ModelRef | None] = []
        if finding.light is not None and self._light_reader is not None:
            models.append(self._light_reader.model)
        if finding.rule in {"helmet", "passengers"} and self._helmets is not None:
            models += self._helmets.models
        return tuple(model for model in models if model is not None)


def _page(
    frame: Frame,
    live: Sequence[Track],
    detections: Sequence[Detection],
    known: Mapping[int, KnownOf],
    heads: Mapping[int, Sequence[Head]],
) -> Picture:
    return Picture(
        at=frame.seen_at.timestamp(),
        content=jpeg(frame.image),
        boxes={track.id: track.box for track in live},
        plates={track: one.box for track, one in known.items() if one.box is not None},
        heads={track: tuple(head.box_px for head in found) for track, found in heads.items()},
        seen=tuple(detections),
    )


def _payload(
    scene: Scene, pending: _Pending, plate: PlateReading | None, evidence: tuple[Wanted, ...]
) -> ViolationSeen:
    finding, case = pending.finding, pending.case
    return ViolationSeen(
        rule=finding.rule,
        rule_version=finding.clause.version,
        clause=finding.clause,
        before_at=_utc(finding.before_at),
        at=_utc(finding.at),
        after_at=_utc(finding.after_at),
        evidence=evidence,
        vehicle=finding.label,
        vehicle_confidence=0.0 if case is None else case.path.label_share,
        track=finding.track,
        plate=None
        if plate is None
        else PlateGiven(text=plate.text, confidence=plate.confidence, margin=plate.margin),
        lane=finding.lane,
        light=finding.light,
        light_timeline=_spans(case, finding),
        zone=finding.zone,
        place_m=finding.place_m,
        measured=finding.measured,
        speed=finding.speed,
        indicative=finding.indicative,
        doubts=finding.doubts,
        scene_sha256=scene.sha256,
        parameters=getattr(scene.rules, finding.rule).model_dump(mode="json"),
        case=None if case is None else compact(case),
    )


def _spans(case: Case | None, finding: Finding) -> tuple[LightSpan, ...]:
    """What the light showed around the event, states in a row as one."""
    lights = () if case is None else case.lights
    looks = next((one.looks for one in lights if one.light == finding.light), ())
    spans: list[LightSpan] = []
    for look in looks:
        if spans and spans[-1].state == look.state:
            spans[-1] = spans[-1].model_copy(update={"until": _utc(look.at)})
        else:
            spans.append(LightSpan(state=look.state, since=_utc(look.at), until=_utc(look.at)))
    return tuple(spans[-64:])


def _around(box: Box, image: Image) -> tuple[int, int, int, int]:
    """The box with room around it, inside the picture."""
    height, width = image.shape[:2]
    dx, dy = (box[2] - box[0]) * CLOSE_MARGIN, (box[3] - box[1]) * CLOSE_MARGIN
    left = int(np.clip(box[0] - dx, 0, width - 1))
    top = int(np.clip(box[1] - dy, 0, height - 1))
    right = int(np.clip(box[2] + dx, left + 1, width))
    bottom = int(np.clip(box[3] + dy, top + 1, height))
    return left, top, right, bottom


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)
