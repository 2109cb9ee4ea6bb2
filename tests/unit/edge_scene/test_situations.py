"""What a staged situation says of itself is what is then played."""

from math import isclose

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc_edge.scene.camera import mounted
from ioc_edge.scene.casting import Casting
from ioc_edge.scene.course import swerving, turning
from ioc_edge.scene.junction import STOP_Y, signals_for
from ioc_edge.scene.outline import outline
from ioc_edge.scene.situations import SITUATIONS, Stage, stage
from ioc_edge.scene.spec import SceneSpec, Script
from ioc_edge.scene.traffic import Play, play

QUIET = {"red_light": 0, "wrong_way": 0, "no_helmet": 0, "speeding": 0}


def spec_of(*names: str, seed: int = 3) -> SceneSpec:
    return SceneSpec(
        seed=seed, seconds=24, fps=10, density=0, tapered=False, view="approach",
        script=Script.model_validate({**QUIET, "situations": names}),
    )  # fmt: skip


def played(*names: str) -> Play:
    spec = spec_of(*names)
    return play(spec, np.random.default_rng(spec.seed))


def crossings(shown: Play, act: str) -> list[str]:
    """The light at each passage of the front over the stop line."""
    found, before = [], None
    for index, states in enumerate(shown.frames):
        for state in states:
            if state.rider.act == act:
                front = float(state.footprint[:2, 1].max())
                if before is not None and before < STOP_Y <= front:
                    found.append(shown.signals.at(index / 10).main)
                before = front
    return found


def test_every_situation_can_be_staged_and_bears_its_name() -> None:
    spec = spec_of("waits_car")
    rng = np.random.default_rng(1)
    on = Stage(Casting(rng), signals_for(spec, rng), spec.seconds, rng)

    for name, situation in SITUATIONS.items():
        leading = stage(name, on)[0].rider
        assert leading.act == name
        assert (leading.staged == situation.rule) == situation.broken


def test_every_rule_has_situations_that_break_it_and_some_that_tempt() -> None:
    kinds = {(each.rule, each.broken) for each in SITUATIONS.values()}

    assert len(kinds) == 18


@pytest.mark.parametrize(
    ("act", "light"),
    [
        ("run_car", "red"), ("run_bike", "red"), ("run_left", "red"), ("amber", "yellow"),
        ("ambulance", "red"), ("right_turn", "red"), ("waits_car", "green"),
    ],
)  # fmt: skip
def test_fronts_pass_the_line_at_the_light_they_are_named_for(act: str, light: str) -> None:
    assert crossings(played(act), act) == [light]


def test_who_turns_back_before_the_line_never_passes_it() -> None:
    assert crossings(played("u_turn_before"), "u_turn_before") == []


def test_a_clip_without_situations_is_what_it_was() -> None:
    spec = SceneSpec(seed=7, seconds=20)

    assert play(spec, np.random.default_rng(7)).acts == {}


def test_an_outline_is_where_the_painter_would_paint() -> None:
    shown = played("run_car")
    spec = spec_of("run_car")
    camera = mounted(spec, np.random.default_rng(3))
    edges = (0.0, 0.0, float(spec.width), float(spec.height))
    seen = [
        found
        for states in shown.frames
        for state in states
        if (found := outline(camera, state, edges)) is not None
    ]

    assert seen
    for found in seen:
        if found.whole[3] < spec.height and found.whole[0] > 0:
            # Between the road under the vehicle's corners and the lower edge of its bumper.
            low, high = (
                camera.project(np.column_stack((found.state.footprint, np.full(4, z))))[:, 1].max()
                for z in (0.0, 0.5)
            )
            assert high - 1 <= found.box[3] <= low + 1


@given(
    radius=st.floats(2, 12), degrees=st.sampled_from((-180, -90, 90)), on=st.floats(1, 30),
    s=st.floats(0, 80),
)  # fmt: skip
def test_a_course_is_as_long_as_what_is_driven_on_it(
    radius: float, degrees: float, on: float, s: float
) -> None:
    course = turning((2.0, -10.0), 14.0, radius, degrees, on)
    (x0, y0), heading = course.at(s)
    (x1, y1), _ = course.at(s + 0.01)

    assert isclose(float(np.hypot(*heading)), 1, rel_tol=1e-6)
    assert float(np.hypot(x1 - x0, y1 - y0)) <= 0.0101


def test_a_swerve_comes_back_to_its_lane() -> None:
    course = swerving((1.8, -18.0), 60.0, 5.0, 2.0, 8.0)

    assert isclose(course.at(60)[0][0], 1.8)
    assert max(x for x, _ in course.points) > 3.7
