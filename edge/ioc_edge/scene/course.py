"""A way that is not straight: turns, swerves, and where a front is after so many metres."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import cos, hypot, pi, sin

Point = tuple[float, float]
_ARC_STEPS = 16


@dataclass(frozen=True)
class Course:
    """A polyline on the ground, metres; `marks` are the metres gone at its corners."""

    points: tuple[Point, ...]
    marks: tuple[float, ...]

    @property
    def length(self) -> float:
        """From end to end, metres."""
        return self.marks[-1]

    def at(self, s: float) -> tuple[Point, Point]:
        """Place and heading after `s` metres; straight on beyond both ends."""
        index = min(max(bisect_right(self.marks, s) - 1, 0), len(self.points) - 2)
        (x0, y0), (x1, y1) = self.points[index], self.points[index + 1]
        long = self.marks[index + 1] - self.marks[index]
        heading = ((x1 - x0) / long, (y1 - y0) / long)
        gone = s - self.marks[index]
        return (x0 + heading[0] * gone, y0 + heading[1] * gone), heading


def through(points: Sequence[Point]) -> Course:
    """A course through points that differ."""
    marks = [0.0]
    for (x0, y0), (x1, y1) in pairwise(points):
        marks.append(marks[-1] + hypot(x1 - x0, y1 - y0))
    return Course(tuple(points), tuple(marks))


def turning(start: Point, until_y: float, radius: float, degrees: float, on_m: float) -> Course:
    """Away from the camera to `until_y`, then a bend, positive to the right, then `on_m` more."""
    x, side = start[0], 1.0 if degrees > 0 else -1.0
    points = [start]
    for step in range(_ARC_STEPS + 1):
        angle = abs(degrees) * pi / 180 * step / _ARC_STEPS
        points.append((x + side * radius * (1 - cos(angle)), until_y + radius * sin(angle)))
    angle = abs(degrees) * pi / 180
    last = points[-1]
    points.append((last[0] + side * on_m * sin(angle), last[1] + on_m * cos(angle)))
    return through(points)


def swerving(start: Point, end_y: float, at_y: float, aside_m: float, over_m: float) -> Course:
    """Away from the camera, a smooth bump to the side of `over_m` metres' length at `at_y`."""
    x, y = start
    step, points = 0.5, []
    while y < end_y:
        share = (y - at_y) / over_m
        bump = aside_m * (1 - cos(2 * pi * share)) / 2 if 0 < share < 1 else 0.0
        points.append((x + bump, y))
        y += step
    return through(points)
