"""A violation leaves the box with its proof, and with all that another needs to judge it again."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from tests.support.staged import FPS, Noise, Sensor, scene_of, stage

from ioc_edge.backends import Box, Image
from ioc_edge.capture import Frame
from ioc_edge.lights import LightLook, LightState
from ioc_edge.privacy import Sight
from ioc_edge.riders import Head as SeenHead
from ioc_edge.riders import Ride
from ioc_edge.scene.outline import Outline
from ioc_edge.tracking import Tracker
from ioc_edge.watch import KnownOf, Violation, Watch
from ioc_models.events import EvidenceRef, MediaType, ModelRef, PlateReading, canonical_json
from ioc_models.violations import judge_case
from ioc_models.violations.contract import Case
from ioc_models.violations.packing import compact

CLEAR = Noise(
    edge=0.005, common=0, miss=0, hidden=0, double=0, ghosts=0, dropped=0, light=0, head=0
)
SHOWN: dict[str, LightState] = {"red": "red", "yellow": "amber", "green": "green"}


@dataclass
class Shelf:
    kept: list[tuple[str, Image, Sight | None]] = field(default_factory=list)
    restricted: list[tuple[str, bytes | Image]] = field(default_factory=list)

    def keep(self, role: str, image: Image, sight: Sight | None = None) -> EvidenceRef:
        self.kept.append((role, image, sight))
        return ref(role, len(self.kept), "image/jpeg")

    def keep_uncovered(self, role: str, image: Image) -> EvidenceRef | None:
        self.restricted.append((role, image))
        return None

    def keep_restricted(
        self, role: str, content: bytes, media_type: MediaType
    ) -> EvidenceRef | None:
        self.restricted.append((role, content))
        return ref(f"restricted_{role}", 1000 + len(self.restricted), media_type)


def ref(role: str, number: int, media_type: MediaType) -> EvidenceRef:
    return EvidenceRef(role=role, sha256=f"{number:064x}", bytes=1, media_type=media_type)


@dataclass
class Lamp:
    """A light reader that is never wrong."""

    now: LightState = "green"
    model: ModelRef | None = field(default_factory=lambda: ModelRef(name="lamp", sha256="ab" * 32))

    def states(self, _frame: Image, regions: Sequence[Box]) -> list[LightLook]:
        return [LightLook(self.now, 0.95) for _ in regions]


@dataclass
class Heads:
    """A helmet reader that knows the truth."""

    now: dict[Box, list[SeenHead]] = field(default_factory=dict)
    models: list[ModelRef] = field(default_factory=list)

    def heads(self, _frame: Image, riding: Sequence[Ride]) -> list[list[SeenHead]]:
        return [self.now.get(ride.bike, []) for ride in riding]


@dataclass
class Film:
    """What a watched clip gave."""

    violations: list[Violation]
    shelf: Shelf
    wishes: list[tuple[datetime, datetime]]


def watched(name: str, seed: int, *, clip: bytes | None = b"film") -> Film:
    """Stage a clip without errors and watch it."""
    spec, camera, shown = stage([name], seed)
    sensor = Sensor(camera, CLEAR, np.random.default_rng(seed))
    shelf, wishes = Shelf(), []
    lamp, heads = Lamp(), Heads()

    def wish(begin: datetime, end: datetime) -> "Future[bytes | None]":
        wishes.append((begin, end))
        done: Future[bytes | None] = Future()
        done.set_result(clip)
        return done

    lights: Any = lamp
    helmets: Any = heads
    watch = Watch(scene_of(spec, camera), shelf, lights=lights, helmets=helmets, clip=wish)
    tracker = Tracker()
    blank = np.full((camera.height, camera.width, 3), 90, np.uint8)
    told: list[Violation] = []
    for index, states in enumerate(shown.frames):
        at = spec.clock + timedelta(seconds=index / FPS)
        looked = sensor.look([s for s in states if s.rider.label != "person"], at.timestamp())
        tracker.step([detection for detection, _ in looked], at.timestamp())
        lamp.now = SHOWN[shown.signals.at(index / FPS).main]
        of = {detection.box: found for detection, found in looked if found is not None}
        heads.now = {box: heads_of(found) for box, found in of.items()}
        known = {track.id: known_of(of[track.box]) for track in tracker.tracks if track.box in of}
        detections = [detection for detection, _ in looked]
        told += watch.step(Frame(blank, at), tracker.tracks, detections, known)
    return Film(told + watch.finish(), shelf, wishes)


def heads_of(found: Outline) -> list[SeenHead]:
    return [SeenHead(box, 0.95 * helmet, 0.95 * (not helmet)) for box, helmet in found.heads]


def known_of(found: Outline) -> KnownOf:
    plate = found.state.rider.plate
    crop = np.full((20, 60, 3), 200, np.uint8)
    if plate is None:
        return KnownOf(None, None, None)
    reading = PlateReading(text=plate.text, raw=plate.text, confidence=0.98, legal=True, margin=0.9)
    return KnownOf(reading, (found.box[0], found.box[1], found.box[2], found.box[3]), crop)


@pytest.fixture(scope="module")
def red_light() -> Film:
    return watched("run_car", 4)


def test_who_runs_a_red_light_is_told_once_with_its_proof(red_light: Film) -> None:
    (told,) = [one for one in red_light.violations if one.seen.rule == "red_light"]
    roles = [one.role for one in told.evidence]
    assert sorted(roles) == sorted(
        ["before", "event", "after", "overview", "plate", "restricted_clip"]
    )
    assert {one.role for one in told.seen.evidence} == {
        "before", "event", "after", "overview", "plate", "clip",
    }  # fmt: skip
    assert told.seen.plate is not None
    assert told.seen.light_timeline[-1].state in {"red", "green"}
    assert "red" in {span.state for span in told.seen.light_timeline}
    assert [model.name for model in told.models] == ["lamp"]


def test_pictures_are_of_the_moments_that_they_prove(red_light: Film) -> None:
    seen = red_light.violations[0].seen
    moments = {one.role: one.at for one in seen.evidence}
    assert moments["before"] < moments["event"] < moments["after"]
    assert abs(moments["event"] - seen.at.timestamp()) <= 0.25


def test_each_picture_knows_whom_it_is_about(red_light: Film) -> None:
    sights = {role: sight for role, _, sight in red_light.shelf.kept if role != "plate"}
    for role in ("before", "event", "after", "overview"):
        sight = sights[role]
        assert sight is not None
        assert sight.vehicle is not None, role
        assert sight.shown, "the light stays visible"


def test_the_close_picture_is_cut_out_and_kept_uncovered_for_the_police(red_light: Film) -> None:
    shapes = {role: image.shape for role, image, _ in red_light.shelf.kept}
    assert shapes["event"][0] * shapes["event"][1] < shapes["overview"][0] * shapes["overview"][1]
    assert [role for role, _ in red_light.shelf.restricted].count("event") == 1


def test_the_clip_spans_before_and_after(red_light: Film) -> None:
    (begin, end) = red_light.wishes[0]
    seen = red_light.violations[0].seen
    assert begin < seen.before_at
    assert end > seen.after_at


def test_the_kept_case_gives_the_same_finding_again(red_light: Film) -> None:
    seen = red_light.violations[0].seen
    assert seen.case is not None
    spec, camera, _ = stage(["run_car"], 4)
    scene = scene_of(spec, camera)
    assert scene.sha256 == seen.scene_sha256
    again = judge_case({**seen.case, "scene": scene.model_dump(mode="json", by_alias=True)})
    assert [one.rule for one in again] == ["red_light"]
    assert again[0].at == pytest.approx(seen.at.timestamp(), abs=0.01)


def kept_case(film: Film, name: str, seed: int) -> Case:
    spec, camera, _ = stage([name], seed)
    scene = scene_of(spec, camera).model_dump(mode="json", by_alias=True)
    return Case.model_validate({**(film.violations[0].seen.case or {}), "scene": scene})


@pytest.mark.parametrize("most", [48 * 1024, 9_000])
def test_a_case_that_was_thinned_to_fit_is_judged_the_same(red_light: Film, most: int) -> None:
    case = kept_case(red_light, "run_car", 4)
    body = compact(case, most)
    assert len(canonical_json(body)) <= most
    again = judge_case({**body, "scene": case.scene.model_dump(mode="json", by_alias=True)})
    assert [one.rule for one in again] == ["red_light"]
    assert again[0].at == pytest.approx(red_light.violations[0].seen.at.timestamp(), abs=0.2)


def test_a_path_of_half_an_hour_is_thinned_and_keeps_its_ends(red_light: Film) -> None:
    case = kept_case(red_light, "run_car", 4)
    poses = case.path.poses
    long = case.model_copy(update={"path": replace(case.path, poses=poses * 40)})
    kept = compact(long)
    assert len(canonical_json(kept)) <= 48 * 1024
    ends = [kept["path"]["poses"][place]["at"] for place in (0, -1)]
    assert ends == pytest.approx([poses[0].at, poses[-1].at], abs=1e-3)


def test_a_missing_clip_is_no_missing_violation() -> None:
    film = watched("run_car", 4, clip=None)
    (told,) = film.violations
    assert "restricted_clip" not in {one.role for one in told.evidence}
    assert "clip" not in {one.role for one in told.seen.evidence}


def test_a_bare_head_is_told_with_the_crown_left_visible() -> None:
    film = watched("bare_driver", 5)
    told = [one for one in film.violations if one.seen.rule == "helmet"]
    assert len(told) == 1
    sights = [sight for role, _, sight in film.shelf.kept if role == "event"]
    assert any(sight is not None and sight.crowns for sight in sights)


def test_a_right_turn_on_red_that_is_allowed_is_nothing() -> None:
    assert watched("right_turn_car", 4).violations == []
