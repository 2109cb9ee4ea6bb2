"""The agent's command line: reads files and environment, picks the parts, runs them."""

import argparse
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Final

import cv2
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ioc_edge import (
    assembly,
    calibrate,
    convert,
    health,
    look,
    offline,
    opening,
    selftest,
    settings,
)
from ioc_edge.assembly import Assembler, Choice, Models, load_scenes
from ioc_edge.capture import Camera, StateChange
from ioc_edge.errors import ConfigInvalid, EdgeError
from ioc_edge.evidence import EvidenceStore, Protection, Uploader, protection
from ioc_edge.pipeline import Inference
from ioc_edge.publish import Broker, Publisher
from ioc_edge.settings import BoxConfig
from ioc_edge.spool import Draft, Origin, Quota, Spool
from ioc_models.events import BoxStatus, CameraCard
from ioc_models.scene import Scene

log = structlog.get_logger(__name__)

MIB: Final = 1024 * 1024
# Longer than the slowest frame on a busy box; past it the watchdog falls silent.
STUCK_AFTER_S: Final = 20.0
EXIT_CONFIG: Final = 2
# Commands with options, exit codes and logs of their own; each gets its arguments.
OWN: Final[Mapping[str, tuple[str, Callable[[list[str]], int]]]] = {
    "calibrate": (
        "hiệu chuẩn camera / calibrate a camera",
        lambda given: calibrate.main(given[1:]),
    ),
    "key": ("tạo cặp khoá / make a key pair", opening.main),
    "open": ("mở chứng cứ niêm phong / open sealed evidence", opening.main),
    "selftest": (
        "tự kiểm tra mô hình / test the models on this machine",
        lambda given: selftest.main(given[1:]),
    ),
    "convert": (
        "đổi độ chính xác của mô hình / change a model's precision",
        lambda given: convert.main(given[1:]),
    ),
}
# A camera blocked in the network is left behind; its thread dies with the process.
STOP_CAMERA_S: Final = 1.0


class Agent:
    """All parts of one box, put together."""

    def __init__(self, config: BoxConfig, config_sha256: str, secrets: "Secrets") -> None:
        self.config = config
        self._cards = {camera.id: camera for camera in config.cameras}
        self._origin = Origin(box=config.box, config_sha256=config_sha256)
        self.spool = Spool(
            config.state_dir / "spool.sqlite3",
            self._origin,
            signer=secrets.signing_key,
            quota=Quota(config.spool_max_mib * MIB, config.keep_free_mib * MIB),
        )
        self.evidence = EvidenceStore(
            config.state_dir / "evidence",
            limit_bytes=config.evidence_max_mib * MIB,
            keep_free_bytes=config.keep_free_mib * MIB,
            protection=open_protection(config),
        )
        self.uploader = _uploader(config, self.evidence, secrets)
        self.publisher = Publisher(
            self.spool,
            Broker(
                config.broker.host,
                config.broker.port,
                config.broker.username,
                secrets.broker_password,
                config.broker.ca_file,
            ),
            config.box,
            birth=self._birth,
        )
        arrived = threading.Event()
        self.cameras = [
            Camera(camera, on_change=self._changed, on_frame=arrived.set)
            for camera in config.cameras
        ]
        scenes, models = open_models(config)
        assembler = Assembler(models, self.evidence, config.count_every_s, health.clock)
        lines = [
            (
                camera,
                assembler.pipeline(
                    camera.config, detector, scenes.get(camera.config.id), camera.clip
                ),
            )
            for camera, detector in zip(self.cameras, models.detectors, strict=True)
        ]
        self.inference = Inference(lines, self._store, arrived)

    def run(self, stop: threading.Event, watchdog: health.Watchdog) -> None:
        """Start all parts, report every second, stop them in the order that loses nothing."""
        self.publisher.start()
        if self.uploader is not None:
            self.uploader.start()
        self.inference.start()
        for camera in self.cameras:
            camera.start()
        watchdog.ready()
        log.info("agent_started", box=self.config.box, cameras=len(self.cameras))
        while not stop.wait(1.0):
            self._report(watchdog)
        watchdog.stopping()
        self._stop()

    def _stop(self) -> None:
        for wait_s in (0.0, STOP_CAMERA_S):
            for camera in self.cameras:
                camera.stop(wait_s)
        self.inference.stop()
        self.spool.flush()
        self.publisher.stop()
        self.spool.close()
        if self.uploader is not None:
            self.uploader.stop()
        if self.uploader is None or self.uploader.stopped:
            self.evidence.close()
        log.info("agent_stopped", backlog=self.spool.backlog, frames=self.inference.frames)

    def _report(self, watchdog: health.Watchdog) -> None:
        """Telemetry of every camera, and the sign of life if inference moves."""
        clock, heat_c = health.clock(), health.temperature_c()
        pending = self.evidence.pending
        for camera in self.cameras:
            figures = health.telemetry(
                camera,
                at=clock,
                spool_events=self.spool.backlog,
                evidence_pending=pending,
                heat_c=heat_c,
            )
            self.publisher.telemetry(camera.config.id, figures)
        if time.monotonic() - self.inference.beat_at < STUCK_AFTER_S:
            watchdog.alive()

    def _changed(self, change: StateChange) -> None:
        self._store(health.change_event(change, self._cards[change.camera]))

    def _store(self, draft: Draft) -> None:
        """Hand an event to the spool without waiting; a refusal is logged and declared there."""
        done = self.spool.submit(draft)
        done.add_done_callback(
            lambda future: future.exception() and log.error("event_refused", kind=draft.kind)
        )

    def _birth(self) -> BoxStatus:
        states = {camera.config.id: camera.state for camera in self.cameras}
        return BoxStatus(
            online=True,
            box=self.config.box,
            at=datetime.now(timezone.utc),
            boot=self._origin.boot,
            epoch=self.spool.epoch,
            versions={"ioc-edge": version("ioc-edge"), "ioc-models": version("ioc-models")},
            config_sha256=self._origin.config_sha256,
            cameras=tuple(
                CameraCard(
                    id=camera.id,
                    title_vi=camera.title_vi,
                    title_en=camera.title_en,
                    location=camera.location,
                    simulated=camera.simulated,
                    state=states[camera.id],
                )
                for camera in self.config.cameras
            ),
        )


class Secrets:
    """What the configuration's secret files hold.

    Raises:
        ConfigInvalid: A file is missing or holds something else.
    """

    def __init__(self, config: BoxConfig, path: Path) -> None:
        self._path = path
        self.broker_password = self._text("broker.password_file", config.broker.password_file)
        self.api_key = self._text("api.key_file", config.api.key_file) if config.api else None
        self.signing_key = (
            self._signing_key(config.signing_key_file) if config.signing_key_file else None
        )

    def _text(self, name: str, file: Path) -> str:
        try:
            text = file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ConfigInvalid(self._path, f"{name}: {error}") from error
        if not text:
            raise ConfigInvalid(self._path, f"{name}: {file} is empty")
        return text

    def _signing_key(self, file: Path) -> Ed25519PrivateKey:
        try:
            key = load_pem_private_key(file.read_bytes(), password=None)
        except (OSError, ValueError, TypeError) as error:
            raise ConfigInvalid(self._path, f"signing_key_file: {error}") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise ConfigInvalid(self._path, f"signing_key_file: {file} is no Ed25519 key")
        return key


def open_models(config: BoxConfig) -> tuple[dict[str, Scene], Models]:
    """The scenes of the box's cameras, and the models that they need."""
    scenes = load_scenes(config.cameras)
    choice = Choice(
        config.detector,
        config.reader,
        config.second_opinion,
        config.threads,
        config.plate_detector,
        config.models,
    )
    return scenes, assembly.open_models(choice, len(config.cameras), list(scenes.values()))


def open_protection(config: BoxConfig) -> Protection:
    """What covers people in pictures, as the box has it."""
    return protection(
        config.privacy,
        config.detector if isinstance(config.detector, Path) else None,
        config.models / "faces" / "model.yaml",
        config.threads,
    )


def load(path: Path) -> tuple[BoxConfig, str, Secrets]:
    """Configuration, its hash and its secrets.

    Raises:
        ConfigInvalid: With every fault and where it stands.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigInvalid(path, str(error)) from error
    config, digest = settings.parse(text, path)
    return config, digest, Secrets(config, path)


def run(options: argparse.Namespace) -> int:
    """Run the agent until SIGTERM or SIGINT, or the pipeline over a film."""
    if options.source.suffix.lower() not in {".yaml", ".yml"}:
        return offline.run_film(options)
    config, digest, secrets = load(options.source)
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    Agent(config, digest, secrets).run(stop, health.Watchdog(os.environ.get("NOTIFY_SOCKET")))
    return 0


def check(options: argparse.Namespace) -> int:
    """Check configuration, secrets and models; changes nothing."""
    config, digest, _ = load(options.source)
    open_models(config)
    open_protection(config)
    log.info("config_ok", box=config.box, cameras=len(config.cameras), sha256=digest)
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; exit code 2 on a configuration that cannot be used."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if given and given[0] in OWN:
        _, its_main = OWN[given[0]]
        return its_main(given)
    chosen = _parser().parse_args(given)
    _set_up()
    try:
        return int(chosen.do(chosen))
    except ConfigInvalid as error:
        sys.stderr.write(f"Cấu hình không dùng được / configuration unusable\n{error}\n")
        return EXIT_CONFIG
    except EdgeError as error:
        sys.stderr.write(f"Tác nhân không chạy được / agent cannot run\n{error}\n")
        return 1
    except BrokenPipeError:
        # `| head` has seen enough; Python would complain once more while it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ioc-edge", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser(
        "run", help="chạy hộp, hoặc một phim / run the box, or a film", description=run.__doc__
    )
    running.add_argument(
        "source", type=Path, help="tệp YAML của hộp, hoặc video / YAML file of this box, or a video"
    )
    offline.add_options(running)
    running.set_defaults(do=run)
    checking = commands.add_parser(
        "check", help="kiểm tra cấu hình / check the configuration", description=check.__doc__
    )
    checking.add_argument("source", type=Path, help="tệp YAML của hộp / YAML file of this box")
    checking.set_defaults(do=check)
    look.add_commands(commands)
    for name, (does, _) in OWN.items():
        commands.add_parser(name, help=does, add_help=False)
    return parser


def _uploader(config: BoxConfig, store: EvidenceStore, secrets: Secrets) -> Uploader | None:
    if config.api is None or secrets.api_key is None:
        return None
    return Uploader(store, str(config.api.url), secrets.api_key, ca_file=config.api.ca_file)


def _set_up() -> None:
    """Process-wide choices: JSON lines on stderr, one thread for OpenCV."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    # The cores belong to decoding and inference; OpenCV's pool would fight both.
    cv2.setNumThreads(1)
