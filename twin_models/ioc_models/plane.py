"""Geometry of a flat road seen by a camera, in plain Python: the cloud re-runs it without numpy."""

from collections.abc import Sequence
from math import hypot, isfinite, sqrt
from typing import TypeAlias

XY: TypeAlias = tuple[float, float]
Row: TypeAlias = tuple[float, float, float]
Matrix3: TypeAlias = tuple[Row, Row, Row]
# Variance of x, covariance, variance of y.
Covariance: TypeAlias = tuple[float, float, float]

_TOUCH = 1e-9


def depth(matrix: Matrix3, at: XY) -> float:
    """The third homogeneous coordinate; it changes sign at the horizon."""
    a, b, c = matrix[2]
    return a * at[0] + b * at[1] + c


def mapped(matrix: Matrix3, at: XY) -> XY:
    """A point through a homography.

    Raises:
        ZeroDivisionError: The point lies on the horizon.
    """
    w = depth(matrix, at)
    (a, b, c), (d, e, f), _ = matrix
    return (a * at[0] + b * at[1] + c) / w, (d * at[0] + e * at[1] + f) / w


def determinant(matrix: Matrix3) -> float:
    """Of a 3x3 matrix."""
    (a, b, c), (d, e, f), (g, h, i) = matrix
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)


def inverse(matrix: Matrix3) -> Matrix3:
    """The homography the other way, up to scale.

    Raises:
        ZeroDivisionError: It has none.
    """
    (a, b, c), (d, e, f), (g, h, i) = matrix
    scale = 1.0 / determinant(matrix)
    return (
        ((e * i - f * h) * scale, (c * h - b * i) * scale, (b * f - c * e) * scale),
        ((f * g - d * i) * scale, (a * i - c * g) * scale, (c * d - a * f) * scale),
        ((d * h - e * g) * scale, (b * g - a * h) * scale, (a * e - b * d) * scale),
    )


def independence(matrix: Matrix3) -> float:
    """How far the rows are from lying in one plane: 0 degenerate, 1 square to each other."""
    sizes = [hypot(*row) for row in matrix]
    whole = sizes[0] * sizes[1] * sizes[2]
    return abs(determinant(matrix)) / whole if whole > 0 and isfinite(whole) else 0.0


def slope(matrix: Matrix3, at: XY) -> tuple[XY, XY]:
    """Derivative of `mapped`: metres per pixel for an image-to-ground matrix, by rows."""
    w = depth(matrix, at)
    x, y = mapped(matrix, at)
    (a, b, _), (d, e, _), (g, h, _) = matrix
    return ((a - x * g) / w, (b - x * h) / w), ((d - y * g) / w, (e - y * h) / w)


def spread(matrix: Matrix3, at: XY, across: float, along: float) -> Covariance:
    """Covariance of a mapped point whose x and y have these standard deviations."""
    (a, b), (c, d) = slope(matrix, at)
    u, v = across * across, along * along
    return a * a * u + b * b * v, a * c * u + b * d * v, c * c * u + d * d * v


def deviation(covariance: Covariance, towards: XY) -> float:
    """Standard deviation along a unit vector."""
    xx, xy, yy = covariance
    x, y = towards
    return sqrt(max(0.0, x * x * xx + 2 * x * y * xy + y * y * yy))


def turn(a: XY, b: XY, c: XY) -> float:
    """Twice the signed area of a triangle: positive when a-b-c turns from x towards y."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def beyond(a: XY, b: XY, at: XY) -> float:
    """Signed distance of a point from the line a-b."""
    return turn(a, b, at) / hypot(b[0] - a[0], b[1] - a[1])


def cross(a: XY, b: XY, c: XY, d: XY) -> float | None:
    """Where segment a-b meets segment c-d, as a share of a-b; None when they do not meet."""
    first, second = turn(c, d, a), turn(c, d, b)
    if first == second or not min(first, second) <= 0 <= max(first, second):
        return None
    third, fourth = turn(a, b, c), turn(a, b, d)
    if not min(third, fourth) <= 0 <= max(third, fourth):
        return None
    return first / (first - second)


def area(polygon: Sequence[XY]) -> float:
    """Of a simple polygon, unsigned."""
    total = 0.0
    for index, (x, y) in enumerate(polygon):
        after = polygon[(index + 1) % len(polygon)]
        total += x * after[1] - after[0] * y
    return abs(total) / 2


def holds(polygon: Sequence[XY], at: XY) -> bool:
    """Whether a point lies inside a polygon; a point on its edge may fall either way."""
    x, y = at
    inside = False
    before = polygon[-1]
    for corner in polygon:
        if (corner[1] > y) != (before[1] > y):
            share = (y - before[1]) / (corner[1] - before[1])
            if x < before[0] + share * (corner[0] - before[0]):
                inside = not inside
        before = corner
    return inside


def edges(polygon: Sequence[XY]) -> list[tuple[XY, XY]]:
    """Sides of a polygon, the last closing it."""
    return [(at, polygon[(index + 1) % len(polygon)]) for index, at in enumerate(polygon)]


def is_simple(polygon: Sequence[XY]) -> bool:
    """Whether no side touches another, neighbours at their corner aside; corners differ."""
    sides = edges(polygon)
    if len(sides) < 3 or any(hypot(b[0] - a[0], b[1] - a[1]) < _TOUCH for a, b in sides):  # noqa: PLR2004
        return False
    for index, (a, b) in enumerate(sides):
        _, after = sides[(index + 1) % len(sides)]
        # Going straight back over the last side.
        if turn(a, b, after) == 0 and dot(minus(b, a), minus(after, b)) < 0:
            return False
        for c, d in sides[index + 2 : len(sides) - (index == 0)]:
            if meet(a, b, c, d):
                return False
    return area(polygon) > _TOUCH


def meet(a: XY, b: XY, c: XY, d: XY) -> bool:
    """Whether two segments have a point in common."""
    if cross(a, b, c, d) is not None:
        return True
    lying = turn(a, b, c) == 0 == turn(a, b, d)
    return lying and any(_between(p, q, at) for p, q, at in ((a, b, c), (a, b, d), (c, d, a)))


def _between(a: XY, b: XY, at: XY) -> bool:
    """Whether a point of the line a-b lies on the segment."""
    return min(a[0], b[0]) <= at[0] <= max(a[0], b[0]) and min(a[1], b[1]) <= at[1] <= max(
        a[1], b[1]
    )


def reaches(polygon: Sequence[XY], a: XY, b: XY) -> bool:
    """Whether a segment has a point in common with a polygon."""
    return (
        holds(polygon, a) or holds(polygon, b) or any(meet(a, b, c, d) for c, d in edges(polygon))
    )


def minus(a: XY, b: XY) -> XY:
    """The vector from b to a."""
    return a[0] - b[0], a[1] - b[1]


def dot(a: XY, b: XY) -> float:
    """Inner product."""
    return a[0] * b[0] + a[1] * b[1]


def distance(a: XY, b: XY) -> float:
    """Between two points."""
    return hypot(a[0] - b[0], a[1] - b[1])


def unit(vector: XY) -> XY | None:
    """The direction of a vector; None for one without length."""
    size = hypot(*vector)
    return (vector[0] / size, vector[1] / size) if size > _TOUCH else None
