"""A box's configuration: one YAML file, checked whole before anything starts."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from ioc_edge import sealing
from ioc_edge.errors import ConfigInvalid, in_words
from ioc_models.events import BoxId, CameraId
from ioc_models.geo import Point

Title = Annotated[str, StringConstraints(min_length=1, max_length=200)]
MODELS = Path(__file__).resolve().parent.parent / "models"
BUILT_IN_DETECTOR = MODELS / "detector" / "model.yaml"
BUILT_IN_READER = MODELS / "reader" / "model.yaml"
_PATHS = (
    *("state_dir", "password_file", "key_file", "ca_file", "signing_key_file", "models"),
    *("scene", "plate_detector"),
)


def built_in_reader() -> Literal["ppocr"] | Path:
    """Our own reader where its weights are installed, else the one of the rapidocr wheel."""
    return BUILT_IN_READER if BUILT_IN_READER.is_file() else "ppocr"


class Section(BaseModel):
    """Base of all sections: unknown keys refuse to start."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class BrokerConfig(Section):
    """Where events go."""

    host: str = Field(min_length=1)
    port: int = Field(ge=1, le=65535)
    username: str = Field(min_length=1)
    password_file: Path
    ca_file: Path | None = None


class ApiConfig(Section):
    """Where evidence goes; `key_file` holds a key with scope evidence:write."""

    url: HttpUrl
    key_file: Path
    ca_file: Path | None = None


class PrivacyConfig(Section):
    """People and other vehicles are covered in every picture; this says who may see more.

    `police_keys` are public keys (`age1...`, from `ioc-edge key`). With one, the uncovered
    picture is kept too, sealed; without, it is not kept at all. `uncovered_in_the_clear`
    keeps it unsealed, for trials on rendered or consenting traffic alone.
    """

    police_keys: Annotated[tuple[str, ...], Field(max_length=8)] = ()
    uncovered_in_the_clear: bool = False

    @field_validator("police_keys")
    @classmethod
    def _keys(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            for key in value:
                sealing.recipient(key)
        except sealing.KeyInvalid as error:
            raise ValueError(str(error)) from error
        return value


class CameraConfig(Section):
    """One camera: a video file or an RTSP address, and where it stands."""

    id: CameraId
    title_vi: Title
    title_en: Annotated[str, StringConstraints(max_length=200)] = ""
    source: str = Field(min_length=1)
    location: Point
    simulated: bool = False
    loop: bool = False
    max_fps: float = Field(default=10.0, gt=0, le=60)
    # Lanes, lines and lights, from calibration; without it no violation is looked for.
    scene: Path | None = None

    @property
    def is_network(self) -> bool:
        """Whether the source is an address rather than a file."""
        return "://" in self.source


class BoxConfig(Section):
    """Everything one agent knows of its place in the world."""

    schema_version: Literal[1] = Field(alias="schema")
    box: BoxId
    state_dir: Path
    broker: BrokerConfig
    api: ApiConfig | None = None
    signing_key_file: Path | None = None
    privacy: PrivacyConfig = PrivacyConfig()
    # Where the models lie that this file does not name: faces, helmets, lights.
    models: Path = Field(default_factory=lambda: MODELS)
    detector: Literal["motion"] | Path = BUILT_IN_DETECTOR
    # Finds plates instead of `detector`, LPDNet for one.
    plate_detector: Path | None = None
    reader: Literal["ppocr"] | Path = Field(default_factory=built_in_reader)
    # Ask PP-OCR too where the reader is not sure; see `backends/second.py`.
    second_opinion: bool = True
    threads: int = Field(default=1, ge=1, le=64)
    spool_max_mib: int = Field(default=2048, ge=16)
    evidence_max_mib: int = Field(default=8192, ge=16)
    keep_free_mib: int = Field(default=256, ge=0)
    count_every_s: float = Field(default=60.0, ge=1, le=3600)
    cameras: Annotated[tuple[CameraConfig, ...], Field(min_length=1, max_length=64)]

    @model_validator(mode="after")
    def _cameras_differ(self) -> "BoxConfig":
        ids = [camera.id for camera in self.cameras]
        if len(set(ids)) != len(ids):
            raise ValueError(f"camera ids repeat: {sorted(ids)}")
        return self


def named(name: str) -> Callable[[str], str | Path]:
    """Makes a path of a text, unless it is that name: `motion`, `ppocr`."""
    return lambda text: text if text == name else Path(text)


def parse(text: str, path: Path) -> tuple[BoxConfig, str]:
    """A checked configuration and the SHA-256 of its text.

    Relative paths count from the folder of the file, so that it can be moved whole.

    Raises:
        ConfigInvalid: With every fault and where it stands.
    """
    try:
        raw = yaml.safe_load(text)
        config = BoxConfig.model_validate(_anchored(raw, path.resolve().parent))
    except yaml.YAMLError as error:
        raise ConfigInvalid(path, f"not YAML: {error}") from error
    except ValidationError as error:
        raise ConfigInvalid(path, in_words(error)) from error
    return config, hashlib.sha256(text.encode()).hexdigest()


def _anchored(raw: Any, folder: Path) -> Any:  # noqa: ANN401 YAML before it is checked
    """Relative paths made absolute; anything of another shape is left to the check."""
    if not isinstance(raw, dict):
        return raw
    result = {key: _anchored(value, folder) for key, value in raw.items()}
    for key in _PATHS:
        if isinstance(result.get(key), str):
            result[key] = folder / result[key]
    for key, name in (("detector", "motion"), ("reader", "ppocr")):
        if isinstance(result.get(key), str) and result[key] != name:
            result[key] = folder / result[key]
    if isinstance(result.get("cameras"), list):
        result["cameras"] = [_anchored(camera, folder) for camera in result["cameras"]]
    source = result.get("source")
    if isinstance(source, str) and "://" not in source:
        result["source"] = str(folder / source)
    return result
