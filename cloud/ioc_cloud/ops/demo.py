"""The boxes of `ioc up`: their configuration, accounts, keys and rendered cameras."""

import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import psycopg
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, ConfigDict, TypeAdapter

from ioc_cloud.auth import keys
from ioc_cloud.errors import CloudError
from ioc_cloud.ingest import boxes
from ioc_cloud.ops import broker
from ioc_cloud.ops.home import REPOSITORY, Access, Home, write_private
from ioc_models.events import BoxId, CameraId
from ioc_models.geo import Point

DEFINITIONS = REPOSITORY / "firmware_configs" / "demo.yaml"


class RenderFailed(CloudError):
    """The demo video could not be made."""


class SceneDefinition(BaseModel):
    """What the renderer is asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int
    time_of_day: Literal["day", "dusk", "night"]
    rain: bool
    seconds: int
    view: Literal["junction", "plates"]


class DemoCamera(BaseModel):
    """A camera of a demo box."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: CameraId
    title_vi: str
    title_en: str
    location: Point
    max_fps: float
    scene: SceneDefinition


class DemoBox(BaseModel):
    """One box of firmware_configs/demo.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    box: BoxId
    cameras: tuple[DemoCamera, ...]


class _Definitions(BaseModel):
    model_config = ConfigDict(extra="forbid")

    boxes: tuple[DemoBox, ...]


def definitions(path: Path = DEFINITIONS) -> tuple[DemoBox, ...]:
    """The demo boxes.

    Raises:
        pydantic.ValidationError: The file does not say what it must.
    """
    return TypeAdapter(_Definitions).validate_python(yaml.safe_load(path.read_text())).boxes


def video_path(home: Home, camera: DemoCamera) -> Path:
    """Where a camera's rendered video lies; another scene is another file."""
    scene = camera.scene
    weather = "rain" if scene.rain else "dry"
    name = (
        f"{camera.id}-{scene.seed}-{scene.view}-{scene.time_of_day}-{weather}-{scene.seconds}s.mp4"
    )
    return home.boxes / "scenes" / name


def scene_path(home: Home, camera: DemoCamera) -> Path:
    """Where its lanes, lines and lights lie: the renderer knows them exactly."""
    return video_path(home, camera).with_suffix(".scene.yaml")


class Rendering:
    """One camera's video being drawn, by a process of its own."""

    def __init__(self, home: Home, camera: DemoCamera) -> None:
        """Begin, unless the video is there already."""
        self.camera = camera
        self.share = 1.0
        self._target = video_path(home, camera)
        self._part = self._target.with_suffix(".part.mp4")
        self._process: subprocess.Popen[str] | None = None
        if not (self._target.exists() and scene_path(home, camera).exists()):
            self.share = 0.0
            self._process = self._start()

    def _start(self) -> "subprocess.Popen[str]":
        self._target.parent.mkdir(parents=True, exist_ok=True)
        scene = self.camera.scene
        options = ["--seed", str(scene.seed), "--time", scene.time_of_day]
        options += ["--seconds", str(scene.seconds), *(["--rain"] if scene.rain else [])]
        options += ["--view", scene.view, "--camera", self.camera.id, "--progress", "plain"]
        return subprocess.Popen(  # noqa: S603 our own renderer
            [sys.executable, "-m", "ioc_edge.scene", str(self._part), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def follow(self) -> None:
        """Keep `share`, from 0 to 1, until the video is whole.

        Raises:
            RenderFailed: With the renderer's last words.
        """
        if self._process is None:
            return
        for line in self._process.stdout or ():
            self.share = float(line)
        _, complaint = self._process.communicate()
        if self._process.returncode:
            raise RenderFailed(f"{self.camera.id}: {complaint.strip()[-500:]}")
        self._part.with_suffix(".scene.yaml").replace(self._target.with_suffix(".scene.yaml"))
        self._part.replace(self._target)

    def stop(self) -> None:
        """Give up, as when the user does."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()


def enrol(
    home: Home, access: Access, connection: psycopg.Connection[Any], box: str
) -> dict[str, Any]:
    """Give a box its account, keys and registration; the same again at every start.

    Returns:
        The box's configuration, cameras left out.
    """
    broker.check_name(box)
    private_path = home.secrets / f"box-{box}-signing.pem"
    if not private_path.exists():
        write_private(private_path, _new_signing_key())
    private = serialization.load_pem_private_key(private_path.read_bytes(), password=None)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    boxes.register(connection, box, public.decode())
    key_path = home.secrets / f"box-{box}-key"
    if not key_path.exists():
        write_private(key_path, keys.create(connection, f"box {box}", ["evidence:write"], box=box))
    password_path = home.secrets / f"box-{box}-mqtt"
    broker.set_password(home, box, home.secret(password_path.name))
    return {
        "schema": 1,
        "box": box,
        "state_dir": str(home.boxes / box),
        "broker": {
            "host": access.ports.mqtt_host,
            "port": access.ports.mqtt,
            "username": box,
            "password_file": str(password_path),
            "ca_file": str(access.mqtt_ca) if access.mqtt_ca else None,
        },
        "api": {"url": access.ports.url, "key_file": str(key_path)},
        "signing_key_file": str(private_path),
    }


def _new_signing_key() -> str:
    return (
        Ed25519PrivateKey.generate()
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        .decode()
    )


def write_configuration(
    home: Home, box: DemoBox, enrolled: dict[str, Any], video: str | None
) -> Path:
    """Write a box's YAML; `video` replaces the rendered camera by the user's own."""
    cameras = [
        {
            **camera.model_dump(exclude={"scene"}, mode="json"),
            **({"title_vi": "Camera của bạn", "title_en": "Your camera"} if video else {}),
            "source": video or str(video_path(home, camera)),
            "simulated": video is None,
            "loop": video is None,
            "scene": None if video else str(scene_path(home, camera)),
        }
        for camera in box.cameras
    ]
    path = home.boxes / f"{box.box}.yaml"
    text = yaml.safe_dump({**enrolled, "cameras": cameras}, allow_unicode=True, sort_keys=False)
    write_private(path, text)
    return path
