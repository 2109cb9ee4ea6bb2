"""A model in other precision is the same model, and says how much it lost."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper

from ioc_edge import convert
from ioc_edge.backends.manifest import Manifest
from ioc_edge.backends.runner import OrtRunner
from ioc_edge.convert import Cost, delicate, main, read_pictures

LAYERS = 5


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A classifier of five convolutions with a manifest."""
    numbers = np.random.default_rng(5)
    nodes, weights, name, planes = [], [], "x", 3
    for layer in range(LAYERS):
        kernel = numbers.normal(0, (9 * planes) ** -0.5, (8, planes, 3, 3)).astype(np.float32)
        weights.append(numpy_helper.from_array(kernel, f"w{layer}"))
        nodes += [
            helper.make_node("Conv", [name, f"w{layer}"], [f"c{layer}"], f"conv{layer}"),
            helper.make_node("Relu", [f"c{layer}"], [f"r{layer}"]),
        ]
        name, planes = f"r{layer}", 8
    nodes += [
        helper.make_node("GlobalAveragePool", [name], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 24, 24])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 8])],
        weights,
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8),
        tmp_path / "model.onnx",
    )
    said: dict[str, Any] = {
        "name": "test", "task": "classifier", "file": "model.onnx", "licence": "none",
        "sha256": convert.hashlib.sha256((tmp_path / "model.onnx").read_bytes()).hexdigest(),
        "decoder": "softmax", "labels": [f"class-{number}" for number in range(8)],
        "input": {"width": 24, "height": 24, "stretch": True},
        "notes": {"seed": 5},
    }  # fmt: skip
    (tmp_path / "model.yaml").write_text(yaml.safe_dump(said))
    return tmp_path / "model.yaml"


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    folder = tmp_path / "frames"
    folder.mkdir()
    numbers = np.random.default_rng(6)
    for number in range(12):
        small = numbers.integers(0, 256, (4, 4, 3), np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), cv2.resize(small, (40, 40)))
    return folder


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_the_converted_model_says_the_same_and_takes_the_same(
    model: Path, frames: Path, tmp_path: Path, precision: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / precision
    assert main([str(model), str(out), f"--{precision}", "--frames", str(frames)]) == 0
    before, after = Manifest.load(model), Manifest.load(out / "model.yaml")
    assert (after.name, after.precision) == (f"test-{precision}", precision)
    assert after.notes == {"seed": 5, "converted_from": before.sha256}
    ours, theirs = OrtRunner(after.weights), OrtRunner(before.weights)
    assert (ours.inputs, ours.outputs) == (theirs.inputs, theirs.outputs)
    assert "6/6" in capsys.readouterr().out


def test_half_precision_halves_the_weights(model: Path, tmp_path: Path) -> None:
    main([str(model), str(tmp_path / "half"), "--fp16"])
    kinds = {one.data_type for one in onnx.load(tmp_path / "half" / "model.onnx").graph.initializer}
    assert kinds == {TensorProto.FLOAT16}


def test_eight_bits_are_symmetric_and_spare_the_edges(
    model: Path, frames: Path, tmp_path: Path
) -> None:
    main([str(model), str(tmp_path / "int8"), "--int8", "--frames", str(frames)])
    graph = onnx.load(tmp_path / "int8" / "model.onnx").graph
    held = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    pairs = [node for node in graph.node if node.op_type == "QuantizeLinear"]
    assert pairs
    for node in pairs:
        assert held[node.input[2]].dtype == np.int8
        assert not held[node.input[2]].any()
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    plain = {node.name for node in convolutions if node.input[1] in held}
    assert plain == {"conv0", "conv3", "conv4"}
    # Weights stay floats before their pair, which every TensorRT since 8 folds.
    assert held["w1"].dtype == np.float32


def test_the_first_layer_the_last_two_and_thin_ones_are_delicate(model: Path) -> None:
    graph = onnx.load(model.parent / "model.onnx").graph
    assert delicate(graph) == {"conv0", "conv3", "conv4"}
    graph.node[2].attribute.append(helper.make_attribute("group", 8))
    assert delicate(graph) == {"conv0", "conv1", "conv3", "conv4"}


def test_what_lost_too_much_is_called_unusable(
    model: Path,
    frames: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(convert, "measured", lambda *_: Cost(9, 10, 0.3))
    assert main([str(model), str(tmp_path / "x"), "--fp16", "--frames", str(frames)]) == 1
    assert "NOT usable" in capsys.readouterr().out


def test_eight_bits_without_pictures_are_refused(model: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main([str(model), str(tmp_path / "x"), "--int8"])


def test_too_few_pictures_are_refused(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = tmp_path / "few"
    few.mkdir()
    assert main([str(model), str(tmp_path / "x"), "--int8", "--frames", str(few)]) == 1
    assert "0 pictures" in capsys.readouterr().err


def test_pictures_are_spread_over_the_folder(frames: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convert, "MOST_FRAMES", 8)
    assert len(read_pictures(frames)) == 8
