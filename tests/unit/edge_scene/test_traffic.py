"""Who may go, goes; who may not, stays, unless the script says otherwise."""

from itertools import pairwise

import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ioc_edge.scene.camera import mounted
from ioc_edge.scene.junction import STOP_Y, Signals
from ioc_edge.scene.plates import bike_plate, car_plate, paint
from ioc_edge.scene.spec import SceneSpec
from ioc_edge.scene.traffic import play

seeds = st.integers(0, 10_000)
# A street has no simpler street to shrink to, and each one costs half a second.
streets = settings(max_examples=3, deadline=None, phases=[Phase.explicit, Phase.generate])


@streets
@given(seed=seeds, tapered=st.booleans())
def test_nobody_crosses_the_line_on_red_unless_scripted(seed: int, *, tapered: bool) -> None:
    spec = SceneSpec(seed=seed, seconds=34, fps=5, density=1.5, tapered=tapered)
    shown = play(spec, np.random.default_rng(seed))

    for index, (before, after) in enumerate(pairwise(shown.frames)):
        lights = shown.signals.at(index / 5), shown.signals.at((index + 1) / 5)
        fronts = {s.rider.track: s.footprint[:2, 1].max() for s in before}
        for state in after:
            if state.heading[1] < 0.5 or state.rider.track not in fronts:
                continue
            crossed = fronts[state.rider.track] < STOP_Y <= state.footprint[:2, 1].max()
            if crossed and {light.main for light in lights} == {"red"}:
                assert state.rider.staged == "red_light"


def test_a_scripted_red_runner_does_cross_on_red() -> None:
    spec = SceneSpec(seed=7)
    shown = play(spec, np.random.default_rng(7))

    runs = [e for e in shown.events if e.kind == "red_light"]

    assert runs
    assert all(shown.signals.at(run.start).main == "red" for run in runs)


def test_the_one_who_goes_the_wrong_way_comes_towards_the_camera() -> None:
    shown = play(SceneSpec(seed=7), np.random.default_rng(7))
    wrong = [s for states in shown.frames for s in states if s.rider.staged == "wrong_way"]

    assert wrong
    assert all(s.heading[1] < 0 and s.position[0] > 0 for s in wrong)


@streets
@given(seed=seeds)
def test_vehicles_of_one_lane_never_overlap(seed: int) -> None:
    spec = SceneSpec(seed=seed, seconds=20, fps=2, density=2, tapered=False)
    shown = play(spec, np.random.default_rng(seed))

    for states in shown.frames:
        lanes: dict[str, list[tuple[float, float]]] = {}
        for state in states:
            along = float(np.dot(state.position, state.rider.lane.heading))
            half = state.body.length / 2
            lanes.setdefault(state.rider.lane.name, []).append((along - half, along + half))
        for spans in lanes.values():
            spans.sort()
            assert all(a[1] <= b[0] + 0.1 for a, b in pairwise(spans))


@given(
    period=st.floats(4, 90), offset=st.floats(0, 90), at=st.floats(0, 400, allow_subnormal=False)
)
def test_the_two_roads_never_have_way_at_once(period: float, offset: float, at: float) -> None:
    lights = Signals(period, min(3.0, 0.1 * period), offset).at(at)

    assert "red" in {lights.main, lights.cross}


@given(period=st.floats(10, 90))
def test_green_turns_yellow_before_it_turns_red(period: float) -> None:
    signals = Signals(period, min(3.0, 0.1 * period))
    states = [signals.at(t).main for t in np.arange(0, 2 * period, 0.05)]

    changes = {(a, b) for a, b in pairwise(states) if a != b}

    assert changes == {("green", "yellow"), ("yellow", "red"), ("red", "green")}


@given(seed=seeds, business=st.booleans())
def test_a_painted_plate_has_the_shape_of_its_layout(seed: int, *, business: bool) -> None:
    rng = np.random.default_rng(seed)
    plates = [car_plate(rng, "long", business=business), car_plate(rng, "short"), bike_plate(rng)]

    for plate in plates:
        height, width = paint(plate, rng).shape[:2]
        assert abs(width / height - plate.size_m[0] / plate.size_m[1]) < 0.05
        letters = "".join(plate.rows).replace("-", "").replace(".", "")
        assert letters == plate.text
        assert (plate.ground == "yellow") >= (business and plate is plates[0])


@given(seed=seeds, x=st.floats(-8, 8), y=st.floats(8, 40))
def test_the_homography_is_the_camera_on_the_ground(seed: int, x: float, y: float) -> None:
    camera = mounted(SceneSpec(seed=seed), np.random.default_rng(seed))

    mapped = camera.homography @ (x, y, 1)

    assert np.allclose(mapped[:2] / mapped[2], camera.project(np.array([[x, y, 0.0]]))[0])
