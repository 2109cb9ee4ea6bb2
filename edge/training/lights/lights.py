"""Train and export the network that says which lamp of a signal head is lit.

    python lights.py train --work /var/tmp/lights/last --minutes 12
    python lights.py export --work /var/tmp/lights/last --to ../../models/lights

The pictures are found through IOC_REAL_DATA. Training resumes from its last checkpoint.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from lamps import AMBER, DARK, GREEN, RED, STATES, UNKNOWN, Picture, cover, draw
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.random import Generator

WIDTH, HEIGHT = 32, 64
BATCH = 96
SHARES = {RED: 0.25, AMBER: 0.2, GREEN: 0.25, DARK: 0.15, UNKNOWN: 0.15}
# Of the lit ones; amber has 48 real crops, so more of it is drawn.
REAL_SHARE = {RED: 0.6, AMBER: 0.4, GREEN: 0.6}
AVERAGE = 0.998
ATTRIBUTION = (
    "'cinTA_v2' by Wawan Pradana (Roboflow Universe), CC BY 4.0, changed.",
    "Nepali Vehicle Annotation by ai-protocol (Roboflow Universe), CC BY 4.0, as backgrounds.",
)


def _layer(cin: int, cout: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(cin, cout, 3, stride, 1, bias=False), nn.BatchNorm2d(cout), nn.ReLU(inplace=True)
    )


class LampNet(nn.Module):
    """Logits (n, 5) for heads (n, 3, 64, 32) float32 RGB in 0..1."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _layer(3, 16, 2), _layer(16, 24, 1), _layer(24, 32, 2), _layer(32, 48, 1),
            _layer(48, 64, 2), _layer(64, 64, 1),
        )  # fmt: skip
        # The map is 8 x 4: the rows are kept, for a lamp's place tells too.
        self.rows = nn.Linear(64 * 8, 64)
        self.last = nn.Linear(64 + 64, len(STATES))

    def forward(self, x: Tensor) -> Tensor:
        """What shines, and where."""
        seen = self.body(x)
        rows = functional.relu(
            self.rows(functional.dropout(seen.amax(3).flatten(1), 0.2, self.training))
        )
        return self.last(torch.cat([rows, seen.mean((2, 3))], 1))


def data_root() -> Path:
    """The folder of labelled pictures.

    Raises:
        SystemExit: IOC_REAL_DATA is not set.
    """
    if not (root := os.environ.get("IOC_REAL_DATA")):
        raise SystemExit("IOC_REAL_DATA must name the folder with riders/ and vehicles/")
    return Path(root)


def upright(picture: Picture) -> Picture:
    """A lying head stood up, its left lamp on top: red is left where traffic keeps right."""
    height, width = picture.shape[:2]
    return np.ascontiguousarray(np.rot90(picture, -1)) if width > 1.3 * height else picture


def plain(picture: Picture) -> Picture:
    """The crop as the edge feeds it."""
    picture = upright(picture)
    shrinks = picture.shape[0] > HEIGHT
    way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(picture, (WIDTH, HEIGHT), interpolation=way)


@dataclass(frozen=True)
class Album:
    """Real crops of a split by state, and scraps of streets for backgrounds."""

    crops: dict[int, list[Picture]]
    scraps: list[Picture]


def _from_frames(folder: Path) -> Iterator[tuple[int, Picture]]:
    """Heads cut from whole frames, a tenth looser than their boxes: small ones, far away."""
    for file in sorted((folder / "images").glob("*.jpg")):
        frame = cv2.imread(str(file))
        height, width = frame.shape[:2]
        rows = np.array((folder / "labels" / f"{file.stem}.txt").read_text().split(), np.float32)
        for kind, x, y, w, h in rows.reshape(-1, 5) * [1, width, height, width, height]:
            left, top = max(0, round(x - w * 0.6)), max(0, round(y - h * 0.6))
            crop = frame[top : round(y + h * 0.6), left : round(x + w * 0.6)]
            if min(crop.shape[:2]) >= 4:
                yield int(kind), crop


def album(split: str) -> Album:
    """Read a split; scraps for backgrounds come with the training split alone."""
    folder = data_root() / "riders" / "lights"
    crops: dict[int, list[Picture]] = {}
    for state in (RED, AMBER, GREEN):
        files = sorted((folder / "crops" / split / STATES[state]).glob("*.jpg"))
        crops[state] = [cv2.imread(str(file)) for file in files]
    if split != "train":
        return Album(crops, [])
    for state, crop in _from_frames(folder / "frames" / split):
        crops[state].append(crop)
    streets = sorted((data_root() / "vehicles" / "train" / "images").glob("*"))[::8]
    return Album(crops, [cv2.imread(str(file)) for file in streets])


def _darkened(picture: Picture, state: int, rng: Generator) -> Picture:
    """A real head with its lit lamp covered by the unlit one at the far end."""
    picture = upright(picture)
    height, _width = picture.shape[:2]
    third = height // 3
    lit = {RED: 0, AMBER: third, GREEN: height - third}[state]
    source = height - third if state == RED else 0
    strip = picture[source : source + third]
    if rng.random() < 0.5:
        strip = strip[:, ::-1]
    fade = np.zeros((height, 1, 1), np.float32)
    fade[max(0, lit - third // 6) : lit + third + third // 6] = 1
    fade = cv2.GaussianBlur(fade[:, :, 0], (1, 2 * (third // 8) + 1), 0)[..., None, None][:, :, 0]
    other = picture.astype(np.float32).copy()
    for row in range(height):
        other[row] = strip[min(max(row - lit, 0), third - 1)]
    mixed: Picture = (picture * (1 - fade) + other * fade).clip(0, 255).astype(np.uint8)
    return mixed


def _real(book: Album, state: int, rng: Generator) -> Picture | None:
    if state in book.crops:
        crops = book.crops[state]
        return crops[int(rng.integers(len(crops)))]
    if state == DARK:
        lit = RED if rng.random() < 0.6 else GREEN
        crop = book.crops[lit][int(rng.integers(len(book.crops[lit])))]
        if crop.shape[0] > 1.6 * crop.shape[1]:
            return _darkened(crop, lit, rng)
    if state == UNKNOWN and rng.random() < 0.5:
        crops = book.crops[int(rng.integers(3))]
        return cover(crops[int(rng.integers(len(crops)))], rng, book.scraps)
    if state == UNKNOWN:
        scrap = book.scraps[int(rng.integers(len(book.scraps)))]
        height, width = scrap.shape[:2]
        tall = int(np.exp(rng.uniform(np.log(16), np.log(min(height, width) * 0.7))))
        wide = max(6, int(tall * rng.uniform(0.3, 0.8)))
        y, x = int(rng.integers(0, height - tall)), int(rng.integers(0, width - wide))
        return scrap[y : y + tall, x : x + wide]
    return None


def _framed(picture: Picture, rng: Generator) -> Picture:
    """As the operator's rectangle might have cut it: loose, tight, tilted or off."""
    height, width = picture.shape[:2]
    angle = rng.normal(0, 5)
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    x = WIDTH / width * np.exp(rng.uniform(-0.3, 0.16))
    y = HEIGHT / height * np.exp(rng.uniform(-0.25, 0.1))
    matrix[0] *= x
    matrix[1] *= y
    matrix[0, 2] += (WIDTH - width * x) / 2 + rng.normal(0, 0.06) * WIDTH
    matrix[1, 2] += (HEIGHT - height * y) / 2 + rng.normal(0, 0.05) * HEIGHT
    if rng.random() < 0.5:  # mirror left and right
        matrix[0] *= -1
        matrix[0, 2] += WIDTH
    seen = float(np.exp(rng.uniform(np.log(10), np.log(90))))
    if height > seen:
        share = max(seen / height, 4 / width)
        picture = cv2.resize(picture, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
        matrix = matrix.copy()
        matrix[:, :2] /= share
    return cv2.warpAffine(picture, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)


def _shot(picture: Picture, rng: Generator) -> Picture:
    x = picture.astype(np.float32) / 255
    if rng.random() < 0.7:
        x = x * rng.uniform(0.6, 1.35) + rng.normal(0, 0.05)
        x = x * (1 + rng.normal(0, 0.06, 3).astype(np.float32))
    if rng.random() < 0.3:
        x = x.clip(0, 1) ** np.float32(rng.uniform(0.7, 2.0))
    if rng.random() < 0.4:
        grey = x.mean(2, keepdims=True)
        x = grey + (x - grey) * np.float32(rng.uniform(0.4, 1.4))
    if rng.random() < 0.3:
        x = cv2.GaussianBlur(x, (0, 0), rng.uniform(0.4, 2.2))
    if rng.random() < 0.4:
        x = x + rng.normal(0, rng.uniform(0.005, 0.05), x.shape).astype(np.float32)
    y: Picture = (x.clip(0, 1) * 255).astype(np.uint8)
    if rng.random() < 0.35:
        _, code = cv2.imencode(".jpg", y, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 90))])
        y = cv2.imdecode(code, cv2.IMREAD_COLOR)
    return y


def one_look(book: Album, state: int, rng: Generator) -> Picture:
    """An augmented crop of a state."""
    picture = None
    if rng.random() < REAL_SHARE.get(state, 0.5):
        picture = _real(book, state, rng)
    picture = upright(picture if picture is not None else draw(state, rng, book.scraps))
    if state in {RED, GREEN, AMBER} and rng.random() < 0.06:
        picture = picture[::-1]  # heads on their side, hung either way: the colour decides
    return _shot(_framed(picture, rng), rng)


def tensor(crops: list[Picture]) -> Tensor:
    """Crops BGR uint8 as the network wants them."""
    stacked = np.ascontiguousarray(np.stack(crops)[..., ::-1].transpose(0, 3, 1, 2))
    return torch.from_numpy(stacked).float() / 255


def _peek(net: nn.Module, shown: Tensor, states: Tensor) -> str:
    with torch.no_grad():
        said = net(shown).argmax(1)
    return f"{int((said == states).sum())} of {len(states)} right"


def train(work: Path, minutes: float, rate: float, seed: int) -> None:
    """Train until the minutes are spent."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    work.mkdir(parents=True, exist_ok=True)
    book, held = album("train"), album("val")
    shown = tensor([plain(crop) for crops in held.crops.values() for crop in crops])
    states = torch.tensor([state for state, crops in held.crops.items() for _ in crops])
    net, step = LampNet(), 0
    if (work / "last.pt").exists():
        saved = torch.load(work / "last.pt", weights_only=True)
        net.load_state_dict(saved["average"])
        step = int(saved["step"])
    average = LampNet().eval().requires_grad_(requires_grad=False)
    average.load_state_dict(net.state_dict())
    # The sequence goes on where it stood: a resumed stage must not see its first batches again.
    rng, first = np.random.default_rng([seed, step]), step
    optimizer = torch.optim.AdamW(net.parameters(), rate, weight_decay=0.03)
    began, spent, total = time.monotonic(), 0.0, 0.0
    while spent < 1:
        spent = (time.monotonic() - began) / (minutes * 60)
        fall = 0.01 + 0.99 * (1 + math.cos(math.pi * min(spent, 1))) / 2
        optimizer.param_groups[0]["lr"] = rate * fall * min(1, (step - first + 1) / 60)
        wanted = rng.choice(len(STATES), BATCH, p=[SHARES[k] for k in range(len(STATES))])
        logits = net(tensor([one_look(book, int(state), rng) for state in wanted]))
        loss = functional.cross_entropy(logits, torch.from_numpy(wanted), label_smoothing=0.04)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        decay = min(AVERAGE, (1 + step - first) / (20 + step - first))
        for kept, new in zip(average.state_dict().values(), net.state_dict().values(), strict=True):
            kept.lerp_(new, 1 - decay) if kept.dtype.is_floating_point else kept.copy_(new)
        total, step = total + float(loss.detach()), step + 1
        if step % 100 == 0 or spent >= 1:
            mean, total = total / ((step - 1) % 100 + 1), 0.0
            print(step, f"{spent:.3f} loss {mean:.4f}", _peek(average, shown, states), flush=True)
            torch.save({"average": average.state_dict(), "step": step}, work / "last.part")
            (work / "last.part").replace(work / "last.pt")


def export(work: Path, to: Path, version: str, temperature: float) -> None:
    """Write the averaged weights as ONNX with their manifest."""
    net = LampNet()
    net.load_state_dict(torch.load(work / "last.pt", weights_only=True)["average"])
    to.mkdir(parents=True, exist_ok=True)
    weights = to / "lights.onnx"
    torch.onnx.export(
        net.eval(),
        (torch.zeros(1, 3, HEIGHT, WIDTH),),
        str(weights),
        opset_version=17,
        input_names=["images"],
        output_names=["classes"],
        dynamic_axes={"images": {0: "n"}, "classes": {0: "n"}},
        dynamo=False,
    )
    lines = (
        "name: camau-signal-lamps",
        f"version: {version}",
        "task: lights",
        f"file: {weights.name}",
        f"sha256: {hashlib.sha256(weights.read_bytes()).hexdigest()}",
        "decoder: softmax",
        "scores: logits",
        f"input: {{width: {WIDTH}, height: {HEIGHT}, layout: NCHW, color: RGB, stretch: true,",
        "        resize: area}",
        # In quotes: YAML takes a bare "off" for false.
        f"labels: {json.dumps(STATES)}",
        f"calibration: {{temperature: {temperature}}}",
        "licence: Apache-2.0 (weights and code; see MODEL_CARD.md for the pictures)",
        "attribution:",
        *(f'  - "{line}"' for line in ATTRIBUTION),
    )
    (to / "model.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=("train", "export"))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=12)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--to", type=Path)
    parser.add_argument("--version", default="0.1.0")
    parser.add_argument("--temperature", type=float, default=1.0)
    told = parser.parse_args()
    if told.command == "train":
        train(told.work, told.minutes, told.rate, told.seed)
    else:
        export(told.work, told.to, told.version, told.temperature)


if __name__ == "__main__":
    main()
