"""Manifests that contradict themselves, the file or the graph are refused at start."""

import hashlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from tests.unit.edge.backends.graphs import constant_graph, written

from ioc_edge.backends import open_classifier, open_detector, open_detectors, open_reader
from ioc_edge.backends.manifest import Manifest
from ioc_edge.errors import ModelInvalid
from ioc_edge.settings import BUILT_IN_DETECTOR

BOXES = {"output0": np.zeros((1, 6, 40), np.float32)}
LABELS = ["car", "plate"]
INPUT = {"width": 96, "height": 64, "letterbox": 114}


def test_the_built_in_detector_keeps_to_the_manifests_form() -> None:
    manifest = Manifest.load(BUILT_IN_DETECTOR)
    assert manifest.ours == ("car", "motorbike", "bus", "truck", "bicycle", "person", "plate")


def test_the_readmes_examples_keep_to_it_too() -> None:
    text = (BUILT_IN_DETECTOR.parent.parent / "README.md").read_text(encoding="utf-8")
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]
    examples = [block for block in blocks if "task" in block]
    for example in examples:
        Manifest.model_validate(example | {"sha256": "0" * 64})
    assert len(examples) == 3


def test_a_manifest_without_extras_is_taken(tmp_path: Path) -> None:
    open_detector(written(tmp_path, constant_graph(BOXES), labels=LABELS))


def test_notes_hold_whatever_the_trainer_wants_to_remember(tmp_path: Path) -> None:
    notes = {"seed": 7, "epochs": [1, 2], "with": {"whom": "nobody"}}
    path = written(tmp_path, constant_graph(BOXES), labels=LABELS, notes=notes)
    assert Manifest.load(path).notes == notes


@pytest.mark.parametrize("text", ["", "[", "name: x", "7", "folder: /", "\x00"])
def test_what_is_no_manifest_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "model.yaml").write_text(text)
    with pytest.raises(ModelInvalid, match=r"model\.yaml"):
        open_detectors(tmp_path / "model.yaml", 1, 1)


def test_a_manifest_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelInvalid, match="cannot be read"):
        open_detector(tmp_path / "model.yaml")


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"licence": None}, "licence: Field required"),
        ({"sha256": "abc"}, "sha256: String should match"),
        ({"colour": "RGB"}, "colour: Extra inputs are not permitted"),
        ({"input": INPUT | {"padding": 1}}, "input.padding: Extra inputs"),
        ({"input": INPUT | {"stretch": True}}, "say either 'letterbox: 114'"),
        ({"input": {"width": 96, "height": 64}}, "say either 'letterbox: 114'"),
        ({"input": INPUT | {"std": [0, 1, 1]}}, "'std' must be above 0"),
        ({"input": INPUT | {"mean": [0, 1]}}, "'mean' needs 1 or 3 numbers, has 2"),
        ({"decoder": "ssd"}, "decoder 'ssd' is unknown; there are 'ctc'"),
        ({"decoder": "slots"}, "decoder 'slots' serves 'reader', not 'detector'"),
        ({"strides": [8]}, "decoder 'yolov8' has no use for 'strides'"),
        ({"labels": []}, "'labels' must name each class once"),
        ({"labels": ["car", "car"]}, "'labels' must name each class once"),
        ({"labels": ["car", "tram"]}, "label 'tram' means nothing here; write 'label_map: {tram:"),
        ({"label_map": {"tram": "bus"}}, "label_map: 'tram' is not among 'labels'"),
        ({"label_map": {"car": "lorry"}}, "label 'lorry' means nothing here"),
        ({"thresholds": {"by_label": {"bus": 0.5}}}, "no label is called 'bus'"),
        ({"thresholds": {"confidence": 2}}, "thresholds.confidence: Input should be less than 1"),
        ({"calibration": {"temperature": 0}}, "calibration.temperature"),
        ({"file": "../model.onnx"}, "cannot be read|lies outside"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(
    keys: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    path = written(tmp_path, constant_graph(BOXES), **({"labels": LABELS} | keys))
    with pytest.raises(ModelInvalid, match=reason if "|" in reason else re.escape(reason)):
        open_detector(path)


def test_weights_outside_the_manifests_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    path = written(tmp_path / "inner", constant_graph(BOXES), labels=LABELS)
    (tmp_path / "inner" / "model.onnx").rename(tmp_path / "model.onnx")
    path.write_text(path.read_text().replace("model.onnx", "../model.onnx"))
    with pytest.raises(ModelInvalid, match="outside the manifest's folder"):
        open_detector(path)


def test_weights_other_than_those_named_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, constant_graph(BOXES), labels=LABELS)
    (tmp_path / "model.onnx").write_bytes(b"swapped")
    with pytest.raises(ModelInvalid, match=hashlib.sha256(b"swapped").hexdigest()):
        open_detector(path)


def test_weights_that_are_not_there_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, constant_graph(BOXES), labels=LABELS)
    (tmp_path / "model.onnx").unlink()
    with pytest.raises(ModelInvalid, match="the weights cannot be read"):
        open_detector(path)


@pytest.mark.parametrize("cut", [0, 10, 200])
def test_a_broken_file_is_refused(cut: int, tmp_path: Path) -> None:
    whole = constant_graph(BOXES).SerializeToString()
    path = written(tmp_path, whole[: cut or 0] or b"nonsense", labels=LABELS)
    with pytest.raises(ModelInvalid, match=r"model\.onnx"):
        open_detector(path)


@pytest.mark.parametrize(
    ("graph", "reason"),
    [
        ({"shape": (1, 3, 64, 128)}, "mend width, height, layout"),
        ({"shape": ("batch", 1, 64, 96)}, "mend width, height, layout"),
        ({"shape": (1, 64, 96, 3)}, "mend width, height, layout"),
        ({"shape": (1, 3, 64, 96), "kind": "int64"}, "pictures are fed as"),
        ({"kind": "uint8"}, "write 'scale: 1'"),
    ],
)
def test_a_graph_that_wants_another_picture_is_refused(
    graph: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    path = written(tmp_path, constant_graph(BOXES, **graph), labels=LABELS)
    with pytest.raises(ModelInvalid, match=reason):
        open_detector(path)


def zeros(*shape: int) -> np.ndarray:
    return np.zeros((1, *shape), np.float32)


@pytest.mark.parametrize(
    ("outputs", "keys", "reason"),
    [
        ({"o": zeros(84, 40)}, {}, "with 2 labels needs 6 numbers a box"),
        ({"o": zeros(6)}, {}, "needs 6 numbers a box"),
        ({"o": zeros(6, 4, 4)}, {}, "needs 6 numbers a box"),
        ({"o": zeros(6, 40) + 5}, {}, "lies outside 0..1"),
        ({"o": zeros(6, 40), "p": zeros(1)}, {}, r"Write 'outputs: {boxes: NAME}'"),
        ({"o": zeros(6, 40)}, {"outputs": {"boxes": "x"}}, "no output is called {'x'}"),
        ({"o": zeros(6, 40)}, {"outputs": {"masks": "o"}}, "reads .*boxes"),
        ({"o": zeros(6, 40)}, {"end_to_end": True, "labels": ["car"]}, None),
        ({"o": zeros(84, 40)}, {"end_to_end": True}, "end_to_end"),
        ({"o": zeros(126, 7)}, {"decoder": "yolox"}, None),
        ({"o": zeros(125, 7)}, {"decoder": "yolox"}, "126 cells, output 'o' has 125"),
        ({"o": zeros(126, 85)}, {"decoder": "yolox"}, "needs 7 numbers a box"),
        ({"o": zeros(6, 40)}, {"decoder": "rtdetr"}, "which output holds"),
        (
            {"logits": zeros(9, 3) - 1, "boxes": zeros(9, 4)},
            {"decoder": "rtdetr"},
            r"reads logits \(B, Q, 2 labels\)",
        ),
        (
            {"logits": zeros(9, 2) - 1, "boxes": zeros(9, 4)},
            {"decoder": "rtdetr", "scores": "probabilities"},
            "write scores: logits",
        ),
        (
            {"logits": zeros(9, 2), "boxes": zeros(9, 4)},
            {"decoder": "rtdetr"},
            "write 'scores: probabilities'",
        ),
        ({"c": zeros(3, 4, 6)}, {"decoder": "detectnet"}, r"coverage \(B, 2, h, w\)"),
    ],
)
def test_a_detector_whose_output_is_not_as_said_is_refused(
    outputs: dict[str, np.ndarray], keys: dict[str, Any], reason: str | None, tmp_path: Path
) -> None:
    path = written(tmp_path, constant_graph(outputs), **({"labels": LABELS} | keys))
    if reason is None:
        open_detector(path)
        return
    with pytest.raises(ModelInvalid, match=reason):
        open_detector(path)


READER = {"task": "reader", "decoder": "slots", "alphabet": "0123456789ABCDEFGHKLMNPRSTUVXYZĐ"}


@pytest.mark.parametrize(
    ("outputs", "keys", "reason"),
    [
        ({"slots": zeros(10, 33)}, {}, None),
        ({"slots": zeros(330)}, {}, None),
        ({"slots": zeros(10, 37)}, {}, r"needs slots \(B, N, 33\)"),
        ({"slots": zeros(10, 33), "rows": zeros(3)}, {}, r"not \(B, 2\) for 1 or 2 rows"),
        ({"slots": zeros(10, 33), "ground": zeros(4)}, {}, "for 'grounds' of the manifest"),
        ({"a": zeros(10, 33), "b": zeros(2)}, {}, "which output holds the slots"),
        ({"slots": zeros(10, 33) + 1 / 33}, {}, "write 'scores: probabilities'"),
        ({"slots": zeros(10, 33) - 3}, {"scores": "probabilities"}, "write 'scores: logits'"),
        ({"slots": zeros(10, 33)}, {"alphabet": ""}, "'alphabet' is missing"),
        ({"slots": zeros(10, 33)}, {"alphabet": "00"}, "names a character twice"),
        ({"slots": zeros(10, 5)}, {"alphabet": "京沪粤湘"}, "hardly any letter"),
        ({"slots": zeros(10, 33)}, {"labels": ["car"]}, "no 'labels'"),
        ({"slots": zeros(10, 33)}, {"decoder": "ctc"}, None),
        ({"steps": zeros(33, 10)}, {"decoder": "ctc"}, None),
        ({"steps": zeros(37, 10)}, {"decoder": "ctc"}, "one column for the blank"),
        ({"best": np.zeros((1, 24), np.int64)}, {"decoder": "ctc"}, "with their confidence"),
        (
            {"best": np.full((1, 24), 40, np.int64), "sure": zeros(24)},
            {"decoder": "ctc"},
            "answers with character 40",
        ),
    ],
)
def test_a_reader_whose_output_is_not_as_said_is_refused(
    outputs: dict[str, np.ndarray], keys: dict[str, Any], reason: str | None, tmp_path: Path
) -> None:
    path = written(tmp_path, constant_graph(outputs), **(READER | keys))
    if reason is None:
        open_reader(path, 1)
        return
    with pytest.raises(ModelInvalid, match=reason):
        open_reader(path, 1)


@pytest.mark.parametrize(
    ("output", "keys", "reason"),
    [
        (zeros(2), {}, None),
        (zeros(2, 1, 1), {}, None),
        (zeros(3), {}, r"2 labels need an output \(B, 2\)"),
        (zeros(2) + 0.5, {}, "write 'scores: probabilities'"),
        (zeros(2) - 1, {"scores": "probabilities"}, "write 'scores: logits'"),
        (zeros(2), {"task": "lights"}, "label 'helmet' means nothing here"),
        (zeros(2), {"task": "lights", "labels": ["red", "green"]}, None),
    ],
)
def test_a_classifier_whose_output_is_not_as_said_is_refused(
    output: np.ndarray, keys: dict[str, Any], reason: str | None, tmp_path: Path
) -> None:
    asked = {"task": "classifier", "decoder": "softmax", "labels": ["helmet", "no_helmet"]}
    path = written(tmp_path, constant_graph({"o": output}), **(asked | keys))
    if reason is None:
        open_classifier(path)
        return
    with pytest.raises(ModelInvalid, match=reason):
        open_classifier(path)


def test_a_reader_is_no_detector(tmp_path: Path) -> None:
    path = written(tmp_path, constant_graph({"slots": zeros(10, 33)}), **READER)
    with pytest.raises(ModelInvalid, match="a detector is needed here, this is a reader"):
        open_detector(path)


def test_a_reader_that_is_not_there_is_refused() -> None:
    with pytest.raises(ModelInvalid, match="tesseract"):
        open_reader("tesseract", 1)
