"""The outsider's commands on painted pictures always, on real ones where IOC_REAL_DATA is set."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
import structlog
from tests.support.painted import painted
from tests.support.real import needed
from tests.unit.edge.backends.graphs import constant_graph, written

from ioc_edge import scene_file
from ioc_edge.main import main
from ioc_models.events import Event
from ioc_models.scene import Scene

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command; exit code, stdout, stderr."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return run


@pytest.fixture(scope="module")
def real() -> Path:
    return needed()


def put(path: Path, picture: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    worked, content = cv2.imencode(path.suffix, picture)
    assert worked
    path.write_bytes(content.tobytes())
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two plates, one file that is no picture, and somebody's labels."""
    inside = tmp_path / "ảnh biển số"
    put(inside / "ô tô.jpg", painted("69A-123.45"))
    put(inside / "phụ/xe máy.png", painted("69-B1", "234.56").astype(np.uint16) * 257)
    (inside / "hỏng.jpg").write_bytes(b"broken")
    (inside / "labels.csv").write_text("x")
    return inside


def table(text: str, delimiter: str = ",") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text), delimiter=delimiter))


def test_plates_of_a_folder_are_read_and_the_broken_file_is_counted(
    folder: Path, command: Command
) -> None:
    code, out, err = command("read-plates", folder, "--csv", "--reader", "ppocr")
    rows = table(out)
    assert code == 3
    assert {Path(row["file"]).name: row["text"] for row in rows} == {
        "ô tô.jpg": "69A12345",
        "xe máy.png": "69B123456",
    }
    assert [row["lines"] for row in rows] == ["2", "1"]
    assert all(float(row["confidence"]) > 0.5 and row["raw"] and row["box"] for row in rows)
    assert "hỏng.jpg" in err
    assert "3 pictures, 1 unreadable" in err


def test_cut_out_plates_are_read_whole_between_tabs(tmp_path: Path, command: Command) -> None:
    file = put(tmp_path / "a.bmp", painted("94A-678.90"))
    code, out, _ = command("read-plates", file, "--crops", "--reader", "ppocr")
    (row,) = table(out, "\t")
    assert (code, row["text"], row["box"]) == (0, "94A67890", "0 0 300 70")


def test_a_picture_without_a_plate_has_a_line_without_text(
    tmp_path: Path, command: Command
) -> None:
    file = put(tmp_path / "sky.jpg", np.full((1200, 1600, 3), 200, np.uint8))
    code, out, _ = command("read-plates", file, "--csv", "--reader", "ppocr")
    (row,) = table(out)
    assert (code, row["file"], row["text"], row["box"]) == (0, str(file), "", "")


@pytest.mark.parametrize("name", ["read-plates", "detect"])
def test_an_empty_folder_and_a_missing_file_have_exit_codes(
    name: str, tmp_path: Path, command: Command
) -> None:
    assert command(name, tmp_path)[0] == 4
    code, _, err = command(name, tmp_path / "gone.jpg")
    assert code == 3
    assert "gone.jpg" in err


def chosen_detector(folder: Path) -> Path:
    """A real graph that sees a car in the middle of whatever it is shown."""
    folder.mkdir()
    row = [[[48, 32, 48, 32, 0.9, 0.0], [48, 40, 12, 6, 0.0, 0.6]]]
    graph = constant_graph({"o": np.array(row, np.float32).transpose(0, 2, 1)})
    return written(folder, graph, labels=["car", "plate"])


def test_any_detector_plugs_in_by_its_manifest(tmp_path: Path, command: Command) -> None:
    model = chosen_detector(tmp_path / "model")
    file = put(tmp_path / "street.jpg", np.full((640, 960, 3), 90, np.uint8))
    (tmp_path / "broken.jpg").write_bytes(b"broken")
    code, out, _ = command("detect", file, tmp_path / "broken.jpg", "--json", "--detector", model)
    seen, broken = (json.loads(line) for line in out.splitlines())
    assert code == 3
    assert seen == {
        "file": str(file),
        "width": 960,
        "height": 640,
        "boxes": [
            {"class": "car", "score": 0.9, "box": [240.0, 160.0, 720.0, 480.0]},
            {"class": "plate", "score": 0.6, "box": [420.0, 370.0, 540.0, 430.0]},
        ],
    }
    assert broken["file"].endswith("broken.jpg")
    assert broken["error"]


def test_plates_may_come_from_a_detector_of_their_own(tmp_path: Path, command: Command) -> None:
    model = chosen_detector(tmp_path / "model")
    (tmp_path / "plates").mkdir()
    row = np.array([[[20, 20, 12, 6, 0.8]]], np.float32).transpose(0, 2, 1)
    plates = written(tmp_path / "plates", constant_graph({"o": row}), labels=["plate"])
    file = put(tmp_path / "street.jpg", np.full((64, 96, 3), 90, np.uint8))
    asked = ("detect", file, "--detector", model, "--plate-detector", plates)
    assert command(*asked)[1].splitlines() == [
        f"{file}\tcar\t0.900\t24 16 72 48",
        f"{file}\tplate\t0.800\t14 17 26 23",
    ]


def test_boxes_are_lines_between_tabs_above_the_confidence_that_is_asked_for(
    tmp_path: Path, command: Command
) -> None:
    model = chosen_detector(tmp_path / "model")
    file = put(tmp_path / "street.jpg", np.full((640, 960, 3), 90, np.uint8))
    code, out, _ = command("detect", file, "--detector", model, "--confidence", "0.7")
    assert code == 0
    assert out == f"{file}\tcar\t0.900\t240 160 720 480\n"


def test_a_model_that_is_none_is_told_with_its_reason(tmp_path: Path, command: Command) -> None:
    (tmp_path / "model.yaml").write_text("name: x")
    code, _, err = command("detect", tmp_path, "--detector", tmp_path / "model.yaml")
    assert code == 1
    assert "licence: Field required" in err


def test_the_command_itself_runs_and_bears_a_reader_that_has_seen_enough(folder: Path) -> None:
    run = [sys.executable, "-m", "ioc_edge", "read-plates", str(folder), "--reader", "ppocr"]
    with subprocess.Popen(run, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()
    assert process.returncode == 1


def film(path: Path, seconds: float) -> Path:
    """A light block that crosses a dark street, 25 frames a second."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 192, "yuv420p"
        for number in range(round(seconds * 25)):
            picture = np.full((192, 320, 3), 60, np.uint8)
            left = number * 3 - 60
            picture[80:130, max(0, left) : max(0, left + 80)] = (210, 200, 190)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode())
    return path


def events(text: str) -> list[Event]:
    return [Event.model_validate_json(line) for line in text.splitlines()]


def test_a_film_becomes_events_with_its_own_time(tmp_path: Path, command: Command) -> None:
    file = film(tmp_path / "Đường Ngô Quyền.mp4", 8)
    out = tmp_path / "out" / "events.jsonl"
    began = "2026-11-24T12:00:00+07:00"
    code, _, err = command(
        *("run", file, "--events", out, "--no-publish", "--detector", "motion"),
        *("--reader", "ppocr", "--began", began),
    )
    (traffic,) = events(out.read_text(encoding="utf-8"))
    assert code == 0
    assert "1 events" in err
    assert (traffic.kind, traffic.seq, traffic.location) == ("traffic", 1, None)
    assert traffic.data["counts"] == {"vehicle": 1}
    assert traffic.data["from_at"] == "2026-11-24T05:00:00Z"
    assert str(traffic.data["to_at"]).startswith("2026-11-24T05:00:07.9")
    assert (tmp_path / "out" / "events.evidence").is_dir()


def test_a_box_configuration_says_whose_camera_the_film_is(
    tmp_path: Path, command: Command
) -> None:
    config = tmp_path / "box.yaml"
    cameras: list[dict[str, Any]] = [
        {"id": name, "title_vi": name, "source": "x", "location": {"lon": 105.15, "lat": 9.18}}
        for name in ("cam-1", "cam-2")
    ]
    body = {
        "schema": 1,
        "box": "box-7",
        "state_dir": "state",
        "broker": {"host": "h", "port": 1, "username": "u", "password_file": "p"},
        "detector": "motion",
        "count_every_s": 3,
        "cameras": cameras,
    }
    config.write_text(json.dumps(body))
    asked = ("run", film(tmp_path / "a.mp4", 8), "--events", "-", "--no-publish")
    code, out, _ = command(*asked, "--config", config, "--camera", "cam-2")
    told = events(out)
    assert code == 0
    assert len(told) == 3
    assert {(one.box, one.camera) for one in told} == {("box-7", "cam-2")}
    assert told[0].location is not None
    assert told[1].prev is not None
    assert not (tmp_path / "state").exists()
    assert command(*asked, "--config", config, "--camera", "cam-3")[0] == 2


@pytest.mark.parametrize("asked", [[], ["--events", "-"], ["--no-publish"]])
def test_a_film_is_not_run_as_a_box(asked: Sequence[str], tmp_path: Path, command: Command) -> None:
    code, _, err = command("run", film(tmp_path / "a.mp4", 1), *asked)
    assert code == 2
    assert "--events FILE --no-publish" in err


def test_what_is_no_film_is_told(tmp_path: Path, command: Command) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no film")
    code, _, err = command("run", tmp_path / "a.mp4", "--events", "-", "--no-publish")
    assert code == 1
    assert "a.mp4 is no film" in err


def test_a_scene_file_says_whose_camera_the_film_is(tmp_path: Path, command: Command) -> None:
    marks = [{"px": [x, y], "m": [x / 10, y / 10]} for x in (0, 320) for y in (0, 192)]
    road: dict[str, Any] = {
        "schema": 1,
        "camera": "junction-3",
        "image": {"width": 320, "height": 192},
        "ground": {
            "image_to_ground": [[0.1, 0, 0], [0, 0.1, 0], [0, 0, 1]],
            "points": marks,
            "residual_m": 0.0,
        },
        "lanes": [
            {
                "id": "lane-1",
                "polygon_px": [[5, 60], [315, 60], [315, 150], [5, 150]],
                "direction_m": [1, 0],
            }
        ],
        "rules": {"helmet": {"enabled": False}, "passengers": {"enabled": False}},
    }
    scene = Scene.model_validate(road)
    scene_file.save(scene, tmp_path / "scene.yaml")
    code, out, _ = command(
        *("run", film(tmp_path / "a.mp4", 2), "--events", "-", "--no-publish"),
        *("--detector", "motion", "--reader", "ppocr", "--scene", tmp_path / "scene.yaml"),
    )
    assert code == 0
    assert {one.camera for one in events(out)} == {"junction-3"}


@pytest.mark.parametrize("name", ["calibrate", "key", "open", "selftest", "convert"])
def test_every_command_of_the_box_says_what_it_takes(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert "usage" in capsys.readouterr().out


def test_real_cut_out_plates_are_read(real: Path, command: Command) -> None:
    pictures = sorted((real / "vn_plate_crops").glob("*CarLongPlate*.jpg"))[:8]
    with (real / "vn_plate_crops" / "labels.csv").open(encoding="utf-8") as file:
        truth = {row["file"]: row["text"] for row in csv.DictReader(file)}
    code, out, _ = command("read-plates", *pictures, "--csv")
    read = {Path(row["file"]).name: row["text"] for row in table(out)}
    right = sum(read[picture.name] == truth[picture.name] for picture in pictures)
    assert (code, len(read)) == (0, 8)
    assert right >= 6


def test_plates_and_vehicles_of_a_real_scene_are_found(real: Path, command: Command) -> None:
    picture = min((real / "vn_scenes").glob("*.jpg"))
    marked = json.loads(picture.with_suffix(".json").read_text())["plates"]
    middles = [(x + w / 2, y + h / 2) for x, y, w, h in (one["bbox_xywh"] for one in marked)]
    code, out, _ = command("detect", picture, "--json")
    found = json.loads(out)["boxes"]
    assert code == 0
    plates = [one["box"] for one in found if one["class"] == "plate"]
    near = [
        any(left < x < right and top < y < bottom for left, top, right, bottom in plates)
        for x, y in middles
    ]
    assert sum(near) >= len(near) - 1
    assert any(one["class"] == "motorbike" for one in found)


def test_a_real_film_is_watched_from_end_to_end(
    real: Path, tmp_path: Path, command: Command
) -> None:
    out = tmp_path / "out.jsonl"
    clip = real / "clips" / "car-detection.mp4"
    code, _, _ = command("run", clip, "--events", out, "--no-publish", "--fps", "4")
    told = events(out.read_text(encoding="utf-8"))
    assert code == 0
    assert told[-1].kind == "traffic"
    # The container's own time.
    assert told[-1].seen_at.year == 2018
