"""What `ioc up` writes for broker, supervisor and boxes."""

import configparser
import os
import socket
import stat
from pathlib import Path

import pytest

from ioc_cloud.ops import broker, demo
from ioc_cloud.ops.home import Home, Ports, PortTaken
from ioc_cloud.ops.supervise import NotRunning, Program, configuration, running
from ioc_models import topics

PORTS = Ports("127.0.0.1", 8080, "127.0.0.1", 18830)


def test_a_secret_is_made_once_and_for_its_owner_s_eyes_alone(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.secrets.mkdir()
    first = home.secret("operator")
    assert len(first) >= 32
    assert home.secret("operator") == first
    assert home.secret("other") != first
    assert stat.S_IMODE((home.secrets / "operator").stat().st_mode) == 0o600


def test_new_folders_on_the_way_let_the_database_s_account_pass(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        Home(tmp_path / "one" / "two").open()
    finally:
        os.umask(before)
    for folder in (tmp_path / "one", tmp_path / "one" / "two"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o711


def test_a_home_with_a_long_path_keeps_its_socket_short(tmp_path: Path) -> None:
    home = Home(tmp_path / ("a" * 90))
    assert len(bytes(home.sockets)) <= 90


def test_a_port_in_use_is_named_with_the_way_out() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        with pytest.raises(PortTaken, match=rf"{taken}.*--http-port"):
            Ports("127.0.0.1", taken, "127.0.0.1", 1).claim()


@pytest.mark.parametrize(
    "box", ["", "A", "a/b", "+", "#", "a b", "đ", "-a", "a" * 64, broker.INGEST]
)
def test_a_box_whose_name_no_topic_carries_is_refused(box: str) -> None:
    with pytest.raises(broker.BadBoxName):
        broker.check_name(box)


def test_a_box_reaches_its_own_topics_alone() -> None:
    patterns = [line for line in broker.acl_text().splitlines() if line.startswith("pattern")]
    assert patterns
    assert all(f"{topics.ROOT}/%u/" in line for line in patterns)


def test_tls_is_a_matter_of_configuration(tmp_path: Path) -> None:
    plain = broker.configuration_text(Home(tmp_path), PORTS, {})
    secured = broker.configuration_text(
        Home(tmp_path), PORTS, {"certfile": Path("/c.pem"), "keyfile": Path("/k.pem")}
    )
    assert "certfile" not in plain
    assert "certfile /c.pem\nkeyfile /k.pem\n" in secured
    assert "allow_anonymous false" in plain


def test_the_supervisor_reads_back_what_was_meant(tmp_path: Path) -> None:
    program = Program("api", ["/a b/python", "-m", "x"], {"URL": "postgresql://a:%2F@/ioc"})
    parser = configparser.RawConfigParser()
    parser.read_string(configuration(Home(tmp_path), [program]))
    section = parser["program:api"]
    assert section["command"] == '"/a b/python" -m x'
    assert section["environment"] == 'URL="postgresql://a:%%2F@/ioc"'
    assert section["autorestart"] == "true"


def test_nothing_running_is_a_clear_word(tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match="ioc up"):
        running(Home(tmp_path))


def test_every_demo_camera_has_a_scene_and_a_place_in_the_province() -> None:
    boxes = demo.definitions()
    cameras = [camera for box in boxes for camera in box.cameras]
    assert len(boxes) == 2
    assert all(camera.location.in_extent() for camera in cameras)
    assert len({demo.video_path(Home(Path("/x")), camera) for camera in cameras}) == len(cameras)


def test_a_user_s_video_is_not_called_simulated(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.boxes.mkdir()
    box = demo.definitions()[0]
    mine = demo.write_configuration(home, box, {"schema": 1, "box": box.box}, "rtsp://camera/1")
    assert "simulated: false" in mine.read_text()
    ours = demo.write_configuration(home, box, {"schema": 1, "box": box.box}, None)
    assert "simulated: true" in ours.read_text()
