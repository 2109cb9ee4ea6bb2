"""A scene file that cannot be true is refused, with what is wrong and where."""

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ioc_edge import scene_file
from ioc_edge.errors import ConfigInvalid
from ioc_edge.scene.camera import mounted
from ioc_edge.scene.layout import scene_file as layout
from ioc_edge.scene.spec import SceneSpec
from ioc_models.scene import VIETNAM, Hours, Scene

EXAMPLE = Path(__file__).resolve().parents[3] / "firmware_configs" / "scenes" / "camau-01.yaml"


def example() -> Any:
    return yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))


def refused(body: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        Scene.model_validate(body)
    return str(caught.value)


def test_the_example_is_the_demo_cameras_own_junction() -> None:
    spec = SceneSpec(seed=7, camera_id="camau-01")
    mount = np.random.default_rng(np.random.SeedSequence(7).spawn(6)[0])

    assert scene_file.load(EXAMPLE) == layout(spec, mounted(spec, mount))


def test_a_scene_survives_its_file(tmp_path: Path) -> None:
    scene = Scene.model_validate(example())
    scene_file.save(scene, tmp_path / "scene.yaml")

    again = scene_file.load(tmp_path / "scene.yaml")

    assert again == scene
    assert again.sha256 == scene.sha256


def test_an_unknown_key_is_refused() -> None:
    assert "lanez" in refused({**example(), "lanez": []})


def test_a_file_that_is_no_scene_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "scene.yaml"
    path.write_text("schema: 2\ncamera: a\n")

    with pytest.raises(ConfigInvalid, match=r"scene\.yaml: schema: Input should be 1"):
        scene_file.load(path)


def test_a_homography_that_squashes_the_road_to_a_line_is_refused() -> None:
    body = example()
    rows = body["ground"]["image_to_ground"]
    rows[1] = [2 * cell for cell in rows[0]]

    assert "no inverse" in refused(body)


def test_three_ground_points_are_too_few() -> None:
    body = example()
    body["ground"]["points"] = body["ground"]["points"][:3]

    assert "at least 4 items" in refused(body)


def test_a_lane_that_crosses_itself_is_refused() -> None:
    body = example()
    a, b, c, d = body["lanes"][0]["polygon_px"]
    body["lanes"][0]["polygon_px"] = [a, c, b, d]

    assert "lane 'away-inner': its outline crosses itself" in refused(body)


def test_a_lane_outside_the_picture_is_refused() -> None:
    body = example()
    body["lanes"][0]["polygon_px"][0] = [-40, 700]

    assert "(-40, 700) is outside the picture of 1280x720" in refused(body)


def test_a_stop_line_beside_its_lane_is_refused() -> None:
    body = example()
    body["stop_lines"][0]["ends_px"] = [[10, 500], [60, 500]]

    assert "stop line 'stop' does not cross lane 'away-inner'" in refused(body)


def test_a_stop_line_along_its_lane_is_refused() -> None:
    body = example()
    body["stop_lines"][0]["ends_px"] = [[500, 700], [560, 400]]

    assert "runs along lane 'away-inner'" in refused(body)


def test_a_light_over_an_unknown_lane_is_refused() -> None:
    body = example()
    body["lights"][0]["lanes"] = ["nowhere"]

    assert "light 'signal' names lane 'nowhere'" in refused(body)


def test_a_certificate_that_ends_before_it_begins_is_refused() -> None:
    body = example()
    body["calibration"] = {
        "number": "KD-1", "issuer": "Trung tâm kiểm định",
        "valid_from": "2026-05-01T00:00:00+07:00", "valid_to": "2026-04-30T00:00:00+07:00",
    }  # fmt: skip

    assert "not after it begins" in refused(body)


def test_a_certificate_without_a_time_zone_is_refused() -> None:
    body = example()
    body["calibration"] = {
        "number": "KD-1", "issuer": "Trung tâm kiểm định",
        "valid_from": "2026-05-01T00:00:00", "valid_to": "2027-04-30T00:00:00",
    }  # fmt: skip

    assert "timezone" in refused(body)


def test_a_time_of_day_that_yaml_took_for_a_number_is_refused() -> None:
    hours = yaml.safe_load("{since: 16:30, until: '18:00'}")

    with pytest.raises(ValidationError, match="written in quotes"):
        Hours.model_validate(hours)


def test_hours_over_midnight_belong_to_the_day_they_began() -> None:
    hours = Hours(since="22:00", until="05:00", days=("fri",))

    friday, saturday = (datetime(2026, 11, day, 23, tzinfo=VIETNAM) for day in (27, 28))

    assert hours.hold(friday)
    assert hours.hold(saturday.replace(hour=4))
    assert not hours.hold(saturday)


def test_hours_end_when_they_say() -> None:
    hours = Hours(since="06:00", until="08:00")
    at = datetime(2026, 11, 27, 8, tzinfo=VIETNAM)

    assert not hours.hold(at)
    assert hours.hold(at.replace(hour=6))


@given(seed=st.integers(0, 500), view=st.sampled_from(("junction", "plates")))
def test_every_rendered_camera_has_a_scene(seed: int, view: Any) -> None:
    spec = SceneSpec(seed=seed, view=view)
    scene = layout(spec, mounted(spec, np.random.default_rng(seed)))

    assert {"away-inner", "away-kerb"} <= {lane.id for lane in scene.lanes}
    assert Scene.model_validate(yaml.safe_load(scene_file.text(scene))) == scene
