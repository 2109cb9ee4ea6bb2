"""From marks on the road to a homography, in plain Python: box and cloud compute the same."""

from collections.abc import Iterable, Sequence
from itertools import combinations
from math import comb, hypot, sqrt
from random import Random
from typing import Final, TypeAlias

from ioc_models import plane
from ioc_models.plane import XY, Matrix3

# A point of the picture and the same point on the ground.
Pair: TypeAlias = tuple[XY, XY]
Rows: TypeAlias = list[list[float]]

UNKNOWNS: Final = 8
LEAST_PAIRS: Final = 4
REFINEMENTS: Final = 12
# All choices of four are tried up to this many, else as many drawn ones.
MOST_TRIALS: Final = 500
_TINY: Final = 1e-12
_LEAST_INDEPENDENCE: Final = 1e-7


class NoHomography(ValueError):
    """The pairs do not determine one."""


def fit(pairs: Sequence[Pair]) -> Matrix3:
    """The homography that maps pictures' points to the ground with the least squared distance.

    Direct linear transform on normalised points (Hartley 1997), then Gauss-Newton on the
    distances on the ground. The last entry of the result is 1 where it can be.

    Raises:
        NoHomography: Fewer than four pairs, or they lie so that many fit.
    """
    if len(pairs) < LEAST_PAIRS:
        raise NoHomography(f"{len(pairs)} pairs, at least {LEAST_PAIRS} are needed")
    to_px, to_m = _normaliser([px for px, _ in pairs]), _normaliser([m for _, m in pairs])
    normal = [(plane.mapped(to_px, px), plane.mapped(to_m, m)) for px, m in pairs]
    entries = _linear(normal)
    if len(pairs) > LEAST_PAIRS:
        entries = _refined(entries, normal)
    if plane.independence(_matrix(entries)) < _LEAST_INDEPENDENCE:
        raise NoHomography("three of four points lie on a line")
    return _scaled(product(product(plane.inverse(to_m), _matrix(entries)), to_px))


def fit_most(
    pairs: Sequence[Pair], within_m: float, *, seed: int = 1
) -> tuple[Matrix3, list[bool]]:
    """The homography that most pairs agree with, and which those are.

    Args:
        pairs: At least four.
        within_m: A pair agrees when its point lands this near its place, metres.
        seed: Of the draw where there are too many choices of four to try all.

    Raises:
        NoHomography: No four pairs determine one.
    """
    best: tuple[int, float, list[bool]] | None = None
    for four in _fours(len(pairs), seed):
        try:
            matrix = fit([pairs[place] for place in four])
        except NoHomography:
            continue
        errors = distances(matrix, pairs)
        agree = [error <= within_m for error in errors]
        cost = sum(min(error, within_m) ** 2 for error in errors)
        if best is None or (sum(agree), -cost) > best[:2]:
            best = sum(agree), -cost, agree
    if best is None:
        raise NoHomography("no four of the pairs determine a homography")
    agree = best[2]
    # The four that were fitted agree with themselves, rounding aside.
    return fit([pair for pair, ok in zip(pairs, agree, strict=True) if ok]), agree


def distances(matrix: Matrix3, pairs: Iterable[Pair]) -> list[float]:
    """How far each pair's point lands from its place, in units of the ground."""
    return [_distance(matrix, px, m) for px, m in pairs]


def _distance(matrix: Matrix3, px: XY, m: XY) -> float:
    try:
        return plane.distance(plane.mapped(matrix, px), m)
    except ZeroDivisionError:
        return float("inf")


def root_mean_square(values: Sequence[float]) -> float:
    """Of at least one value."""
    return sqrt(sum(value * value for value in values) / len(values))


def product(left: Matrix3, right: Matrix3) -> Matrix3:
    """Of two 3x3 matrices."""
    rows = [
        tuple(sum(row[k] * right[k][column] for k in range(3)) for column in range(3))
        for row in left
    ]
    return _three(rows)


def _fours(count: int, seed: int) -> Iterable[tuple[int, ...]]:
    if comb(count, LEAST_PAIRS) <= MOST_TRIALS:
        return combinations(range(count), LEAST_PAIRS)
    draw = Random(seed)  # noqa: S311 no secret
    return [tuple(draw.sample(range(count), LEAST_PAIRS)) for _ in range(MOST_TRIALS)]


def _normaliser(points: Sequence[XY]) -> Matrix3:
    """Moves points so that their mean is 0 and their mean distance from it is the root of 2."""
    x = sum(at[0] for at in points) / len(points)
    y = sum(at[1] for at in points) / len(points)
    mean = sum(hypot(at[0] - x, at[1] - y) for at in points) / len(points)
    if mean < _TINY:
        raise NoHomography("all points are the same")
    scale = sqrt(2) / mean
    return (scale, 0.0, -scale * x), (0.0, scale, -scale * y), (0.0, 0.0, 1.0)


def _linear(pairs: Sequence[Pair]) -> list[float]:
    rows, right = [], []
    for (x, y), (u, v) in pairs:
        rows.append([x, y, 1.0, 0.0, 0.0, 0.0, -u * x, -u * y])
        rows.append([0.0, 0.0, 0.0, x, y, 1.0, -v * x, -v * y])
        right += [u, v]
    return least_squares(rows, right)


def _refined(entries: list[float], pairs: Sequence[Pair]) -> list[float]:
    """Gauss-Newton; a step that does not help ends it."""
    cost = _cost(entries, pairs)
    for _ in range(REFINEMENTS):
        rows, right = [], []
        for (x, y), (u, v) in pairs:
            at_u, at_v = plane.mapped(_matrix(entries), (x, y))
            w = entries[6] * x + entries[7] * y + 1.0
            rows.append([x / w, y / w, 1 / w, 0.0, 0.0, 0.0, -at_u * x / w, -at_u * y / w])
            rows.append([0.0, 0.0, 0.0, x / w, y / w, 1 / w, -at_v * x / w, -at_v * y / w])
            right += [u - at_u, v - at_v]
        step = least_squares(rows, right)
        moved = [entry + change for entry, change in zip(entries, step, strict=True)]
        lower = _cost(moved, pairs)
        if not lower < cost:
            break
        entries, cost = moved, lower
    return entries


def _cost(entries: Sequence[float], pairs: Sequence[Pair]) -> float:
    return sum(distance**2 for distance in distances(_matrix(entries), pairs))


def least_squares(rows: Rows, right: Sequence[float]) -> list[float]:
    """The x with the least |rows x - right|, by Householder reflections.

    Raises:
        NoHomography: The columns depend on each other.
    """
    table = [[*row, value] for row, value in zip(rows, right, strict=True)]
    count = len(table[0]) - 1
    size = max(abs(entry) for row in rows for entry in row)
    for column in range(count):
        below = [row[column] for row in table[column:]]
        length = hypot(*below)
        if length < 1e-9 * size:
            raise NoHomography("the points lie so that many homographies fit")
        below[0] += length if below[0] >= 0 else -length
        square = sum(entry * entry for entry in below)
        for k in range(column, count + 1):
            share = (
                2
                / square
                * sum(entry * row[k] for entry, row in zip(below, table[column:], strict=True))
            )
            for entry, row in zip(below, table[column:], strict=True):
                row[k] -= share * entry
    found = [0.0] * count
    for column in reversed(range(count)):
        rest = sum(table[column][k] * found[k] for k in range(column + 1, count))
        found[column] = (table[column][count] - rest) / table[column][column]
    return found


def _matrix(entries: Sequence[float]) -> Matrix3:
    return _three([tuple(entries[0:3]), tuple(entries[3:6]), (entries[6], entries[7], 1.0)])


def _three(rows: Sequence[tuple[float, ...]]) -> Matrix3:
    (a, b, c), (d, e, f), (g, h, i) = rows
    return (a, b, c), (d, e, f), (g, h, i)


def _scaled(matrix: Matrix3) -> Matrix3:
    last = matrix[2][2]
    largest = max(abs(entry) for row in matrix for entry in row)
    by = last if abs(last) > 1e-9 * largest else largest
    return _three([tuple(entry / by for entry in row) for row in matrix])
