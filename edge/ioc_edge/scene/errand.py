"""What a staged driver does, leg by leg, whatever the others do."""

from dataclasses import dataclass
from math import sqrt
from typing import Literal

from ioc_edge.scene.spec import Light

_PULL, _BRAKE, _BACK_M_S = 2.4, 3.2, 1.4
_REACHED_M = 0.05


@dataclass(frozen=True)
class Leg:
    """One part of an errand.

    Attributes:
        kind: `go` to `s` without stopping, `halt` with the front at `s` for `seconds` (or until
            green when None, or for ever when infinite), `back` up to `s`.
    """

    kind: Literal["go", "halt", "back"]
    s: float
    wish: float = 8.0
    seconds: float | None = 0.0


@dataclass
class Errand:
    """The legs still to do; mutable while played."""

    legs: tuple[Leg, ...]
    index: int = 0
    halted_s: float = 0.0
    green_for_s: float = 0.0

    def drive(self, s: float, v: float, light: Light, step: float) -> tuple[float, float]:
        """The next place and speed of a front, after `step` seconds."""
        if self.index >= len(self.legs):
            return s + v * step, v
        leg = self.legs[self.index]
        self.green_for_s = self.green_for_s + step if light == "green" else 0.0
        if leg.kind == "back":
            v = max(-_BACK_M_S, v - 1.0 * step)
            s += v * step
            if s <= leg.s:
                self.index += 1
                v = 0.0
            return s, v
        if leg.kind == "halt" and s >= leg.s - _REACHED_M:
            self.halted_s += step
            waited = self.green_for_s > 0.8 if leg.seconds is None else self.halted_s >= leg.seconds  # noqa: PLR2004
            if waited:
                self.index, self.halted_s = self.index + 1, 0.0
            return s, 0.0
        most = leg.wish
        if leg.kind == "halt":
            most = min(most, sqrt(2 * _BRAKE * max(0.0, leg.s - s)) + 0.05)
        v = min(v + _PULL * step, most) if v < most else max(most, v - 2 * _BRAKE * step)
        s += v * step
        if leg.kind == "go" and s >= leg.s:
            self.index += 1
        return s, v
