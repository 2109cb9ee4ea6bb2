"""What the weights before training see in the training pictures, for classes nobody labelled."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np
import torch
from network import Detector, Exported, load_coco
from sources import PLATE, SOURCES

if TYPE_CHECKING:
    from pathlib import Path

    from sources import Picture

# Class, score, left, top, right, bottom in the picture's pixels.
Guess: TypeAlias = list[float]
WIDTH, HEIGHT = 640, 384
GREY = 114
SCORE_MIN, NMS_IOU = 0.08, 0.5


@torch.no_grad()
def guess(model: Exported, picture: Picture) -> list[Guess]:
    """Boxes of all classes but plates in one BGR picture."""
    h, w = picture.shape[:2]
    scale = min(WIDTH / w, HEIGHT / h)
    size = (round(w * scale), round(h * scale))
    left, top = (WIDTH - size[0]) // 2, (HEIGHT - size[1]) // 2
    board = np.full((HEIGHT, WIDTH, 3), GREY, np.uint8)
    board[top : top + size[1], left : left + size[0]] = cv2.resize(picture, size)
    tensor = torch.from_numpy(board[..., ::-1].copy()).permute(2, 0, 1)[None].float() / 255
    rows = model(tensor)[0].T.numpy()
    kinds, scores = rows[:, 4 : 4 + PLATE].argmax(1), rows[:, 4 : 4 + PLATE].max(1)
    near = rows[:, :2] - rows[:, 2:4] / 2
    boxes = np.concatenate([near, rows[:, 2:4]], 1)
    kept = cv2.dnn.NMSBoxesBatched(
        boxes.tolist(), scores.tolist(), kinds.tolist(), SCORE_MIN, NMS_IOU
    )
    corners = (np.concatenate([near, near + rows[:, 2:4]], 1) - [left, top, left, top]) / scale
    return [
        [int(kinds[i]), round(float(scores[i]), 3), *(round(float(v), 1) for v in corners[i])]
        for i in kept
    ]


def write_guesses(root: Path, coco: Path, to: Path) -> None:
    """Ask NanoDet-G about every training picture and keep its answers as JSON."""
    detector = Detector()
    load_coco(detector, coco)
    model = Exported(detector, WIDTH, HEIGHT).eval()
    seen = {}
    for source in SOURCES:
        folder = root / source.folder / "train" / "images"
        for file in sorted(folder.glob(f"{source.prefix}*")):
            if (picture := cv2.imread(str(file))) is not None:
                seen[str(file.relative_to(root))] = guess(model, picture)
    to.write_text(json.dumps(seen))
