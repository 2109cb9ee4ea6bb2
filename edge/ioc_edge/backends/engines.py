"""Compiled engines on disk: built once for these weights, this TensorRT and this GPU."""

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that an engine depends on; one built from another recipe may not be loaded."""

    onnx: str
    tensorrt: str
    gpu: str
    sm: str
    flags: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Names the engine's file."""
        return _digest(asdict(self))

    @property
    def ground(self) -> str:
        """Names the timing cache: timings hold for every graph on this GPU and TensorRT."""
        return _digest({"tensorrt": self.tensorrt, "gpu": self.gpu, "sm": self.sm})


@dataclass(frozen=True, slots=True)
class Engines:
    """The engines of one model in a folder.

    A file that cannot be written costs the next start its time and nothing else.
    """

    folder: Path
    name: str

    def kept(self, recipe: Recipe) -> bytes | None:
        """The engine of this recipe; None when there is none or it is not what was built.

        TensorRT runs what a plan says, so one whose hash is not that of its manifest is
        never handed to it.
        """
        try:
            plan = self._engine(recipe).read_bytes()
            manifest = json.loads(self._manifest(recipe).read_text(encoding="utf-8"))
            wanted = manifest["engine_sha256"]
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError) as error:
            log.warning("engine_unreadable", model=self.name, reason=str(error))
            return None
        if hashlib.sha256(plan).hexdigest() != wanted:
            log.warning("engine_damaged", model=self.name, engine=self._engine(recipe).name)
            return None
        return plan

    def timings(self, recipe: Recipe) -> bytes:
        """What earlier builds on this GPU measured; empty at first."""
        try:
            return self._timing(recipe).read_bytes()
        except OSError:
            return b""

    def keep(self, recipe: Recipe, plan: bytes, timings: bytes, took_s: float) -> None:
        """Store an engine, the manifest that vouches for it last."""
        manifest = {
            **asdict(recipe),
            "engine_sha256": hashlib.sha256(plan).hexdigest(),
            "bytes": len(plan),
            "took_s": took_s,
        }
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if timings:
                _write(self._timing(recipe), timings)
            _write(self._engine(recipe), plan)
            _write(self._manifest(recipe), json.dumps(manifest, indent=1).encode())
        except OSError as error:
            log.warning("engine_not_kept", model=self.name, reason=str(error))

    def _engine(self, recipe: Recipe) -> Path:
        return self.folder / f"{self.name}.{recipe.digest}.engine"

    def _manifest(self, recipe: Recipe) -> Path:
        return self.folder / f"{self.name}.{recipe.digest}.engine.json"

    def _timing(self, recipe: Recipe) -> Path:
        return self.folder / f"timings.{recipe.ground}.cache"


def _digest(of: dict[str, object]) -> str:
    return hashlib.sha256(json.dumps(of, sort_keys=True).encode()).hexdigest()[:16]


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, also beside another process that builds the same."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
