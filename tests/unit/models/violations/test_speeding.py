"""A speed is measured, its error taken off, and told as an accusation only with a certificate."""

from datetime import datetime

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.drive import drive, junction, straight

from ioc_edge.rules import pose_of
from ioc_models.scene import VIETNAM, Certificate, Scene
from ioc_models.violations import judge, speeding
from ioc_models.violations.contract import Path

SCENE = junction()


def certified(until: datetime) -> Scene:
    certificate = Certificate(
        number="KD-7", issuer="Viện Đo lường",
        valid_from=datetime(2025, 1, 1, tzinfo=VIETNAM), valid_to=until,
    )  # fmt: skip
    return SCENE.model_copy(update={"calibration": certificate})


def fast(kmh: float = 80.0) -> Path:
    return drive(SCENE, straight(kmh / 3.6, 2.0), 4)


def test_without_a_certificate_a_speed_is_indicative() -> None:
    (found,) = judge(fast(), SCENE)

    assert found.indicative
    assert found.speed is not None
    assert found.speed.certificate is None


def test_with_a_certificate_it_is_an_accusation_that_names_it() -> None:
    (found,) = judge(fast(), certified(datetime(2027, 1, 1, tzinfo=VIETNAM)))

    assert not found.indicative
    assert found.speed is not None
    assert found.speed.certificate == "KD-7"


def test_a_certificate_that_ran_out_yesterday_is_none() -> None:
    (found,) = judge(fast(), certified(datetime(2026, 3, 9, tzinfo=VIETNAM)))

    assert found.indicative


def test_the_error_is_taken_off_before_the_class_is_chosen() -> None:
    (found,) = judge(fast(71.0), SCENE)

    assert found.speed is not None
    assert found.speed.measured > 70
    assert found.speed.for_penalty < found.speed.measured - found.speed.error + 0.01
    assert found.speed.excess < 20
    assert found.clause.reference == "6.5.đ"


@settings(deadline=None, max_examples=60)
@given(kmh=st.floats(20, 100), seed=st.integers(0, 1000))
def test_a_measured_speed_is_within_three_kmh_with_a_pixel_of_noise(kmh: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    path = drive(SCENE, straight(kmh / 3.6, 2.0), 6, start=-1)
    poses = []
    for pose in path.poses:
        off = rng.normal(0, 1, 4)
        left, top, right, bottom = pose.box_px
        box = (left + off[0], top + off[1], right + off[2], bottom + off[3])
        poses.append(pose_of(SCENE, box, pose.at))

    known = speeding.measure(Path(1, tuple(poses), {"car": 1.0}), SCENE)

    assert known is not None
    assert abs(known.kmh - kmh) <= 3
    assert abs(known.kmh - kmh) <= known.error_kmh


def test_a_way_too_short_to_measure_tells_nothing() -> None:
    assert speeding.measure(drive(SCENE, straight(22, 0.0), 0.15), SCENE) is None


def test_a_lorry_has_the_limit_of_lorries() -> None:
    lanes = tuple(
        lane.model_copy(update={"speed_limits_kmh": {"truck": 40.0}}) for lane in SCENE.lanes
    )
    scene = SCENE.model_copy(update={"lanes": lanes})

    assert judge(drive(scene, straight(52 / 3.6, 2.0), 6), scene) == []
    (found,) = judge(drive(scene, straight(52 / 3.6, 2.0), 6, label="truck"), scene)
    assert found.speed is not None
    assert found.speed.limit == 40
