"""The pole's camera: a pinhole without distortion, so that one homography tells the whole truth."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ioc_edge.scene.spec import Matrix3, SceneSpec, View

FloatArray = NDArray[np.float64]

NEAR_M = 0.7
# Height of the lens, degrees below the horizon of the picture's lower edge, focal length in
# picture widths, and where along the road it stands. `plates` trades the far side of the crossing
# for 45 px on a 190 mm plate.
_MOUNT: dict[View, tuple[float, float, float, float]] = {
    "junction": (5.0, 40.0, 0.92, 0.0),
    "plates": (4.8, 42.0, 1.24, 0.0),
    "approach": (6.5, 29.0, 1.05, -8.0),
}


@dataclass(frozen=True)
class Camera:
    """Where the lens is and what it sees.

    Attributes:
        matrix: (3, 3) float64 intrinsics, pixels.
        rotation: (3, 3) float64, world (x right, y away, z up) to camera (right, down, forward).
        centre: (3,) float64 lens position, metres.
    """

    matrix: FloatArray
    rotation: FloatArray
    centre: FloatArray
    width: int
    height: int

    @property
    def homography(self) -> FloatArray:
        """(3, 3) float64: ground metres (x, y, 1) to pixels, scaled so that [2, 2] is 1."""
        plane = np.column_stack((np.eye(3)[:, 0], np.eye(3)[:, 1], -self.centre))
        full = self.matrix @ self.rotation @ plane
        return np.asarray(full / full[2, 2])

    def seen_from(self, points: FloatArray) -> FloatArray:
        """World points (n, 3) in camera axes (n, 3): right, down, forward; metres."""
        return np.asarray((points - self.centre) @ self.rotation.T)

    def pixels(self, seen: FloatArray) -> FloatArray:
        """Camera-axis points (n, 3) in front of the lens as pixels (n, 2)."""
        focal = self.matrix[0, 0]
        return np.asarray(seen[:, :2] / seen[:, 2:] * focal + self.matrix[:2, 2])

    def project(self, points: FloatArray) -> FloatArray:
        """World points (n, 3) as pixels (n, 2); points behind the lens are not checked."""
        return self.pixels(self.seen_from(points))


def mounted(spec: SceneSpec, rng: Generator) -> Camera:
    """A camera on its pole; height, aim and lens differ a little with every seed."""
    height, lower_edge, focal, along = _MOUNT[spec.view]
    focal_px = focal * float(rng.uniform(0.95, 1.08)) * spec.width
    half_view = np.arctan(spec.height / 2 / focal_px)
    pitch = np.radians(lower_edge + rng.uniform(-1.5, 1.5)) - half_view
    yaw = np.radians(rng.uniform(1.5, 5.0) if spec.view == "junction" else rng.uniform(-1, 1))
    across = float(rng.uniform(2.4, 3.2) if spec.view != "plates" else rng.uniform(3.2, 3.8))
    matrix = np.array(
        [[focal_px, 0, spec.width / 2], [0, focal_px, spec.height / 2], [0, 0, 1]], dtype=np.float64
    )
    centre = np.array([across, along, height + rng.uniform(-0.2, 0.5)])
    return Camera(matrix, _aim(float(yaw), float(pitch)), centre, spec.width, spec.height)


def _aim(yaw: float, pitch: float) -> FloatArray:
    forward = np.array([-np.sin(yaw) * np.cos(pitch), np.cos(yaw) * np.cos(pitch), -np.sin(pitch)])
    right = np.array([np.cos(yaw), np.sin(yaw), 0.0])
    return np.stack((right, np.cross(forward, right), forward))


def as_rows(matrix: FloatArray) -> Matrix3:
    """A (3, 3) array as nested tuples for JSON."""
    a, b, c = ((float(r[0]), float(r[1]), float(r[2])) for r in matrix)
    return a, b, c
