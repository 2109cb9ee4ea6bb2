"""`ioc-edge convert`: the same model in half precision or eight bits, measured before use.

TensorRT's strongly typed engines compute in the precision that the ONNX file says, so
that is where it is changed; the manifest of the result names its weights by their hash.
Needs the `onnx` package (`pip install ioc-edge[convert]`): a workstation's task, not the box's.
"""

import argparse
import hashlib
import importlib
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from ioc_edge.agreement import agreeing, drift, tried
from ioc_edge.backends import Image
from ioc_edge.backends.manifest import Manifest
from ioc_edge.backends.network import Network
from ioc_edge.backends.picture import split_rows
from ioc_edge.backends.runner import OrtRunner
from ioc_edge.errors import BackendUnavailable, ConfigInvalid, EdgeError

PICTURES: Final = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})
# Fewer do not show the range of a day; more add hours and no figure.
LEAST_FRAMES: Final = 8
MOST_FRAMES: Final = 400
# Every fourth picture is kept from calibration, to judge with.
JUDGE_EVERY: Final = 4
MULTIPLY: Final = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
# A box whose detector lost more than this is better off slower.
LEAST_AGREEMENT: Final = 0.95


def to_half(weights: Path, target: Path) -> None:
    """Write the graph in float16; what goes in and comes out stays float32.

    Raises:
        BackendUnavailable: The `onnx` package is not installed.
    """
    onnx = _library("onnx")
    float16 = _library("onnxruntime.transformers.float16")
    half = float16.convert_float_to_float16(onnx.load(str(weights)), keep_io_types=True)
    onnx.save(half, str(target))


def to_int8(weights: Path, target: Path, feeds: Sequence[Mapping[str, NDArray[Any]]]) -> None:
    """Write the graph with quantise/dequantise pairs around what multiplies.

    Symmetric, weights by channel and kept as floats before their pair, biases not
    quantised: the one form that TensorRT takes without a calibrator.

    Args:
        weights: The float32 graph.
        target: Where the quantised one goes.
        feeds: Inputs by name, from the pictures that it will see.

    Raises:
        BackendUnavailable: The `onnx` package is not installed.
    """
    onnx = _library("onnx")
    quantization = _library("onnxruntime.quantization")
    shape_inference = _library("onnxruntime.quantization.shape_inference")
    with tempfile.TemporaryDirectory() as folder:
        shaped = Path(folder) / "shaped.onnx"
        shape_inference.quant_pre_process(str(weights), str(shaped), skip_symbolic_shape=True)
        quantization.quantize_static(
            str(shaped),
            str(target),
            _Feeds(iter(feeds)),
            quant_format=quantization.QuantFormat.QDQ,
            activation_type=quantization.QuantType.QInt8,
            weight_type=quantization.QuantType.QInt8,
            per_channel=True,
            # A single bright pixel must not stretch the scale of all others.
            calibrate_method=quantization.CalibrationMethod.Percentile,
            op_types_to_quantize=sorted(MULTIPLY),
            nodes_to_exclude=sorted(delicate(onnx.load(str(shaped)).graph)),
            extra_options={
                "ActivationSymmetric": True,
                "WeightSymmetric": True,
                "AddQDQPairToWeight": True,
                "QuantizeBias": False,
            },
        )


def delicate(graph: Any) -> set[str]:  # noqa: ANN401 onnx is imported where it is used
    """Names of the layers that stay in floats.

    The first meets the picture's own steps, the last two before each output tell close
    answers apart, and a depthwise one has a range for each plane but a step for all. On
    our detector 98 % of the boxes stay the same so, 40 % when only the last two are spared.
    """
    layers = [node for node in graph.node if node.op_type in MULTIPLY]
    kept = {node.name for node in layers[:1]}
    kept |= {
        node.name for node in layers if any(a.name == "group" and a.i > 1 for a in node.attribute)
    }
    front = {output.name for output in graph.output}
    for _ in range(2):
        last = _last_layers(graph, front)
        kept |= {node.name for node in last}
        front = {name for node in last for name in node.input}
    return kept


def _last_layers(graph: Any, front: set[str]) -> list[Any]:  # noqa: ANN401
    """The layers that reach these tensors with no other layer between."""
    makers = {output: node for node in graph.node for output in node.output}
    found, waiting, seen = [], sorted(front), set()
    while waiting:
        name = waiting.pop()
        node = makers.get(name)
        if node is None or name in seen:
            continue
        seen.add(name)
        if node.op_type in MULTIPLY:
            found.append(node)
        else:
            waiting += node.input
    return found


@dataclass(frozen=True, slots=True)
class Cost:
    """How many things a converted model says as before, and how far its outputs went."""

    same: int
    things: int
    drift: float

    @property
    def bearable(self) -> bool:
        """Whether what it gains in speed may be worth it."""
        return self.same >= LEAST_AGREEMENT * self.things


class _Feeds:
    """Calibration data as onnxruntime's quantiser asks for it."""

    def __init__(self, feeds: Iterator[Mapping[str, NDArray[Any]]]) -> None:
        self._feeds = feeds

    def get_next(self) -> Mapping[str, NDArray[Any]] | None:
        return next(self._feeds, None)


def convert(path: Path, out: Path, precision: str, pictures: Sequence[Image]) -> Cost | None:
    """Convert the model of a manifest into the folder `out`; returns what it costs.

    Args:
        path: The float32 model.yaml.
        out: Folder for model.onnx and model.yaml; made if absent.
        precision: "fp16" or "int8".
        pictures: From the cameras; for "int8" three of four calibrate, the rest judge.

    Raises:
        ModelInvalid: The manifest or its weights cannot be used.
        BackendUnavailable: The `onnx` package is not installed.
    """
    manifest = Manifest.load(path)
    out.mkdir(parents=True, exist_ok=True)
    target = out / "model.onnx"
    judges = pictures[::JUDGE_EVERY]
    if precision == "fp16":
        to_half(manifest.weights, target)
    else:
        teaching = [one for at, one in enumerate(pictures) if at % JUDGE_EVERY]
        to_int8(manifest.weights, target, list(_feeds(manifest, teaching)))
    _write_manifest(path, out, precision, hashlib.sha256(target.read_bytes()).hexdigest())
    return measured(manifest, Manifest.load(out / "model.yaml"), judges)


def measured(before: Manifest, after: Manifest, pictures: Sequence[Image]) -> Cost | None:
    """How far the converted model is from the original; None without pictures to tell by."""
    if not pictures:
        return None
    old = tried(before, OrtRunner(before.weights), pictures)
    new = tried(after, OrtRunner(after.weights), pictures)
    same, things = agreeing(before, new.said, old.said)
    return Cost(same, things, drift(new.given, old.given))


def _feeds(manifest: Manifest, pictures: Sequence[Image]) -> Iterator[Mapping[str, NDArray[Any]]]:
    """What the network is fed for each picture, rows apart where its reader splits them."""
    fed: list[Mapping[str, NDArray[Any]]] = []

    class Taking(OrtRunner):
        def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
            fed.append({name: array.copy() for name, array in inputs.items()})
            return super().run(inputs)

    network = Network(manifest, Taking(manifest.weights))
    split = manifest.decoder == "ctc" and manifest.rows == "split"
    for picture in pictures:
        fed.clear()
        for _ in network.answers(split_rows(picture) if split else [picture]):
            pass
        yield from fed


def _write_manifest(path: Path, out: Path, precision: str, sha256: str) -> None:
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    notes = {**raw.get("notes", {}), "converted_from": raw["sha256"]}
    made = raw | {
        "name": f"{raw['name']}-{precision}",
        "file": "model.onnx",
        "sha256": sha256,
        "precision": precision,
        "notes": notes,
    }
    text = yaml.safe_dump(made, allow_unicode=True, sort_keys=False)
    (out / "model.yaml").write_text(text, encoding="utf-8")


def read_pictures(folder: Path) -> list[Image]:
    """Pictures of a folder, spread evenly over its names, at most 400.

    Raises:
        ConfigInvalid: No folder, or too few pictures in it.
    """
    if not folder.is_dir():
        raise ConfigInvalid(folder, "no such folder")
    names = sorted(one for one in folder.rglob("*") if one.suffix.lower() in PICTURES)
    step = max(1, len(names) // MOST_FRAMES)
    read = (cv2.imread(str(name), cv2.IMREAD_COLOR) for name in names[::step])
    found = [np.asarray(one, np.uint8) for one in islice(read, MOST_FRAMES) if one is not None]
    if len(found) < LEAST_FRAMES:
        raise ConfigInvalid(folder, f"{len(found)} pictures; {LEAST_FRAMES} are the least")
    return found


def main(arguments: Sequence[str]) -> int:
    """Command line; 1 when the result is not good enough or cannot be made."""
    parser = argparse.ArgumentParser(prog="ioc-edge convert", description=__doc__)
    parser.add_argument("model", type=Path, help="model.yaml in float32")
    parser.add_argument("out", type=Path, help="folder for the converted model")
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--fp16", action="store_true", help="half precision")
    how.add_argument("--int8", action="store_true", help="eight bits, calibrated on --frames")
    parser.add_argument(
        "--frames", type=Path, help="folder of pictures from the cameras (a reader: of plates)"
    )
    chosen = parser.parse_args(arguments)
    if chosen.int8 and chosen.frames is None:
        parser.error("--int8 needs --frames: its steps come from what the cameras see")
    try:
        pictures = read_pictures(chosen.frames) if chosen.frames else []
        cost = convert(chosen.model, chosen.out, "int8" if chosen.int8 else "fp16", pictures)
    except EdgeError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{chosen.out / 'model.yaml'}\n{_told(cost)}\n")
    return 0 if cost is None or cost.bearable else 1


def _told(cost: Cost | None) -> str:
    if cost is None:
        return "Chưa so sánh: không có ảnh / Not compared: no --frames given"
    verdict = "Dùng được / Usable" if cost.bearable else "KHÔNG dùng được / NOT usable"
    return (
        f"{verdict}: {cost.same}/{cost.things} kết quả như cũ / things said as before, "
        f"drift {cost.drift:.4f}"
    )


def _library(name: str) -> Any:  # noqa: ANN401 none of them has types
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise BackendUnavailable(
            f"{error.name} is not installed: pip install 'ioc-edge[convert]'"
        ) from error
