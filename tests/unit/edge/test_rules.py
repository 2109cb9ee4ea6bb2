"""A box tells a violation once, whatever its tracker and its camera do."""

from collections.abc import Callable

from tests.support.drive import NOON, Place, junction, names, seen, straight

from ioc_edge.rules import Rules, Sights
from ioc_edge.tracking import Track
from ioc_models.scene import Scene
from ioc_models.violations import judge_case
from ioc_models.violations.contract import Finding, KnownPlate, LightState

SCENE = junction()
RUNNING = straight(8, 8.0)
PLATE = KnownPlate("69A12345", 0.98)


def light(t: float) -> LightState:
    return "green" if t < 2 else "yellow" if t < 5 else "red"


def film(
    rules: Rules,
    *drives: tuple[int, Callable[[float], Place], float, float],
    scene: Scene = SCENE,
    shift: float = 0.0,
    plate: KnownPlate | None = None,
) -> list[Finding]:
    """Each drive: track id, where it is, from when to when; ten frames a second."""
    told: list[Finding] = []
    for step in range(-100, 180):
        t = step / 10
        tracks = []
        for track, where, since, until in drives:
            pose = seen(scene, where(t), t) if since <= t <= until else None
            if pose is not None:
                left, top, right, bottom = pose.box_px
                box = (left + shift, top, right + shift, bottom)
                labels = {"car": 1.0 + step + 100}
                tracks.append(Track(track, box, NOON + t, NOON + t, labels=labels))
        plates = {track: plate for track, *_ in drives} if plate is not None else {}
        told += rules.step(
            tracks, {"signal": (light(t), 0.9)}, NOON + t, Sights(plates=plates), (shift, 0.0)
        )
    return told + rules.finish()


def test_a_violation_is_told_once_however_long_the_track_goes_on() -> None:
    assert names(film(Rules(SCENE), (1, RUNNING, 3, 15))) == ["red_light"]


def test_what_was_told_can_be_judged_again_from_its_case() -> None:
    rules = Rules(SCENE)
    (found,) = film(rules, (1, RUNNING, 3, 15))

    case = rules.case(found)

    assert case is not None
    (again,) = judge_case(case.model_dump_json(by_alias=True))
    assert again.clause == found.clause
    assert abs(again.at - found.at) < 0.05
    assert rules.case(found) is None


def test_two_boxes_on_one_vehicle_are_one_violation() -> None:
    rules = Rules(SCENE)

    assert len(film(rules, (1, RUNNING, 3, 15), (2, RUNNING, 3, 15))) == 1
    assert rules.repeats == 1


def test_a_track_that_breaks_and_goes_on_is_one_violation() -> None:
    told = film(Rules(SCENE), (1, RUNNING, 3, 9.5), (2, RUNNING, 10.1, 15))

    assert names(told) == ["red_light"]


def test_a_broken_track_is_judged_as_a_whole() -> None:
    """Its speed is measured over both pieces, and told once."""
    fast = straight(22, 2.0)
    whole = film(Rules(SCENE), (1, fast, 0, 2.7), (2, fast, 3.0, 5.5))

    assert names(whole) == ["speeding"]
    assert whole[0].before_at < NOON + 2.7 < NOON + 3.0 < whole[0].after_at


def test_the_same_plate_breaks_the_same_rule_once_a_minute() -> None:
    later = straight(8, 13.0, x=2.2)

    told = film(Rules(SCENE), (1, RUNNING, 3, 11), (2, later, 9, 18), plate=PLATE)

    assert len(told) == 1


def test_two_vehicles_over_the_line_are_two_violations() -> None:
    later = straight(8, 13.0, x=2.2)

    assert len(film(Rules(SCENE), (1, RUNNING, 3, 11), (2, later, 9, 18))) == 2


def test_a_camera_that_sways_a_little_is_followed() -> None:
    assert names(film(Rules(SCENE), (1, RUNNING, 3, 15), shift=12.0)) == ["red_light"]


def test_a_camera_that_was_knocked_judges_nobody_and_counts_its_blind_frames() -> None:
    rules = Rules(SCENE)

    assert film(rules, (1, RUNNING, 3, 15), shift=60.0) == []
    assert rules.blind_frames == 280


def test_speeds_wait_for_the_end_of_the_track_and_come_once() -> None:
    assert names(film(Rules(SCENE), (1, straight(22, 3.0), 0, 8))) == ["speeding"]
