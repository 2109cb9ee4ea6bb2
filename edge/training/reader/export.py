"""Averaged weights to ONNX, and the model.yaml that the edge reads beside them."""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

import torch

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[3] / "twin_models")]

from slotnet import HEIGHT, WIDTH, Reader, SlotNet  # noqa: E402 after the path is set

from ioc_models.plates import ALPHABET  # noqa: E402

OPSET = 17


def load(checkpoint: Path) -> SlotNet:
    """The averaged network of a checkpoint, ready to read."""
    network = SlotNet()
    network.load_state_dict(torch.load(checkpoint, map_location="cpu")["average"])
    return network.eval()


def export(network: SlotNet, to: Path) -> None:
    """Write the ONNX file, batch free."""
    torch.onnx.export(
        Reader(network),
        (torch.zeros(2, 3, HEIGHT, WIDTH),),
        str(to),
        input_names=["images"],
        output_names=["slots", "rows", "ground"],
        dynamic_axes={name: {0: "n"} for name in ("images", "slots", "rows", "ground")},
        opset_version=OPSET,
        dynamo=False,
    )


def manifest(folder: Path, *, version: str, temperature: float, threshold: float) -> str:
    """Text of a model.yaml for `model.onnx` in a folder."""
    seal = hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest()
    return f"""name: camau-plate-reader
version: {version}
task: reader
file: model.onnx
sha256: {seal}
decoder: slots
backend: onnx
input:
  {{width: {WIDTH}, height: {HEIGHT}, layout: NCHW, color: RGB, stretch: true, resize: area,
   scale: 0.00784313725490196, mean: [1, 1, 1], std: [1, 1, 1]}}
outputs: {{slots: slots, rows: rows, ground: ground}}
alphabet: "{ALPHABET}"
blank: first
grounds: [white, yellow, blue, red]
scores: logits
calibration: {{temperature: {temperature:.3f}}}
# From this confidence a reading may stand alone; below it, ask the second reader or a person.
thresholds: {{confidence: {threshold:.3f}}}
licence: Apache-2.0 (weights and code; see MODEL_CARD.md for the pictures)
attribution:
  - "'Helmet Detection Project' by nckh-2023 (Roboflow Universe), MIT."
  - "Nepali Vehicle Annotation by ai-protocol (Roboflow Universe), CC BY 4.0 (as backdrops)."
"""


def main() -> None:
    """Export a checkpoint."""
    ask = argparse.ArgumentParser()
    ask.add_argument("--checkpoint", type=Path, required=True)
    ask.add_argument("--to", type=Path, required=True)
    ask.add_argument("--version", required=True)
    ask.add_argument("--temperature", type=float, default=1.0)
    ask.add_argument("--threshold", type=float, default=0.8)
    args = ask.parse_args()
    args.to.mkdir(parents=True, exist_ok=True)
    export(load(args.checkpoint), args.to / "model.onnx")
    text = manifest(
        args.to, version=args.version, temperature=args.temperature, threshold=args.threshold
    )
    (args.to / "model.yaml").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
