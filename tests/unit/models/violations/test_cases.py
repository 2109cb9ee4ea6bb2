"""What the box judged the cloud can judge again, from JSON alone."""

import json
import subprocess
import sys
from datetime import datetime

import pytest
from pydantic import ValidationError
from tests.support.drive import NOON, PLATE, Place, drive, junction, names, signal, straight

from ioc_models.scene import VIETNAM, Ban, Hours, Scene, Zone
from ioc_models.violations import judge, judge_case
from ioc_models.violations.contract import Case, Head, Path, RiderLook

SCENE = junction()
RED = signal((-20, "green"), (2, "yellow"), (5, "red"), until=30)


def test_a_kept_case_gives_the_same_finding() -> None:
    path = drive(SCENE, straight(9, 8.0), 9, start=5)
    case = Case(scene=SCENE, path=path, lights=RED)

    again = judge_case(case.model_dump_json(by_alias=True))

    assert again == judge(path, SCENE, RED)
    assert names(again) == ["red_light"]


def test_a_rule_that_is_not_proven_accuses_nobody_until_a_camera_says_so() -> None:
    path = drive(SCENE, straight(9, 8.0), 9, start=5)
    rules = SCENE.rules.model_copy(
        update={"red_light": SCENE.rules.red_light.model_copy(update={"indicative": False})}
    )
    trusted = SCENE.model_copy(update={"rules": rules})

    assert [found.indicative for found in judge(path, SCENE, RED)] == [True]
    assert [found.indicative for found in judge(path, trusted, RED)] == [False]


def test_a_case_that_is_none_is_refused() -> None:
    with pytest.raises(ValidationError):
        judge_case({"scene": {}, "path": None})


def test_the_rules_need_nothing_but_pydantic() -> None:
    code = (
        "import sys; sys.modules.update(numpy=None, scipy=None, cv2=None, yaml=None);"
        "import ioc_models.violations"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_against_the_lane_on_a_two_way_road_names_the_side_of_the_road() -> None:
    (found,) = judge(drive(SCENE, lambda t: (1.8, 46 - 8 * t), 3), SCENE)

    assert (found.rule, found.clause.reference) == ("wrong_way", "6.5.b")


def test_against_a_one_way_lane_is_wrong_way() -> None:
    lanes = tuple(lane.model_copy(update={"one_way": True}) for lane in SCENE.lanes)
    scene = SCENE.model_copy(update={"lanes": lanes})

    (found,) = judge(drive(scene, lambda t: (1.8, 46 - 8 * t), 3), scene)

    assert (found.rule, found.clause.reference) == ("wrong_way", "6.9.d")


def test_reversing_four_metres_is_not_driving_the_wrong_way() -> None:
    assert judge(drive(SCENE, lambda t: (1.8, 40 - 1.4 * t), 3), SCENE) == []


def test_a_car_in_the_lane_of_motorbikes_is_told_and_a_motorbike_is_not() -> None:
    lane = straight(8, 2.0, x=4.9)

    assert names(judge(drive(SCENE, lane, 4), SCENE)) == ["wrong_lane"]
    assert judge(drive(SCENE, lane, 4, label="motorbike"), SCENE) == []


def test_wheels_on_the_divider_are_in_no_wrong_lane() -> None:
    assert judge(drive(SCENE, straight(8, 2.0, x=3.7), 4), SCENE) == []


@pytest.mark.parametrize(("since", "told"), [("11:00", True), ("12:00", False), ("12:30", False)])
def test_a_ban_holds_a_minute_inside_its_hours(since: str, *, told: bool) -> None:
    ban = Ban(id="ban", classes=("truck",), hours=(Hours(since=since, until="13:00"),))
    lanes = tuple(lane.model_copy(update={"bans": (ban,)}) for lane in SCENE.lanes)
    scene = SCENE.model_copy(update={"lanes": lanes})

    found = judge(drive(scene, straight(8, 2.0), 6, label="truck"), scene)

    assert ("forbidden" in names(found)) == told


def parked(seconds: float, track: int = 1, y: float = 36.0) -> Path:
    return drive(zoned(), lambda _t: (5.4, y), seconds, track=track)


def zoned() -> Scene:
    zones = tuple(zone.model_copy(update={"max_seconds": 8.0}) for zone in SCENE.zones)
    return SCENE.model_copy(update={"zones": zones})


def test_standing_longer_than_a_zone_allows_is_told_and_shorter_is_not() -> None:
    assert names(judge(parked(12), zoned())) == ["stopping"]
    assert judge(parked(7), zoned()) == []


def test_standing_behind_somebody_who_stands_is_a_jam() -> None:
    assert judge(parked(12), zoned(), others=[parked(12, track=2, y=43)]) == []


def test_waiting_for_green_in_a_zone_is_waiting() -> None:
    path = drive(zoned(), lambda _t: (5.6, 8.0), 12, start=6, label="motorbike")

    assert judge(path, zoned(), RED) == []


def test_a_zone_elsewhere_says_nothing() -> None:
    away = Zone(id="away", polygon_px=((10, 700), (60, 700), (60, 650)), max_seconds=5)

    assert judge(parked(12), SCENE.model_copy(update={"zones": (away,)})) == []


def riding(heads: list[tuple[float, bool]], label: str = "motorbike") -> Path:
    """Heads (metres below the driver's, helmet) in every second look."""
    path = drive(SCENE, straight(6, 2.0, x=4.8), 4, label=label)
    looks = []
    for pose in path.poses[::2]:
        px_per_m = (pose.box_px[3] - pose.box_px[1]) / 2
        x, top = pose.contact_px[0], pose.box_px[1]
        looks.append(
            RiderLook(
                pose.at,
                tuple(
                    Head((x - 9, top + d * px_per_m, x + 9, top + d * px_per_m + 18), helmet, 0.9)
                    for d, helmet in heads
                ),
            )
        )
    return Path(1, path.poses, path.labels, tuple(looks), PLATE)


def test_a_bare_driver_is_told_and_a_helmet_is_not() -> None:
    (found,) = judge(riding([(0, False)]), SCENE)

    assert found.clause.reference == "7.2.h"
    assert judge(riding([(0, True)]), SCENE) == []


def test_a_bare_passenger_is_told_unless_it_may_be_a_child() -> None:
    (found,) = judge(riding([(0, True), (0.15, False)]), SCENE)

    assert found.clause.reference == "7.2.i"
    assert judge(riding([(0, True), (0.42, False)]), SCENE) == []


def test_nobody_on_a_bicycle_needs_a_helmet() -> None:
    assert judge(riding([(0, False)], label="bicycle"), SCENE) == []


def test_three_grown_people_are_one_too_many_and_a_child_between_is_not() -> None:
    (found,) = judge(riding([(0, True), (0.14, True), (0.28, True)]), SCENE)

    assert found.clause.reference == "7.2.g"
    assert judge(riding([(0, True), (0.28, True), (0.36, True)]), SCENE) == []
    assert judge(riding([(0, True), (0.14, True)]), SCENE) == []


def test_four_are_too_many_whatever_their_age() -> None:
    (found,) = judge(riding([(0, True), (0.2, True), (0.33, True), (0.4, True)]), SCENE)

    assert found.clause.reference == "7.3.b"


def test_standing_beyond_the_line_on_red_is_told_once_it_goes_straight_on() -> None:
    def where(t: float) -> Place:
        front = min(3.0, 6 * (t - 8)) if t < 18 else 3.0 + 5 * (t - 18)
        return 4.8, 11.8 - 1.9 + front

    lights = signal((-20, "green"), (2, "yellow"), (5, "red"), (17, "green"), until=30)
    path = drive(SCENE, where, 17, start=6, label="motorbike")

    (found,) = judge(path, SCENE, lights)

    assert (found.rule, found.clause.reference) == ("stop_line", "7.1.a")


def test_a_case_fits_into_an_event() -> None:
    """64 KiB is what an event may weigh; a scene goes by its hash."""
    path = drive(SCENE, straight(9, 8.0), 9, start=5)
    case = Case(scene=SCENE, path=path, lights=RED)
    body = case.model_dump(mode="json", exclude={"scene"})

    assert len(json.dumps(body)) < 48 * 1024
    assert datetime.fromtimestamp(NOON, VIETNAM).year == 2026
