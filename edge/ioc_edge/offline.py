"""`ioc-edge run VIDEO`: the whole pipeline over a film, at the speed of the machine, offline."""

import argparse
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final, TextIO

from rich.console import Console
from rich.progress import Progress

from ioc_edge import scene_file, settings
from ioc_edge.assembly import Assembler, Choice, load_scenes, open_models
from ioc_edge.errors import ConfigInvalid, SourceFailed
from ioc_edge.evidence import EvidenceStore, protection
from ioc_edge.film import Film, open_film
from ioc_edge.pipeline import Pipeline
from ioc_edge.settings import BoxConfig, CameraConfig, PrivacyConfig
from ioc_edge.spool import Draft, Origin, Quota, Spool

EXIT_CUT_SHORT: Final = 3
GIB: Final = 1 << 30
BOX: Final = "offline"
# Where a film was taken is not known; the camera's form wants a place, its events have none.
NOWHERE: Final = {"lon": 0.0, "lat": 0.0}


@dataclass(frozen=True, slots=True)
class Setting:
    """What stands around a film: as a box's configuration says, or the defaults."""

    camera: CameraConfig
    box: str = BOX
    config: BoxConfig | None = None
    config_sha256: str | None = None


class Lines:
    """Events as JSON lines, in the envelope that goes on the wire.

    They pass through a spool in a temporary folder, which gives each its id, its place in
    the sequence and the hash of the one before, and refuses what the cloud would refuse.
    """

    def __init__(self, spool: Spool, out: TextIO) -> None:
        self.written = 0
        self._spool = spool
        self._out = out
        self._last = 0

    def take(self, draft: Draft) -> None:
        """Hand over an event."""
        self._spool.append(draft)

    def write(self) -> None:
        """Write down all that came since the last call."""
        for stored in self._spool.unacknowledged(after=self._last):
            self._out.write(stored.body.decode() + "\n")
            self._last = stored.seq
            self.written += 1
        self._out.flush()


def run_film(options: argparse.Namespace) -> int:
    """Take a film from its first frame to its last; 3 when it breaks off before."""
    if not options.events or not options.no_publish:
        raise ConfigInvalid(options.source, "phim cần / a film needs: --events FILE --no-publish")
    film = open_film(options.source, options.began)
    setting = set_up(options)
    with ExitStack() as stack:
        store = evidence(options, setting, stack)
        pipeline = new_pipeline(setting, options, store, film)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ioc-edge-")))
        origin = Origin(box=setting.box, config_sha256=setting.config_sha256)
        spool = Spool(folder / "spool.sqlite3", origin, quota=Quota(GIB, keep_free_bytes=0))
        stack.callback(spool.close)
        lines = Lines(spool, stack.enter_context(opened(options.events)))
        fault = take(film, setting, pipeline, lines)
    written = lines.written
    sys.stderr.write(f"{written} sự kiện / {written} events: {options.events}\n")
    if fault is None:
        return 0
    sys.stderr.write(f"Phim hỏng giữa chừng / the film broke off: {fault}\n")
    return EXIT_CUT_SHORT


def take(film: Film, setting: Setting, pipeline: Pipeline, lines: Lines) -> SourceFailed | None:
    """Every frame through the pipeline; what was seen before a fault is told all the same."""
    fault = None
    try:
        with progress(film) as advance:
            for frame in film.frames(setting.camera.max_fps):
                _hand_over(pipeline.step(frame), setting, lines)
                advance((frame.seen_at - film.began_at).total_seconds())
    except SourceFailed as error:
        fault = error
    _hand_over(pipeline.finish(), setting, lines)
    return fault


def set_up(options: argparse.Namespace) -> Setting:
    """The camera and the box that this film is taken for.

    Raises:
        ConfigInvalid: The configuration cannot be used, or has no such camera.
    """
    name = re.sub(r"[^a-z0-9-]+", "-", options.source.stem.lower()).strip("-") or "film"
    own = {"id": name[:32].strip("-"), "title_vi": options.source.name[:200]}
    camera = CameraConfig.model_validate(own | {"source": str(options.source), "location": NOWHERE})
    setting = Setting(camera)
    if options.config is not None:
        try:
            text = options.config.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigInvalid(options.config, str(error)) from error
        config, digest = settings.parse(text, options.config)
        chosen = [one for one in config.cameras if options.camera in {None, one.id}]
        if not chosen:
            raise ConfigInvalid(options.config, f"cameras: none is called {options.camera}")
        setting = Setting(chosen[0], config.box, config, digest)
    changes = {"scene": options.scene} if options.scene else {}
    if options.scene and options.config is None:
        changes |= {"id": scene_file.load(options.scene).camera}
    changes |= {"max_fps": options.fps} if options.fps else {}
    return replace(setting, camera=setting.camera.model_copy(update=changes))


def new_pipeline(
    setting: Setting, options: argparse.Namespace, store: EvidenceStore, film: Film
) -> Pipeline:
    """The pipeline of the agent, with the models that were asked for."""
    config = setting.config
    choice = Choice(
        options.detector or (config.detector if config else settings.BUILT_IN_DETECTOR),
        options.reader or (config.reader if config else settings.built_in_reader()),
        not options.no_second and (config is None or config.second_opinion),
        config.threads if config else 1,
        options.plate_detector or (config.plate_detector if config else None),
        config.models if config else settings.MODELS,
    )
    scenes = load_scenes([setting.camera])
    models = open_models(choice, 1, list(scenes.values()))
    assembler = Assembler(models, store, config.count_every_s if config else 60.0)
    scene = scenes.get(setting.camera.id)
    return assembler.pipeline(setting.camera, models.detectors[0], scene, film.clip)


def evidence(options: argparse.Namespace, setting: Setting, stack: ExitStack) -> EvidenceStore:
    """Where pictures go: beside the events, unless told."""
    named = options.evidence
    if named is None and options.events == "-":
        named = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ioc-edge-")))
    folder = named or Path(options.events).with_suffix(".evidence")
    privacy = setting.config.privacy if setting.config else PrivacyConfig()
    store = EvidenceStore(
        folder,
        limit_bytes=64 * GIB,
        keep_free_bytes=GIB // 4,
        protection=protection(privacy, settings.BUILT_IN_DETECTOR),
    )
    stack.callback(store.close)
    return store


def add_options(command: argparse.ArgumentParser) -> None:
    """What `run` takes beside a configuration, for a film."""
    film = command.add_argument_group(
        "phim / film",
        "Với một tệp video: chạy toàn bộ xử lý, ghi sự kiện ra tệp, không gửi đi đâu. / With a "
        "video file: run the whole pipeline as fast as the machine can, write events as JSON "
        "lines in the form of the wire, send nothing. Exit code 3: the film broke off.",
    )
    film.add_argument("--events", metavar="FILE", help="tệp JSON lines / '-' is stdout")
    film.add_argument("--no-publish", action="store_true", help="không gửi / send nothing")
    film.add_argument("--scene", type=Path, help="tệp cảnh của camera / the camera's scene file")
    film.add_argument("--config", type=Path, help="cấu hình hộp / a box's configuration to go by")
    film.add_argument("--camera", help="camera nào trong cấu hình / which camera of --config")
    film.add_argument("--evidence", type=Path, help="thư mục chứng cứ / folder for pictures")
    film.add_argument("--fps", type=float, help="số khung mỗi giây / frames a second, at most")
    film.add_argument(
        "--began",
        type=_moment,
        help="lúc bắt đầu quay, ISO 8601 có múi giờ / when it was taken, with its time zone",
    )
    film.add_argument("--detector", type=settings.named("motion"), help="model.yaml | motion")
    film.add_argument(
        "--plate-detector", type=Path, help="model.yaml riêng cho biển số / for plates"
    )
    film.add_argument("--reader", type=settings.named("ppocr"), help="model.yaml | ppocr")
    film.add_argument("--no-second", action="store_true", help="một bộ đọc / one reader alone")


def _hand_over(drafts: list[Draft], setting: Setting, lines: Lines) -> None:
    for draft in drafts:
        lines.take(draft if setting.config else replace(draft, location=None))
    if drafts:
        lines.write()


@contextmanager
def opened(name: str) -> Iterator[TextIO]:
    """A file for the events, or stdout for `-`."""
    if name == "-":
        yield sys.stdout
        return
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        yield file


@contextmanager
def progress(film: Film) -> Iterator[Callable[[float], None]]:
    """A bar on a terminal, a line at the end in a log; takes seconds of film done."""
    console = Console(stderr=True)
    done = 0.0
    started = time.monotonic()
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(film.path.name, total=film.seconds)

        def advance(seconds: float) -> None:
            nonlocal done
            done = seconds
            bar.update(task, completed=seconds)

        yield advance
    took = max(1e-9, time.monotonic() - started)
    sys.stderr.write(
        f"{done:.1f} giây phim trong {took:.1f} giây / {done:.1f} s of film in {took:.1f} s\n"
    )


def _moment(text: str) -> datetime:
    at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if at.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text}: thiếu múi giờ / the time zone is missing")
    return at
