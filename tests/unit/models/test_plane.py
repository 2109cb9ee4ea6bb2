"""The plain geometry agrees with the laws of geometry."""

from math import cos, hypot, isclose, pi, sin

from hypothesis import assume, given
from hypothesis import strategies as st

from ioc_models import plane
from ioc_models.plane import XY, Matrix3

numbers = st.floats(-100, 100, allow_subnormal=False)
points = st.tuples(numbers, numbers)
corners = st.integers(3, 12)


def ring(count: int, at: XY, radius: float, turned: float) -> list[XY]:
    """A regular polygon."""
    steps = [turned + 2 * pi * index / count for index in range(count)]
    return [(at[0] + radius * cos(step), at[1] + radius * sin(step)) for step in steps]


@st.composite
def homographies(draw: st.DrawFn) -> Matrix3:
    """Of cameras that look down at a road."""
    small = st.floats(-0.3, 0.3)
    a, b, c, d, g, h = (draw(small) for _ in range(6))
    return (1 + a, b, 20 * c), (d, 1 - a, 20 * d), (g / 500, h / 500, 1.0)


@given(matrix=homographies(), at=points)
def test_there_and_back_is_where_one_was(matrix: Matrix3, at: XY) -> None:
    assume(plane.independence(matrix) > 1e-3)
    assume(abs(plane.depth(matrix, at)) > 1e-3)
    there = plane.mapped(matrix, at)

    back = plane.mapped(plane.inverse(matrix), there)

    assert hypot(back[0] - at[0], back[1] - at[1]) < 1e-6


@given(matrix=homographies(), at=points)
def test_the_slope_is_what_a_small_step_makes(matrix: Matrix3, at: XY) -> None:
    assume(plane.depth(matrix, at) > 0.3)
    step = 1e-5
    x, y = plane.mapped(matrix, at)
    right = plane.mapped(matrix, (at[0] + step, at[1]))
    down = plane.mapped(matrix, (at[0], at[1] + step))

    (a, b), (c, d) = plane.slope(matrix, at)

    for ours, theirs in (
        (a, (right[0] - x) / step), (b, (down[0] - x) / step),
        (c, (right[1] - y) / step), (d, (down[1] - y) / step),
    ):  # fmt: skip
        assert isclose(ours, theirs, rel_tol=1e-3, abs_tol=1e-3)


@given(count=corners, at=points, radius=st.floats(0.1, 50), turned=st.floats(0, 6))
def test_a_ring_holds_its_middle_and_nothing_outside(
    count: int, at: XY, radius: float, turned: float
) -> None:
    polygon = ring(count, at, radius, turned)

    assert plane.is_simple(polygon)
    assert plane.holds(polygon, at)
    assert not plane.holds(polygon, (at[0] + 1.01 * radius, at[1]))


@given(count=corners, radius=st.floats(0.1, 50))
def test_a_rings_area_is_that_of_its_triangles(count: int, radius: float) -> None:
    whole = count / 2 * radius * radius * sin(2 * pi / count)

    assert isclose(plane.area(ring(count, (3, 4), radius, 0.3)), whole, rel_tol=1e-9)


@given(count=st.integers(4, 10), turned=st.floats(0, 6))
def test_two_corners_exchanged_make_a_ring_cross_itself(count: int, turned: float) -> None:
    polygon = ring(count, (0, 0), 10, turned)
    polygon[1], polygon[2] = polygon[2], polygon[1]

    assert not plane.is_simple(polygon)


@given(a=points, b=points, c=points, d=points)
def test_segments_cross_whichever_comes_first(a: XY, b: XY, c: XY, d: XY) -> None:
    one, other = plane.cross(a, b, c, d), plane.cross(c, d, a, b)
    if one is None or other is None:
        return
    assume(abs(plane.turn((0, 0), plane.minus(b, a), plane.minus(d, c))) > 1e-3)

    met = (a[0] + one * (b[0] - a[0]), a[1] + one * (b[1] - a[1]))
    again = (c[0] + other * (d[0] - c[0]), c[1] + other * (d[1] - c[1]))

    assert plane.distance(met, again) < 1e-3


def test_a_spike_that_runs_back_over_itself_is_not_simple() -> None:
    assert not plane.is_simple([(0, 0), (4, 0), (2, 0), (2, 3)])


def test_a_line_through_a_polygon_without_an_end_inside_reaches_it() -> None:
    square = [(0, 0), (2, 0), (2, 2), (0, 2)]

    assert plane.reaches(square, (-1, 1), (3, 1))
    assert not plane.reaches(square, (-1, 3), (3, 3))
