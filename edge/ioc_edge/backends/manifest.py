"""What a model.yaml says: how a network is fed and what its answer means."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from ioc_edge.backends import PLATE, VEHICLES
from ioc_edge.errors import ModelInvalid, in_words
from ioc_models.events import ModelRef

Task: TypeAlias = Literal["detector", "reader", "classifier", "lights"]
Word: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=200)]

# Each decoder with the tasks that it can serve and the keys that are its alone.
DECODERS: Final[Mapping[str, tuple[frozenset[str], frozenset[str]]]] = {
    "yolov8": (frozenset({"detector"}), frozenset({"end_to_end"})),
    "yolox": (frozenset({"detector"}), frozenset({"strides", "decoded"})),
    "rtdetr": (frozenset({"detector"}), frozenset({"scores"})),
    "detectnet": (frozenset({"detector"}), frozenset()),
    "ctc": (frozenset({"reader"}), frozenset({"alphabet", "blank", "rows", "scores"})),
    "slots": (frozenset({"reader"}), frozenset({"alphabet", "blank", "grounds", "scores"})),
    "softmax": (frozenset({"classifier", "lights"}), frozenset({"scores"})),
}
_KEYS_OF_SOME: Final = frozenset[str]().union(*(keys for _, keys in DECODERS.values()))
# What the rest of the box understands; a network's other words are mapped onto these.
LABELS: Final[Mapping[str, frozenset[str]]] = {
    "detector": VEHICLES | {PLATE, "person", "helmet", "no_helmet", "traffic_light"},
    "lights": frozenset({"red", "amber", "green", "off", "unknown"}),
}
CHANNELS: Final[Mapping[str, int]] = {"RGB": 3, "BGR": 3, "GREY": 1}


class Part(BaseModel):
    """Base of all parts: an unknown key is a slip, and refuses to start."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Input(Part):
    """How a picture becomes a tensor: (pixel * scale - mean) / std, pixels 0..255.

    Either `letterbox` (proportions kept, the rest filled with that grey, the picture in
    the middle or in the upper left corner) or `stretch`. `resize: area` averages where
    a picture shrinks, which is how most readers are trained.
    """

    width: int = Field(ge=8, le=4096)
    height: int = Field(ge=8, le=4096)
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    color: Literal["RGB", "BGR", "GREY"] = "RGB"
    letterbox: int | None = Field(default=None, ge=0, le=255)
    anchor: Literal["centre", "corner"] = "centre"
    stretch: bool = False
    resize: Literal["linear", "area"] = "linear"
    scale: float = Field(default=1 / 255, gt=0)
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    @property
    def channels(self) -> int:
        """Planes of a picture."""
        return CHANNELS[self.color]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one picture's tensor, without the batch."""
        if self.layout == "NCHW":
            return self.channels, self.height, self.width
        return self.height, self.width, self.channels

    @model_validator(mode="after")
    def _fits(self) -> "Input":
        if (self.letterbox is not None) == self.stretch:
            raise ValueError("say either 'letterbox: 114' (a grey) or 'stretch: true'")
        if self.stretch and self.anchor != "centre":
            raise ValueError("'anchor' is where a letterbox puts the picture; 'stretch' has none")
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in {1, self.channels}:
                raise ValueError(f"'{name}' needs 1 or {self.channels} numbers, has {len(values)}")
        if min(self.std) <= 0:
            raise ValueError("'std' must be above 0")
        return self


class Thresholds(Part):
    """From which confidence an answer counts, and which boxes are the same thing."""

    confidence: float = Field(default=0.25, gt=0, lt=1)
    iou: float = Field(default=0.5, gt=0, lt=1)
    by_label: dict[str, Annotated[float, Field(gt=0, lt=1)]] = {}


class Calibration(Part):
    """What turns a network's belief into a share of being right (Guo 2017).

    Logits are divided by `temperature`; belief that comes as probabilities is taken
    back to logits first.
    """

    temperature: float = Field(default=1.0, gt=0, le=100)


class Manifest(Part):
    """A model.yaml, checked. Whatever a trainer wants to remember stands under `notes`."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    version: str = ""
    task: Task
    file: Word
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    licence: Word
    attribution: tuple[str, ...] = ()
    decoder: str
    backend: Literal["onnx", "tensorrt"] = "onnx"
    precision: Literal["fp32", "fp16", "int8"] = "fp32"
    input: Input
    outputs: dict[str, str] = {}
    labels: tuple[Word, ...] = ()
    label_map: dict[str, str | None] = {}
    thresholds: Thresholds = Thresholds()
    calibration: Calibration = Calibration()
    notes: dict[str, Any] = {}
    # yolov8: the graph has suppressed repeats itself and gives (B, N, 6).
    end_to_end: bool = False
    # yolox
    strides: tuple[Annotated[int, Field(ge=1, le=256)], ...] = (8, 16, 32)
    decoded: bool = False
    # rtdetr, ctc, slots, softmax
    scores: Literal["logits", "probabilities"] = "logits"
    # ctc, slots
    alphabet: tuple[str, ...] = ()
    blank: Literal["first", "last"] = "first"
    rows: Literal["split", "whole"] = "split"
    grounds: tuple[Word, ...] = ()
    folder: Path = Field(default=Path(), exclude=True)

    @classmethod
    def load(cls, path: Path) -> "Manifest":
        """Read a model.yaml and check its weights against their hash.

        Raises:
            ModelInvalid: Unreadable, incomplete, contradictory, or other weights.
        """
        try:
            raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise ModelInvalid(path, f"the manifest cannot be read: {error}") from error
        except yaml.YAMLError as error:
            raise ModelInvalid(path, f"the manifest is no YAML: {error}") from error
        if not isinstance(raw, dict) or "folder" in raw:
            raise ModelInvalid(path, "the manifest must be a list of 'key: value' lines")
        try:
            manifest = cls.model_validate({**raw, "folder": path.resolve().parent})
        except ValidationError as error:
            raise ModelInvalid(path, in_words(error, "manifest")) from error
        check_weights(path, manifest.file, manifest.sha256)
        return manifest

    @property
    def weights(self) -> Path:
        """The ONNX file."""
        return self.folder / self.file

    @property
    def model(self) -> ModelRef:
        """As events name it."""
        return ModelRef(name=self.name, sha256=self.sha256)

    @property
    def ours(self) -> tuple[str | None, ...]:
        """For each of the network's labels the box's word; None where it is left out."""
        return tuple(self.label_map.get(label, label) for label in self.labels)

    def least(self, label: str) -> float:
        """The confidence from which this label counts."""
        return self.thresholds.by_label.get(label, self.thresholds.confidence)

    @model_validator(mode="before")
    @classmethod
    def _alphabet_as_letters(cls, raw: Any) -> Any:  # noqa: ANN401 YAML before it is checked
        """`alphabet: "0123AB"` is a list of its letters."""
        if isinstance(raw, dict) and isinstance(raw.get("alphabet"), str):
            return {**raw, "alphabet": tuple(raw["alphabet"])}
        return raw

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> "Manifest":
        if self.decoder not in DECODERS:
            raise ValueError(f"decoder '{self.decoder}' is unknown; there are {_listed(DECODERS)}")
        tasks, keys = DECODERS[self.decoder]
        if self.task not in tasks:
            raise ValueError(f"decoder '{self.decoder}' serves {_listed(tasks)}, not '{self.task}'")
        foreign = (self.model_fields_set & _KEYS_OF_SOME) - keys
        if foreign:
            raise ValueError(f"decoder '{self.decoder}' has no use for {_listed(foreign)}")
        if self.task == "reader":
            self._check_reader()
        else:
            self._check_labels()
        return self

    def _check_reader(self) -> None:
        if self.labels or self.label_map:
            raise ValueError("a reader has an 'alphabet', no 'labels'")
        if not self.alphabet:
            raise ValueError("'alphabet' is missing: the characters in the order of the columns")
        if len(set(self.alphabet)) != len(self.alphabet):
            raise ValueError("'alphabet' names a character twice")

    def _check_labels(self) -> None:
        if not self.labels or len(set(self.labels)) != len(self.labels):
            raise ValueError("'labels' must name each class once, in the order of the columns")
        strange = set(self.label_map) - set(self.labels)
        if strange:
            raise ValueError(f"label_map: {_listed(strange)} is not among 'labels'")
        known = LABELS.get(self.task)
        for label, ours in zip(self.labels, self.ours, strict=True):
            if ours is not None and known is not None and ours not in known:
                raise ValueError(
                    f"label '{ours}' means nothing here; write 'label_map: {{{label}: X}}' with X "
                    f"one of {_listed(known)}, or null to leave it out"
                )
        strange = set(self.thresholds.by_label) - {ours for ours in self.ours if ours is not None}
        if strange:
            raise ValueError(f"thresholds.by_label: no label is called {_listed(strange)}")


def check_weights(path: Path, file: str, sha256: str) -> None:
    """Whether the weights that a manifest at `path` names are there, and are those it means.

    Raises:
        ModelInvalid: Missing, elsewhere than in the manifest's folder, damaged or replaced.
    """
    weights = path.parent / file
    if not weights.resolve().is_relative_to(path.parent.resolve()):
        raise ModelInvalid(path, f"file: {file} lies outside the manifest's folder")
    try:
        found = hashlib.sha256(weights.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelInvalid(path, f"file: the weights cannot be read: {error}") from error
    if found != sha256:
        raise ModelInvalid(
            path,
            f"weights have sha256 {found}, not {sha256}: {file} is damaged "
            "or was replaced; copy it again, or write the new hash if the change is yours",
        )


def _listed(names: Mapping[str, object] | frozenset[str] | set[str]) -> str:
    return ", ".join(f"'{name}'" for name in sorted(names))
