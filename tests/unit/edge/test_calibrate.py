"""`ioc camera calibrate`: from a frame and marks to a scene file and an overlay."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from tests.unit.models.test_calibration import draft

from ioc_edge import scene_file
from ioc_edge.calibrate import main, overlay
from ioc_models.calibration import calibrate


@pytest.fixture
def frame(tmp_path: Path) -> Path:
    path = tmp_path / "frame.png"
    cv2.imwrite(str(path), np.full((1080, 1920, 3), 70, np.uint8))
    return path


def points(tmp_path: Path, **changes: Any) -> Path:
    body = draft(**changes).model_dump(mode="json", by_alias=True, exclude_defaults=True)
    path = tmp_path / "points.yaml"
    path.write_text(yaml.safe_dump(body))
    return path


def test_a_frame_and_marks_give_a_scene_file_that_the_box_reads(
    tmp_path: Path, frame: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, shown = tmp_path / "scene.yaml", tmp_path / "overlay.png"
    given = ["--frame", str(frame), "--points", str(points(tmp_path))]
    assert main([*given, "--out", str(out), "--overlay", str(shown)]) == 0
    scene = scene_file.load(out)
    assert scene.camera == "cam-1"
    assert scene.made_at is not None
    assert cv2.imread(str(shown)).shape == (1080, 1920, 3)
    assert "Sai số" in capsys.readouterr().err


def test_marks_that_cannot_carry_a_scene_are_told_in_vietnamese_first(
    tmp_path: Path, frame: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "scene.yaml"
    given = ["--frame", str(frame), "--points", str(points(tmp_path, points=[]))]
    assert main([*given, "--out", str(out)]) == 1
    assert not out.exists()
    assert capsys.readouterr().err.startswith("✗ Mới có 0 điểm")


def test_marks_made_on_a_picture_of_another_size_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = tmp_path / "small.png"
    cv2.imwrite(str(small), np.zeros((540, 960, 3), np.uint8))
    assert main(["--frame", str(small), "--points", str(points(tmp_path))]) == 2
    assert "1920x1080" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["- 1", "a: [", "camera: cam-1\nlanez: []", "points: 5"])
def test_a_points_file_that_is_none_is_refused(tmp_path: Path, frame: Path, text: str) -> None:
    (tmp_path / "points.yaml").write_text(text)
    assert main(["--frame", str(frame), "--points", str(tmp_path / "points.yaml")]) == 2


def test_a_source_without_a_picture_is_refused(tmp_path: Path) -> None:
    given = ["--points", str(points(tmp_path))]
    assert main(["--source", str(tmp_path / "absent.mp4"), *given]) == 2
    (tmp_path / "text.jpg").write_text("no picture")
    assert main(["--frame", str(tmp_path / "text.jpg"), *given]) == 2


def test_the_overlay_leaves_the_frame_alone_and_draws_on_its_copy() -> None:
    image = np.full((1080, 1920, 3), 70, np.uint8)
    marked = draft()
    drawn = overlay(image, marked, calibrate(marked))
    assert (image == 70).all()
    assert (drawn != 70).mean() > 0.05


def test_the_overlay_shows_marks_even_where_they_cannot_be_fitted() -> None:
    image = np.full((1080, 1920, 3), 70, np.uint8)
    marked = draft(points=draft().model_dump(exclude_none=True)["points"][:2])
    assert (overlay(image, marked, calibrate(marked)) != image).any()
