"""Frames and their truth, one after the other."""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from ioc_edge.scene.camera import as_rows, mounted
from ioc_edge.scene.caption import Caption
from ioc_edge.scene.glow import Glow
from ioc_edge.scene.painter import Painter, Pose, mip
from ioc_edge.scene.plates import paint
from ioc_edge.scene.pole import POLE, pole
from ioc_edge.scene.spec import (
    SPEED_LIMIT_KMH,
    FrameTruth,
    Header,
    Lights,
    Point,
    Rect,
    SceneSpec,
    Staged,
    Violation,
)
from ioc_edge.scene.street import approach, backdrop, stop_line
from ioc_edge.scene.traffic import Event, State, play
from ioc_edge.scene.truth import Shown, boxes_of
from ioc_edge.scene.weather import Sensor, light_of

Image = NDArray[np.uint8]
FloatArray = NDArray[np.float64]

_NOBODY, _POLE, _CAPTION = 0, -1, -2
_SILHOUETTE = 127


class Scene:
    """One spec made ready: camera, street, light and the whole clip's traffic."""

    def __init__(self, spec: SceneSpec) -> None:
        self.spec = spec
        streams = np.random.SeedSequence(spec.seed).spawn(6)
        mount, air, ground, road, wear, sensor = (np.random.default_rng(s) for s in streams)
        self.camera = mounted(spec, mount)
        self.light = light_of(spec, air)
        self.play = play(spec, road)
        self._painter = Painter(self.camera, self.light)
        self._backdrop = backdrop(self.camera, self.light, ground)
        self._pole = pole(self.camera, self.light)
        self._sensor = Sensor(spec, self.light, sensor)
        self._caption = Caption(spec)
        self._edges: Rect = (0, self._caption.height, spec.width, spec.height)
        self._glow = Glow(self.camera, self.light)
        self._wear = wear
        self._textures: dict[int, list[Image]] = {}

    def frames(self) -> Iterator[tuple[Image, FrameTruth]]:
        """Every frame, (h, w, 3) uint8 BGR, with its truth."""
        for index, states in enumerate(self.play.frames):
            t_s = index / self.spec.fps
            lights = self.play.signals.at(t_s)
            frame, shown, owner = self._compose(states, lights)
            self._sensor(frame)
            self._caption.stamp(frame, t_s)
            owner[: self._caption.height] = _CAPTION
            boxes = [box for item in shown for box in boxes_of(item, owner, self._edges)]
            boxes.sort(key=lambda b: (b.track, b.label))
            yield (
                frame,
                FrameTruth(index=index, t_s=round(t_s, 4), light=lights, boxes=tuple(boxes)),
            )

    def header(self) -> Header:
        """What holds for the whole clip."""
        line = stop_line()
        flat = np.column_stack((line, np.zeros(len(line))))
        duration = self.spec.frames / self.spec.fps
        violations = [_violation(e, duration) for e in self.play.events]
        return Header(
            spec=self.spec,
            frames=self.spec.frames,
            camera_matrix=as_rows(self.camera.matrix),
            homography=as_rows(self.camera.homography),
            camera_height_m=float(self.camera.centre[2]),
            stop_line_px=_points(self.camera.project(flat)),
            stop_line_m=_points(line),
            travel_m=(0.0, 1.0),
            approach_m=_points(approach()),
            light_xyxy=self._pole.head,
            speed_limit_kmh=SPEED_LIMIT_KMH,
            violations=tuple(v for v in violations if v is not None),
            staged=tuple(
                Staged(name=act, track=track) for track, act in sorted(self.play.acts.items())
            ),
        )

    def _compose(
        self, states: list[State], lights: Lights
    ) -> tuple[Image, list[Shown], NDArray[np.int32]]:
        frame = self._backdrop.copy()
        owner = np.full(frame.shape[:2], _NOBODY, dtype=np.int32)
        shown: list[Shown] = []
        ordered = sorted(((self._distance(s), s) for s in states), key=lambda p: -p[0])
        for _, state in ordered:
            self._glow.ground(frame, state)
        pole_distance = float(np.hypot(POLE[0] - self.camera.centre[0], POLE[1]))
        pending = True
        for distance, state in ordered:
            if pending and distance < pole_distance:
                self._stand_pole(frame, owner, lights)
                pending = False
            item = self._place(frame, owner, state)
            if item is not None:
                shown.append(item)
                self._glow.lamps(frame, state)
        if pending:
            self._stand_pole(frame, owner, lights)
        return frame, shown, owner

    def _distance(self, state: State) -> float:
        """Ground distance from the lens to the nearest corner."""
        away = state.footprint - self.camera.centre[:2]
        return float(np.sqrt((away * away).sum(axis=1).min()))

    def _stand_pole(self, frame: Image, owner: NDArray[np.int32], lights: Lights) -> None:
        if self._pole.image:
            _overlay(
                frame, owner, self._pole.image[lights.main], self._pole.left, self._pole.top, _POLE
            )

    def _place(self, frame: Image, owner: NDArray[np.int32], state: State) -> Shown | None:
        rider = state.rider
        pose = Pose(state.position, state.heading, state.speed, state.braking)
        sprite = self._painter.draw(state.body, pose, self._texture(state))
        if sprite is None:
            return None
        drawn = _overlay(frame, owner, sprite.image, sprite.left, sprite.top, rider.track)
        return Shown(state, sprite, drawn)

    def _texture(self, state: State) -> list[Image] | None:
        rider = state.rider
        if rider.plate is None:
            return None
        if rider.track not in self._textures:
            self._textures[rider.track] = mip(paint(rider.plate, self._wear))
        return self._textures[rider.track]


def render(spec: SceneSpec) -> Iterator[tuple[Image, FrameTruth]]:
    """Frames of a clip, (height, width, 3) uint8 BGR, each with what it shows."""
    yield from Scene(spec).frames()


def _overlay(
    frame: Image, owner: NDArray[np.int32], sprite: Image, left: int, top: int, who: int
) -> int:
    """Put a sprite over the frame; returns how many pixels it covers."""
    height, width = sprite.shape[:2]
    place = (slice(top, top + height), slice(left, left + width))
    alpha = sprite[..., 3]
    rest = cv2.cvtColor(cv2.bitwise_not(alpha), cv2.COLOR_GRAY2BGR)
    behind = cv2.multiply(frame[place], rest, scale=1 / 255)
    cv2.add(behind, cv2.cvtColor(sprite, cv2.COLOR_BGRA2BGR), dst=behind)
    frame[place] = behind
    solid = alpha > _SILHOUETTE
    owner[place][solid] = who
    return int(np.count_nonzero(solid))


def _violation(event: Event, duration: float) -> Violation | None:
    """An event as the header tells it; None when the clip does not show it."""
    if event.end <= 0 or event.start >= duration:
        return None
    rider = event.rider
    return Violation(
        kind=event.kind,
        track=rider.track,
        label=rider.label,
        t_start=round(max(0.0, event.start), 2),
        t_end=round(min(duration, event.end), 2),
        plate=rider.plate.text if rider.plate else None,
    )


def _points(array: FloatArray) -> tuple[Point, ...]:
    return tuple((float(x), float(y)) for x, y in array)
