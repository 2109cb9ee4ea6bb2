"""Shadows under vehicles, and what their lamps add to the picture when it is dark."""

import cv2
import numpy as np
from numpy.typing import NDArray

from ioc_edge.scene.camera import NEAR_M, Camera
from ioc_edge.scene.traffic import State
from ioc_edge.scene.weather import Light

Image = NDArray[np.uint8]
FloatArray = NDArray[np.float64]
_DARK = 0.3
_BALL = 96


class Glow:
    """Shadow, beam and glare for one camera in one light."""

    def __init__(self, camera: Camera, light: Light) -> None:
        self._camera, self._light = camera, light
        axis = np.linspace(-1, 1, _BALL)
        far = np.hypot(*np.meshgrid(axis, axis))
        along = np.clip((1 - axis) / 2, 0, 1)[::-1][:, None]  # 1 at the bumper, 0 at the far end
        cone = np.clip((1 - along) * 7, 0, 1) * along**1.4 * np.exp(-5 * axis[None] ** 2)
        self._cone = (cone * 95 * light.lamps).astype(np.float32)
        self._flare = np.clip(np.exp(-14 * far**2) + 0.22 * np.exp(-3.5 * far) * (far < 1), 0, 1)

    def ground(self, frame: Image, state: State) -> None:
        """What a vehicle does to the road: shade, and at night its beam."""
        body = state.rider.body
        slim = body.width < 1
        self._shade(frame, state.footprint, 0.8 if slim else 1.05, 0.4 if slim else 0.55)
        light = self._light
        if light.sun[2] > 0.2 and light.direct.max() > 0.15:  # noqa: PLR2004
            shift = -light.sun[:2] / light.sun[2] * min(body.height, 1.6) * 0.8
            corners = state.footprint
            self._shade(frame, np.vstack((corners, corners + shift)), 1.0, light.shadow)
        if light.lamps > _DARK and state.rider.plate is not None:
            self._beam(frame, state)

    def lamps(self, frame: Image, state: State) -> None:
        """Glare of the lamps that face the lens."""
        if self._light.lamps <= _DARK:
            return
        hx, hy = state.heading
        for glow, (x, y, z) in state.rider.body.lamps:
            spot = np.array(
                [state.position[0] + hx * x - hy * y, state.position[1] + hy * x + hx * y, z]
            )
            facing = 1.0 if glow == "head" else -1.0
            towards = self._camera.centre - spot
            turned = (
                float(towards[:2] @ np.array([hx, hy])) * facing / float(np.linalg.norm(towards))
            )
            if turned <= 0:
                continue
            reach, colour = (0.55, (225, 240, 255)) if glow == "head" else (0.2, (30, 30, 235))
            if glow == "tail" and state.braking:
                reach = 0.34
            self._flash(frame, spot, reach * (0.4 + turned) * self._light.lamps, colour)

    def _shade(self, frame: Image, ground: FloatArray, grow: float, depth: float) -> None:
        """Darken the hull of ground points, softly."""
        middle = ground.mean(axis=0)
        corners = middle + (ground - middle) * grow
        seen = self._camera.seen_from(np.column_stack((corners, np.zeros(len(corners)))))
        if seen[:, 2].min() < NEAR_M:
            return
        hull = cv2.convexHull(self._camera.pixels(seen).astype(np.float32))[:, 0]
        soft = max(3, int(min(np.ptp(hull[:, 0]), np.ptp(hull[:, 1])) * 0.16))
        place = self._inside(hull.min(axis=0) - 2 * soft, hull.max(axis=0) + 2 * soft)
        if place is None:
            return
        rows, cols = place
        mask = np.zeros((rows.stop - rows.start, cols.stop - cols.start), dtype=np.uint8)
        shifted = np.round((hull - (cols.start, rows.start)) * 16).astype(np.int32)
        cv2.fillConvexPoly(mask, shifted, int(255 * depth), cv2.LINE_AA, 4)
        mask = cv2.blur(mask, (2 * soft + 1, 2 * soft + 1))
        left = cv2.cvtColor(cv2.bitwise_not(mask), cv2.COLOR_GRAY2BGR)
        frame[rows, cols] = cv2.multiply(frame[rows, cols], left, scale=1 / 255)

    def _beam(self, frame: Image, state: State) -> None:
        """The patch of road that the headlights reach."""
        ahead = np.array(state.heading)
        side = np.array([-ahead[1], ahead[0]]) * (1.6 if state.rider.body.width > 1 else 1.0)
        nose = np.array(state.position) + ahead * state.rider.body.length / 2
        corners = np.stack((nose + side, nose - side, nose - side * 2.2, nose + side * 2.2))
        corners[2:] += ahead * 9
        seen = self._camera.seen_from(np.column_stack((corners, np.zeros(4))))
        if seen[:, 2].min() < NEAR_M:
            return
        target = self._camera.pixels(seen).astype(np.float32)
        place = self._inside(target.min(axis=0), target.max(axis=0))
        if place is None:
            return
        rows, cols = place
        edge = _BALL - 1
        source = np.array([[0, edge], [edge, edge], [edge, 0], [0, 0]], dtype=np.float32)
        matrix = cv2.getPerspectiveTransform(
            source, target - np.array([cols.start, rows.start], np.float32)
        )
        size = (cols.stop - cols.start, rows.stop - rows.start)
        glow = np.asarray(cv2.warpPerspective(self._cone, matrix, size), np.float32)
        frame[rows, cols] = cv2.add(frame[rows, cols], _tinted(glow, (0.62, 0.85, 1.0)))

    def _flash(
        self, frame: Image, spot: FloatArray, reach_m: float, colour: tuple[int, int, int]
    ) -> None:
        seen = self._camera.seen_from(spot[None])
        if seen[0, 2] < NEAR_M:
            return
        x, y = self._camera.pixels(seen)[0]
        radius = int(reach_m * self._camera.matrix[0, 0] / seen[0, 2])
        if radius < 2:  # noqa: PLR2004
            return
        radius = min(radius, 150)
        place = self._inside(np.array([x - radius, y - radius]), np.array([x + radius, y + radius]))
        if place is None:
            return
        rows, cols = place
        ball = cv2.resize(self._flare.astype(np.float32), (2 * radius, 2 * radius))
        top, left = rows.start - int(y - radius), cols.start - int(x - radius)
        part = ball[top : top + rows.stop - rows.start, left : left + cols.stop - cols.start]
        rows = slice(rows.start, rows.start + part.shape[0])
        cols = slice(cols.start, cols.start + part.shape[1])
        b, g, r = (v / 255 for v in colour)
        frame[rows, cols] = cv2.add(frame[rows, cols], _tinted(part * 235, (b, g, r)))

    def _inside(self, low: FloatArray, high: FloatArray) -> tuple[slice, slice] | None:
        x0, y0 = max(0, int(low[0])), max(0, int(low[1]))
        x1 = min(self._camera.width, int(np.ceil(high[0])) + 1)
        y1 = min(self._camera.height, int(np.ceil(high[1])) + 1)
        return (slice(y0, y1), slice(x0, x1)) if x1 > x0 + 1 and y1 > y0 + 1 else None


def _tinted(glow: NDArray[np.float32], bgr: tuple[float, float, float]) -> Image:
    planes = [np.clip(glow * gain, 0, 255).astype(np.uint8) for gain in bgr]
    return np.asarray(cv2.merge(planes), dtype=np.uint8)
