"""A box refuses to start on a configuration that it does not fully understand."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
import yaml

from ioc_edge.errors import ConfigInvalid
from ioc_edge.main import main
from ioc_edge.settings import parse


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "password").write_text("secret")
    return {
        "schema": 1,
        "box": "box-01",
        "state_dir": "state",
        "broker": {
            "host": "127.0.0.1",
            "port": 1883,
            "username": "box-01",
            "password_file": "password",
        },
        "detector": "motion",
        "cameras": [
            {
                "id": "cam-1",
                "title_vi": "Ngã tư",
                "source": "clip.mp4",
                "location": {"lon": 105.15, "lat": 9.18},
            }
        ],
    }


def test_paths_count_from_the_file_and_addresses_stay(
    config: dict[str, Any], tmp_path: Path
) -> None:
    config["cameras"].append({**config["cameras"][0], "id": "cam-2", "source": "rtsp://camera/1"})
    box, digest = parse(yaml.safe_dump(config), tmp_path / "box.yaml")
    assert box.state_dir == tmp_path / "state"
    assert box.cameras[0].source == str(tmp_path / "clip.mp4")
    assert box.cameras[1].source == "rtsp://camera/1"
    assert len(digest) == 64


FAULTS: dict[str, Callable[[dict[str, Any]], object]] = {
    "unknown key": lambda c: c.update(colour="red"),
    "other schema": lambda c: c.update(schema=2),
    "box": lambda c: c.update(box="Box 1"),
    "no camera": lambda c: c.update(cameras=[]),
    "camera twice": lambda c: c["cameras"].append(c["cameras"][0]),
    "latitude": lambda c: c["cameras"][0]["location"].update(lat=99),
    "port": lambda c: c["broker"].update(port=0),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_configuration_is_refused_with_exit_code_2(
    fault: str, config: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    FAULTS[fault](config)
    path = tmp_path / "box.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    assert main(["check", str(path)]) == 2
    assert str(path) in capsys.readouterr().err


@pytest.mark.parametrize("text", ["[", "7", "", "box: {"])
def test_what_is_no_configuration_at_all_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid):
        parse(text, tmp_path / "box.yaml")


def test_a_missing_secret_is_named(
    config: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "password").unlink()
    path = tmp_path / "box.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    assert main(["check", str(path)]) == 2
    assert "broker.password_file" in capsys.readouterr().err


def test_models_and_scenes_lie_beside_the_configuration_unless_they_have_names(
    config: dict[str, Any], tmp_path: Path
) -> None:
    config["cameras"][0]["scene"] = "cam-1.yaml"
    config |= {"reader": "reader/model.yaml", "plate_detector": "/etc/lpdnet.yaml"}
    read, _ = parse(yaml.safe_dump(config), tmp_path / "box.yaml")
    assert (read.detector, read.reader) == ("motion", tmp_path / "reader" / "model.yaml")
    assert read.plate_detector == Path("/etc/lpdnet.yaml")
    assert read.cameras[0].scene == tmp_path / "cam-1.yaml"
    config |= {"reader": "ppocr"}
    assert parse(yaml.safe_dump(config), tmp_path / "box.yaml")[0].reader == "ppocr"
