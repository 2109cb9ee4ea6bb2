"""A box gets a release, keeps it, and keeps the one before when the next is bad.

Boxes are folders here: everything of the role but the account and the running unit.
"""

import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jsonschema import Draft202012Validator

from ioc_edge import settings

REPO = Path(__file__).resolve().parents[2]
ANSIBLE = REPO / "ansible"
PLAYBOOK = Path(sys.executable).with_name("ansible-playbook")

# A deployment is some thirty small programs; a busy machine starts them slowly.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def play(name: str, *arguments: str, **variables: Any) -> subprocess.CompletedProcess[str]:
    """Run one of our playbooks to its end."""
    libraries = [entry for entry in sys.path if entry.endswith("site-packages")]
    environment = os.environ | {
        "ANSIBLE_CONFIG": str(ANSIBLE / "ansible.cfg"),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
        # A packed release holds our two wheels; the libraries are those of this environment.
        "PYTHONPATH": os.pathsep.join(libraries),
    }
    command = [str(PLAYBOOK), str(ANSIBLE / "playbooks" / name), *arguments]
    command += ["--extra-vars", json.dumps(variables)]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=240
    )


def card_of(card: Path) -> dict[str, str]:
    """What a release says of itself."""
    return dict(json.loads(card.read_text()))


def sha256(path: Path) -> str:
    """Of a file, as sha256sum prints it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This repository's agent as a release; its card."""
    out = tmp_path_factory.mktemp("good")
    done = play(
        "wheelhouse.yml",
        wheelhouse_out=str(out),
        wheelhouse_pins="",
        wheelhouse_python=f"{sys.version_info.major}.{sys.version_info.minor}",
        wheelhouse_machine=os.uname().machine,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (card,) = out.glob("*.json")
    return card


@dataclass(frozen=True)
class Box:
    """A box that is a folder."""

    name: str
    root: Path

    @property
    def config(self) -> Path:
        return self.root / "etc" / "ioc-edge" / "box.yaml"

    @property
    def unit(self) -> Path:
        return self.root / "etc" / "systemd" / "system" / "ioc-edge.service"

    @property
    def running(self) -> str:
        return (self.root / "opt" / "ioc-edge" / "current").readlink().name

    @property
    def releases(self) -> set[str]:
        folder = self.root / "opt" / "ioc-edge" / "releases"
        return {release.name for release in folder.iterdir()} if folder.exists() else set()

    @property
    def variables(self) -> dict[str, Any]:
        key = Ed25519PrivateKey.from_private_bytes(self.name.encode().ljust(32, b"."))
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        camera = {
            "id": f"{self.name}-bac",
            "title_vi": "Ngã tư Phan Ngọc Hiển, hướng bắc",
            "source": "rtsp://viewer:p%40ss@192.0.2.21:554/stream1",
            "location": {"lon": 105.1497, "lat": 9.1771},
            "max_fps": 5,
        }
        return {
            "edge_root": str(self.root),
            "edge_box": self.name,
            "edge_broker_password": "bí mật: #1",
            "edge_signing_key": pem,
            "edge_cameras": [camera],
        }


@dataclass(frozen=True)
class Fleet:
    """Boxes in the order of their rings, on one inventory."""

    inventory: Path
    boxes: tuple[Box, ...]

    def deploy(
        self, card: Path, *arguments: str, **variables: Any
    ) -> subprocess.CompletedProcess[str]:
        """Bring the boxes to the release of that card, one ring each."""
        return play(
            "edge.yml",
            "-i",
            str(self.inventory),
            *arguments,
            edge_bundle=str(card),
            rings=[1],
            **variables,
        )


def fleet(folder: Path, *names: str) -> Fleet:
    """An inventory of local boxes under that folder."""
    user, group = os.getuid(), os.getgid()
    shared = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "edge_become": False,
        "edge_manage_account": False,
        "edge_owner": str(user),
        "edge_user": str(user),
        "edge_group": str(group),
        "edge_python": sys.executable,
        "edge_broker_host": "mqtt.example.org",
        "edge_api_url": "https://ioc.example.org",
        "edge_api_key": "ioc_test_key",
        "edge_detector": "motion",
        "edge_config_extra": {"spool_max_mib": 512},
    }
    boxes = tuple(Box(name, folder / name) for name in names)
    hosts = {box.name: box.variables for box in boxes}
    inventory = folder / "hosts.yml"
    inventory.write_text(yaml.safe_dump({"edge": {"vars": shared, "hosts": hosts}}))
    return Fleet(inventory, boxes)


@pytest.fixture(scope="module")
def broken_release(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The next release, in order in every way but that its agent cannot open a plate reader."""
    out = tmp_path_factory.mktemp("bad")
    bundle = out / "bundle"
    with tarfile.open(release.with_suffix(".tar")) as tar:
        tar.extractall(bundle, filter="data")
    (wheel,) = bundle.glob("wheels/ioc_edge-*.whl")
    with zipfile.ZipFile(wheel) as whole:
        files = {name: whole.read(name) for name in whole.namelist()}
    files["ioc_edge/backends/ppocr.py"] = b"import no_such_library\n"
    pins, before = bundle / "requirements.txt", sha256(wheel)
    with zipfile.ZipFile(wheel, "w") as broken:
        for name, body in files.items():
            broken.writestr(name, body)
    pins.write_text(pins.read_text().replace(before, sha256(wheel)))
    card = out / "next.json"
    with tarfile.open(card.with_suffix(".tar"), "w") as tar:
        tar.add(bundle, ".")
    changed = {"release": "99-bad", "tar": "next.tar", "sha256": sha256(card.with_suffix(".tar"))}
    card.write_text(json.dumps(card_of(release) | changed))
    return card


@dataclass(frozen=True)
class Deployed:
    """A fleet whose first box has its release; the ring behind waits."""

    fleet: Fleet
    box: Box
    behind: Box
    card: Path

    def again(self, *arguments: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        """The first box once more, to the release that it has."""
        return self.fleet.deploy(self.card, "--limit", self.box.name, *arguments, **variables)


@pytest.fixture(scope="module")
def deployed(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    """Two boxes, of which the first has the good release."""
    two = fleet(tmp_path_factory.mktemp("fleet"), "box-1", "box-2")
    box, behind = two.boxes
    first = Deployed(two, box, behind, release)
    done = first.again()
    assert done.returncode == 0, done.stdout + done.stderr
    return first


@pytest.mark.parametrize("playbook", ["edge.yml", "wheelhouse.yml"])
def test_a_playbook_parses_with_the_example_inventory(playbook: str) -> None:
    done = play(playbook, "--syntax-check", "-i", str(ANSIBLE / "inventories" / "example"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_box_runs_the_release_that_was_packed(deployed: Deployed) -> None:
    assert deployed.box.running == card_of(deployed.card)["release"]


def test_a_second_run_changes_nothing(deployed: Deployed) -> None:
    done = deployed.again()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "changed=0 " in done.stdout


def test_the_rendered_configuration_is_what_agent_and_schema_expect(deployed: Deployed) -> None:
    text = deployed.box.config.read_text()
    schema = json.loads((REPO / "firmware_configs/schema/box.schema.json").read_text())
    Draft202012Validator(schema).validate(yaml.safe_load(text))
    config, _ = settings.parse(text, deployed.box.config)
    assert config.box == "box-1"
    assert config.cameras[0].title_vi == "Ngã tư Phan Ngọc Hiển, hướng bắc"
    assert config.broker.password_file.read_text() == "bí mật: #1"


def test_only_the_agent_reads_its_secrets(deployed: Deployed) -> None:
    secrets = list((deployed.box.config.parent / "secrets").iterdir())
    assert {secret.name for secret in secrets} == {"api_key", "broker_password", "signing_key.pem"}
    assert {stat.S_IMODE(secret.stat().st_mode) for secret in secrets} == {0o600}
    assert "bí mật" not in deployed.box.config.read_text()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
def test_systemd_accepts_the_unit(deployed: Deployed) -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(deployed.box.unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    complaints = [line for line in done.stderr.splitlines() if "ioc-edge.service" in line]
    assert (done.returncode, complaints) == (0, []), done.stderr


def test_a_release_that_is_not_well_goes_back_and_stops_the_rings(
    deployed: Deployed, broken_release: Path
) -> None:
    config = deployed.box.config.read_bytes()

    done = deployed.fleet.deploy(broken_release, edge_threads=3)

    assert done.returncode != 0
    assert "box-1 refused 99-bad" in done.stdout
    assert "no_such_library" in done.stdout
    assert deployed.box.running == card_of(deployed.card)["release"]
    assert "99-bad" in deployed.box.releases
    assert deployed.box.config.read_bytes() == config
    assert [path.name for path in deployed.box.config.parent.glob("box.yaml*")] == ["box.yaml"]
    assert deployed.behind.releases == set()


def test_the_agent_refuses_a_configuration_before_it_is_in_place(deployed: Deployed) -> None:
    config = deployed.box.config.read_bytes()
    done = deployed.again(edge_config_extra={"no_such_key": 1})
    assert done.returncode != 0
    assert "no_such_key" in done.stdout
    assert deployed.box.config.read_bytes() == config


def test_a_bundle_for_another_machine_is_refused(release: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.json"
    foreign.write_text(json.dumps(card_of(release) | {"machine": "riscv64"}))
    one = fleet(tmp_path, "box-1")
    done = one.deploy(foreign)
    assert done.returncode != 0
    assert "riscv64" in done.stdout
    assert one.boxes[0].releases == set()
