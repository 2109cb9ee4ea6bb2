"""One training loop for both networks: by the clock, resumable, averaged weights."""

from __future__ import annotations

import copy
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

AVERAGE = 0.998
WARM_STEPS = 60


@dataclass(frozen=True)
class Recipe:
    """One stage of training."""

    work: Path
    minutes: float
    rate: float
    trunk_share: float = 0.25
    decay: float = 0.03
    seed: int = 7
    peek_every: int = 400


def _groups(model: nn.Module, recipe: Recipe) -> list[dict[str, object]]:
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            groups.setdefault((name.startswith("trunk"), weight.ndim > 1), []).append(weight)
    return [
        {
            "params": params,
            "scale": recipe.trunk_share if trunk else 1.0,
            "weight_decay": recipe.decay if matrix else 0.0,
        }
        for (trunk, matrix), params in groups.items()
    ]


def _blend(average: nn.Module, model: nn.Module, step: int) -> None:
    decay = min(AVERAGE, (1 + step) / (20 + step))
    for kept, new in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if kept.dtype.is_floating_point:
            kept.lerp_(new, 1 - decay)
        else:
            kept.copy_(new)


def _save(file: Path, state: dict[str, object]) -> None:
    # A checkpoint cut short must never replace a whole one.
    torch.save(state, file.with_suffix(".part"))
    file.with_suffix(".part").replace(file)


def resume(model: nn.Module, recipe: Recipe) -> int:
    """Fill the model from its last checkpoint; the step it had reached, 0 for none."""
    recipe.work.mkdir(parents=True, exist_ok=True)
    if not (recipe.work / "last.pt").exists():
        return 0
    saved = torch.load(recipe.work / "last.pt", weights_only=True)
    model.load_state_dict(saved["average"])
    return int(saved["step"])


def run(
    recipe: Recipe,
    model: nn.Module,
    loss_of_next: Callable[[], Tensor],
    peek: Callable[[nn.Module], str],
    begin: Callable[[], None],
) -> None:
    """Train until the minutes are spent; the rate falls along a cosine of the time.

    Args:
        recipe: How long and how fast.
        model: Trained in place.
        loss_of_next: Draws a batch and gives its loss.
        peek: What the averaged model reaches on pictures kept from training, in words.
        begin: Puts the model in training mode.
    """
    step = resume(model, recipe)
    average = copy.deepcopy(model).requires_grad_(requires_grad=False).eval()
    begin()
    optimizer = torch.optim.AdamW(_groups(model, recipe))
    began, first, total, spent = time.monotonic(), step, 0.0, 0.0
    while spent < 1:
        spent = (time.monotonic() - began) / (recipe.minutes * 60)
        fall = 0.01 + 0.99 * (1 + math.cos(math.pi * min(spent, 1))) / 2
        for group in optimizer.param_groups:
            warm = min(1.0, (step - first + 1) / WARM_STEPS)
            group["lr"] = recipe.rate * warm * fall * group["scale"]
        loss = loss_of_next()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        _blend(average, model, step - first)
        total, step = total + float(loss.detach()), step + 1
        if step % 100 == 0 or spent >= 1:
            print(step, f"{spent:.3f} loss {total / ((step - 1) % 100 + 1):.4f}", flush=True)
            total = 0.0
            _save(recipe.work / "last.pt", {"average": average.state_dict(), "step": step})
        if step % recipe.peek_every == 0 or spent >= 1:
            print(step, peek(average), flush=True)
