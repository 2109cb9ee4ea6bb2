"""Draws one body into a small picture of its own, lit, sorted and smeared by motion."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ioc_edge.scene.camera import NEAR_M, Camera
from ioc_edge.scene.solids import Body, Paint, Piece
from ioc_edge.scene.weather import Light

FloatArray = NDArray[np.float64]
Image = NDArray[np.uint8]
_SUB = 4
_FAR_PX = 20_000.0
_KNEE = 190.0  # highlights roll off above this, as they do in a camera
_LAMPS_ON = 0.3
_TINY_PX = 6  # below this nobody sees the shading of something round
_SHARP_PX = 1.2  # motion below this needs no blur
_SMALLEST_PX = 24
_BRAKE, _TAIL_LIT, _HEAD_LIT = (60, 56, 250, 255), (30, 24, 190, 255), (250, 252, 252, 255)
_BALL_TONES = ((0.0, 1.0, 0.78), (0.16, 0.76, 1.0), (0.34, 0.36, 1.18))


@dataclass(frozen=True)
class Pose:
    """Where a body stands: ground position, unit heading, ground velocity in m/s."""

    position: tuple[float, float]
    heading: tuple[float, float]
    speed: float = 0.0
    braking: bool = False


@dataclass
class Sprite:
    """A drawn body.

    Attributes:
        left: Column of the sprite's first pixel; `top` is its row.
        image: (h, w, 4) uint8 BGRA, colours multiplied by alpha.
        bounds: Outline in pixels before clipping to the picture: left, top, right, bottom.
        riders: The same for each rider, by seat.
        plate: (4, 2) corners of the plate that faces the lens, from top left clockwise.
        smear_px: Length of the motion blur.
    """

    left: int
    top: int
    image: Image
    bounds: tuple[float, float, float, float]
    riders: dict[int, tuple[float, float, float, float]]
    plate: FloatArray | None
    smear_px: float


@dataclass(frozen=True)
class _Seen:
    """A body's points as the lens has them, and what colour each piece has.

    Attributes:
        safe: Every point is in front of the lens.
        order: Indices into `Body.pieces`, farthest first, those turned away left out.
        colours: BGRA of every piece, by `Piece.index`.
        gains: Brightness of every piece's light, by `Piece.index`.
    """

    points: FloatArray
    pixels: FloatArray
    safe: bool
    order: NDArray[np.int64]
    colours: list[tuple[int, int, int, int]]
    gains: FloatArray


class Painter:
    """Paints bodies for one camera in one light."""

    def __init__(self, camera: Camera, light: Light) -> None:
        self._camera, self._light = camera, light

    def draw(self, body: Body, pose: Pose, texture: list[Image] | None = None) -> Sprite | None:
        """Paint a body; None when nothing of it is inside the picture.

        Args:
            body: What to paint.
            pose: Where it is.
            texture: Its plate at falling sizes, (h, w, 3) uint8 BGR each.
        """
        hx, hy = pose.heading
        turn = np.array([[hx, -hy, 0.0], [hy, hx, 0.0], [0.0, 0.0, 1.0]])
        origin = np.array([*pose.position, 0.0])
        points = self._camera.seen_from(body.points @ turn.T + origin)
        if points[:, 2].max() < NEAR_M:
            return None
        smear = self._smear(body, pose)
        window = self._window(points, float(np.hypot(*smear)))
        if window is None:
            return None
        seen = self._see(body, points, turn, origin)
        left, top, width, height = window
        image = np.zeros((height, width, 4), dtype=np.uint8)
        lamps = self._light.lamps
        canvas = _Canvas(image, self._camera, (left, top), lamps, pose, texture)
        for index in seen.order:
            canvas.paint(body.pieces[index], seen)
        if not canvas.drawn:
            return None
        outlines = canvas.outlines()
        return Sprite(
            left, top, _smeared(image, smear), outlines.pop(-1), outlines, canvas.plate,
            float(np.hypot(*smear)),
        )  # fmt: skip

    def _see(self, body: Body, points: FloatArray, turn: FloatArray, origin: FloatArray) -> _Seen:
        surfaces = body.surfaces
        normals = surfaces.normals @ turn.T
        towards = self._camera.centre - origin - surfaces.centres @ turn.T
        away = np.sqrt(np.einsum("ij,ij->i", towards, towards))
        facing = np.einsum("ij,ij->i", normals, towards)
        tops = surfaces.tops
        order = np.argsort(-(away[tops] + surfaces.bias), kind="stable")
        order = order[(facing[tops][order] > 0) | surfaces.round_[order]]
        lit = self._lit(normals)
        mirror = self._mirror(normals, towards / away[:, None], facing / away)
        colours = surfaces.colours * lit + surfaces.gloss[:, None] * mirror
        colours = np.where(colours > _KNEE, _KNEE + (colours - _KNEE) * 0.45, colours)
        opaque = np.column_stack((np.minimum(colours, 255), np.full(len(colours), 255))).astype(int)
        safe = bool(points[:, 2].min() >= NEAR_M)
        clipped = (
            points if safe else np.column_stack((points[:, :2], np.maximum(points[:, 2], NEAR_M)))
        )
        pixels = self._camera.pixels(clipped)
        bgra = [(b, g, r, a) for b, g, r, a in opaque.tolist()]
        return _Seen(points, pixels, safe, order, bgra, lit.mean(axis=1))

    def _window(self, points: FloatArray, smear_px: float) -> tuple[int, int, int, int] | None:
        """Part of the picture that the body may touch: left, top, width, height."""
        camera = self._camera
        nearest = float(points[:, 2].min())
        pad = 4 + smear_px + camera.matrix[0, 0] * 0.15 / max(NEAR_M, nearest)
        front = points[points[:, 2] >= NEAR_M]
        pixels = camera.pixels(front)
        low, high = pixels.min(axis=0) - pad, pixels.max(axis=0) + pad
        if nearest < NEAR_M:
            # What is behind the lens may show anywhere below.
            low[0], high = 0.0, np.array([camera.width, camera.height], dtype=np.float64)
        x0, y0 = int(max(0, min(low[0], camera.width))), int(max(0, min(low[1], camera.height)))
        x1, y1 = int(np.ceil(min(high[0], camera.width))), int(np.ceil(min(high[1], camera.height)))
        return (x0, y0, x1 - x0, y1 - y0) if x1 > x0 and y1 > y0 else None

    def _lit(self, normals: FloatArray) -> FloatArray:
        """Gain of the light on each normal, (n, 3) BGR; round things get a mean light."""
        light = self._light
        sky = (0.72 + 0.38 * normals[:, 2])[:, None]
        sun = np.maximum(0.0, normals @ light.sun)[:, None]
        lit = light.ambient * sky + light.direct * sun
        lit[~normals.any(axis=1)] = light.ambient * 0.95 + light.direct * 0.55
        return lit

    def _mirror(self, normals: FloatArray, towards: FloatArray, facing: FloatArray) -> FloatArray:
        """What glossy faces reflect, (n, 3) BGR: sky upwards, the dark street below."""
        bounce = 2 * facing[:, None] * normals - towards
        sky = np.maximum(0.0, bounce[:, 2]) ** 0.7
        flare = np.maximum(0.0, bounce @ self._light.sun) ** 24
        return np.asarray(
            sky[:, None] * 95 * self._light.ambient + flare[:, None] * 150 * self._light.direct
        )

    def _smear(self, body: Body, pose: Pose) -> FloatArray:
        """Movement of the body's middle during the exposure, pixels."""
        x, y = pose.position
        way = pose.speed * self._light.exposure_s
        middle = np.array([x, y, body.height / 2])
        after = middle + np.array([pose.heading[0] * way, pose.heading[1] * way, 0.0])
        seen = self._camera.seen_from(np.stack((middle, after)))
        if seen[:, 2].min() < NEAR_M:
            return np.zeros(2)
        start, end = self._camera.pixels(seen)
        return np.asarray(np.clip(end - start, -25, 25))


class _Canvas:
    """One sprite in the making."""

    def __init__(
        self,
        image: Image,
        camera: Camera,
        corner: tuple[int, int],
        lamps: float,
        pose: Pose,
        texture: list[Image] | None,
    ) -> None:
        self._image, self._offset = image, np.array(corner, dtype=np.float64)
        self._focal, self._camera = float(camera.matrix[0, 0]), camera
        self._lamps, self._pose, self._texture = lamps, pose, texture
        self._plot = {
            "face": self._fill, "hull": self._hull, "ball": self._ball, "plate": self._plate,
            "wire": self._wire,
        }  # fmt: skip
        self.drawn: list[tuple[int, FloatArray]] = []
        self.plate: FloatArray | None = None

    def paint(self, piece: Piece, seen: _Seen) -> None:
        """Draw a piece and what is painted on it."""
        pixels = self._pixels(piece, seen)
        if pixels is not None:
            margin = self._reach(piece, seen) if piece.radius else 0.0
            spread = np.vstack((pixels - margin, pixels + margin)) if margin else pixels
            self.drawn.append((piece.rider, spread))
            self._plot[piece.kind](piece, pixels, seen)
        for decal in piece.decals:
            self.paint(decal, seen)

    def outlines(self) -> dict[int, tuple[float, float, float, float]]:
        """Bounds of each rider by seat, and of everything under -1."""
        found = {-1: _bounds([pixels for _, pixels in self.drawn])}
        for seat in sorted({rider for rider, _ in self.drawn if rider >= 0}):
            found[seat] = _bounds([pixels for rider, pixels in self.drawn if rider == seat])
        return found

    def _pixels(self, piece: Piece, seen: _Seen) -> FloatArray | None:
        if seen.safe:
            return seen.pixels[piece.rows]
        points = seen.points[piece.rows]
        if piece.kind == "face":
            points = _clipped(points)
        elif points[:, 2].min() < NEAR_M:
            return None
        if len(points) == 0:
            return None
        return np.clip(self._camera.pixels(points), -_FAR_PX, _FAR_PX)

    def _reach(self, piece: Piece, seen: _Seen) -> float:
        return piece.radius * self._focal / float(seen.points[piece.rows.start, 2])

    def _polygon(self, pixels: FloatArray, colour: tuple[int, ...]) -> None:
        whole = ((pixels - self._offset) * (1 << _SUB)).astype(np.int32)
        cv2.fillConvexPoly(self._image, whole, colour, cv2.LINE_AA, _SUB)

    def _fill(self, piece: Piece, pixels: FloatArray, seen: _Seen) -> None:
        shining = self._lamp(piece.paint) if piece.paint.glow else None
        self._polygon(pixels, shining or seen.colours[piece.index])

    def _hull(self, piece: Piece, pixels: FloatArray, seen: _Seen) -> None:
        outline = np.asarray(cv2.convexHull(pixels.astype(np.float32))[:, 0], np.float64)
        colour = seen.colours[piece.index]
        self._polygon(outline, _dimmed(colour, 0.82))
        _, _, wide, tall = cv2.boundingRect(outline.astype(np.float32))
        if min(wide, tall) > _TINY_PX:
            # The lit side of something round: the same outline, smaller and towards the sky.
            middle = (outline[0] + outline[len(outline) // 2]) / 2 - (wide * 0.03, tall * 0.06)
            self._polygon(middle + (outline - middle) * 0.74, colour)

    def _ball(self, piece: Piece, pixels: FloatArray, seen: _Seen) -> None:
        radius = self._reach(piece, seen)
        x, y = pixels[0] - self._offset
        for shift, share, gain in _BALL_TONES if 2 * radius > _TINY_PX else _BALL_TONES[1:2]:
            at = (int((x - radius * shift) * 16), int((y - radius * shift) * 16))
            tone = _dimmed(seen.colours[piece.index], gain)
            size = max(8, int(radius * share * 16))
            cv2.circle(self._image, at, size, tone, -1, cv2.LINE_AA, _SUB)

    def _wire(self, piece: Piece, pixels: FloatArray, seen: _Seen) -> None:
        whole = ((pixels - self._offset) * (1 << _SUB)).astype(np.int32)
        thick = max(1, round(2 * self._reach(piece, seen)))
        colour = seen.colours[piece.index]
        cv2.polylines(self._image, [whole], True, colour, thick, cv2.LINE_AA, _SUB)  # noqa: FBT003

    def _plate(self, piece: Piece, pixels: FloatArray, seen: _Seen) -> None:
        self.plate = pixels
        if self._texture is None:
            self._fill(piece, pixels, seen)
            return
        wide = float(np.linalg.norm(pixels[1] - pixels[0]))
        level = next(
            (t for t in reversed(self._texture) if t.shape[1] >= wide * 1.1), self._texture[0]
        )
        # Plates are retro-reflective and have a lamp of their own, so they never go black.
        gain = max(float(seen.gains[piece.index]) * 1.05, 0.42 + 0.2 * self._lamps)
        _hang(self._image, level, pixels - self._offset, min(gain, 1.08))

    def _lamp(self, paint: Paint) -> tuple[int, ...] | None:
        if paint.glow == "tail" and self._pose.braking:
            return _BRAKE
        if self._lamps <= _LAMPS_ON:
            return None
        return _TAIL_LIT if paint.glow == "tail" else _HEAD_LIT


def _bounds(drawn: list[FloatArray]) -> tuple[float, float, float, float]:
    points = np.concatenate(drawn)
    (x0, y0), (x1, y1) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return x0, y0, x1, y1


def _dimmed(colour: tuple[int, ...], gain: float) -> tuple[int, ...]:
    b, g, r, a = colour
    return min(255, int(b * gain)), min(255, int(g * gain)), min(255, int(r * gain)), a


def _clipped(points: FloatArray) -> FloatArray:
    """Sutherland and Hodgman against the near plane."""
    out: list[FloatArray] = []
    for here, after in zip(points, np.roll(points, -1, axis=0), strict=True):
        if here[2] >= NEAR_M:
            out.append(here)
        if (here[2] >= NEAR_M) != (after[2] >= NEAR_M):
            out.append(here + (after - here) * (NEAR_M - here[2]) / (after[2] - here[2]))
    return np.array(out).reshape(-1, 3)


def _hang(image: Image, texture: Image, quad: FloatArray, gain: float) -> None:
    """Warp a plate onto its quad inside a sprite."""
    low, high = np.floor(quad.min(axis=0)).astype(int), np.ceil(quad.max(axis=0)).astype(int)
    x0, y0 = max(0, int(low[0])), max(0, int(low[1]))
    x1, y1 = min(image.shape[1], int(high[0]) + 1), min(image.shape[0], int(high[1]) + 1)
    if x1 <= x0 or y1 <= y0:
        return
    height, width = texture.shape[:2]
    source = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32) - 0.5
    target = (quad - (x0, y0) - 0.5).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(source, target)
    size = (x1 - x0, y1 - y0)
    lit = cv2.convertScaleAbs(texture, alpha=gain)
    warped = cv2.warpPerspective(lit, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    mask = np.zeros((y1 - y0, x1 - x0), dtype=np.uint8)
    edge = np.round((target + 0.0) * 16).astype(np.int32)
    cv2.fillConvexPoly(mask, edge, 255, cv2.LINE_AA, 4)
    part = image[y0:y1, x0:x1]
    share = mask[..., None].astype(np.uint16)
    part[..., :3] = ((warped * share + part[..., :3] * (255 - share)) // 255).astype(np.uint8)
    part[..., 3] = np.maximum(part[..., 3], mask)


def _smeared(image: Image, smear: FloatArray) -> Image:
    """Blur along the movement; alpha is blurred with the colours, so edges stay right."""
    length = float(np.hypot(*smear))
    if length < _SHARP_PX:
        return image
    size = int(np.ceil(length)) // 2 * 2 + 3
    kernel = np.zeros((size, size), dtype=np.float32)
    middle = size // 2
    start = [int((middle - d / 2) * 16) for d in smear]
    end = [int((middle + d / 2) * 16) for d in smear]
    cv2.line(kernel, (start[0], start[1]), (end[0], end[1]), 1.0, 1, cv2.LINE_8, 4)
    kernel /= kernel.sum()
    return np.asarray(cv2.filter2D(image, -1, kernel), dtype=np.uint8)


def mip(image: Image) -> list[Image]:
    """An image and its halves, down to about 20 px wide."""
    levels = [image]
    while levels[-1].shape[1] > _SMALLEST_PX:
        half = cv2.resize(levels[-1], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        levels.append(np.asarray(half, dtype=np.uint8))
    return levels
