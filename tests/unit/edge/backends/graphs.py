"""Small real graphs of every form, run by onnxruntime: what is in a network's answer is chosen.

Each takes a picture and gives constants, to which nothing of the picture is added: the
picture's sum times zero, so that the batch has the length that was asked for.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import yaml
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

KINDS = {
    "float32": TensorProto.FLOAT,
    "float16": TensorProto.FLOAT16,
    "uint8": TensorProto.UINT8,
    "int64": TensorProto.INT64,
}
SIZE = (64, 96)
NCHW = {"width": 96, "height": 64, "letterbox": 114}


def constant_graph(
    outputs: Mapping[str, NDArray[Any]],
    *,
    shape: Sequence[int | str] = ("batch", 3, *SIZE),
    kind: str = "float32",
) -> onnx.ModelProto:
    """A graph that gives these arrays, each (1, ...), for every picture of the batch."""
    nodes = [
        helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["floats", "axes"], ["sums"], keepdims=1),
        helper.make_node("Mul", ["sums", "zero"], ["nothing"]),
    ]
    stored = [
        numpy_helper.from_array(np.array([1, 2, 3], np.int64), "axes"),
        numpy_helper.from_array(np.zeros(1, np.float32), "zero"),
    ]
    told = []
    for name, array in outputs.items():
        stored.append(numpy_helper.from_array(array.astype(np.float32), f"{name}-is"))
        # (batch, 1, 1, 1) cut to the output's own number of axes.
        stored.append(
            numpy_helper.from_array(
                np.array([-1, *[1] * (array.ndim - 1)], np.int64), f"{name}-axes"
            )
        )
        kind_out = KINDS[array.dtype.name]
        nodes += [
            helper.make_node("Reshape", ["nothing", f"{name}-axes"], [f"{name}-zero"]),
            helper.make_node("Add", [f"{name}-is", f"{name}-zero"], [f"{name}-sum"]),
            helper.make_node("Cast", [f"{name}-sum"], [name], to=kind_out),
        ]
        told.append(helper.make_tensor_value_info(name, kind_out, ["batch", *array.shape[1:]]))
    picture = helper.make_tensor_value_info("images", KINDS[kind], list(shape))
    graph = helper.make_graph(nodes, "constant", [picture], told, stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def mirror_graph(
    *, shape: Sequence[int | str] = ("batch", 3, *SIZE), kind: str = "float32"
) -> onnx.ModelProto:
    """A graph that gives its input back, to see what the box feeds a network."""
    picture = helper.make_tensor_value_info("images", KINDS[kind], list(shape))
    same = helper.make_tensor_value_info("seen", KINDS[kind], list(shape))
    graph = helper.make_graph(
        [helper.make_node("Identity", ["images"], ["seen"])], "mirror", [picture], [same]
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def written(folder: Path, graph: onnx.ModelProto | bytes, **keys: Any) -> Path:
    """The graph and its model.yaml in a folder; returns the manifest's path."""
    content = graph if isinstance(graph, bytes) else graph.SerializeToString()
    (folder / "model.onnx").write_bytes(content)
    manifest = {
        "name": "test",
        "task": "detector",
        "file": "model.onnx",
        "sha256": hashlib.sha256(content).hexdigest(),
        "licence": "Apache-2.0",
        "decoder": "yolov8",
        "input": NCHW,
    } | keys
    path = folder / "model.yaml"
    lines = yaml.safe_dump({key: value for key, value in manifest.items() if value is not None})
    path.write_text(lines, encoding="utf-8")
    return path
