"""What a network's answer means: one class for each form of output.

A decoder is made from the manifest and one real answer of the graph, and refuses there
and then what it cannot read, in words that say what to change.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ioc_edge.backends import Floats
from ioc_edge.backends.manifest import Manifest
from ioc_edge.errors import ModelInvalid

Answer: TypeAlias = Mapping[str, NDArray[Any]]
# Logits of a real graph are never all within 0..1 and summing to one; probabilities are.
SUMS_TO_ONE: Final = 1e-2


def disagrees(manifest: Manifest, reason: str) -> ModelInvalid:
    """A manifest that says other than its graph."""
    return ModelInvalid(manifest.weights, f"the manifest disagrees with the graph: {reason}")


def shapes(answer: Answer) -> str:
    """All outputs with their shapes, for a message."""
    return ", ".join(f"'{name}' {array.shape}" for name, array in answer.items())


def named(manifest: Manifest, answer: Answer, roles: Sequence[str]) -> dict[str, str]:
    """The graph's name for each role of a decoder.

    `outputs` of the manifest decides; without it outputs called as their roles, or the
    only output there is.

    Raises:
        ModelInvalid: Nothing says which output is which.
    """
    strange = set(manifest.outputs) - set(roles)
    if strange:
        raise disagrees(
            manifest, f"outputs: decoder '{manifest.decoder}' reads {list(roles)}, not {strange}"
        )
    missing = set(manifest.outputs.values()) - set(answer)
    if missing:
        raise disagrees(manifest, f"no output is called {missing}; there are {shapes(answer)}")
    found = {role: role for role in roles if role in answer} | dict(manifest.outputs)
    if not found and len(answer) == 1:
        found = {roles[0]: next(iter(answer))}
    return found


def required(manifest: Manifest, answer: Answer, roles: Sequence[str]) -> dict[str, str]:
    """As `named`, and every role must be there.

    Raises:
        ModelInvalid: An output is missing or nothing says which one it is.
    """
    found = named(manifest, answer, roles)
    absent = [role for role in roles if role not in found]
    if absent:
        lines = ", ".join(f"{role}: NAME" for role in absent)
        raise disagrees(
            manifest,
            f"which output holds {absent}? Write 'outputs: {{{lines}}}'; the graph gives "
            f"{shapes(answer)}",
        )
    return found


def check_scores(manifest: Manifest, values: NDArray[Any]) -> None:
    """Whether the last axis holds what `scores` says.

    Raises:
        ModelInvalid: Probabilities were called logits or the other way round.
    """
    spread = values.astype(np.float64)
    within = bool(spread.min() >= 0 and spread.max() <= 1)
    sums = bool(np.allclose(spread.sum(axis=-1), 1, atol=SUMS_TO_ONE))
    if manifest.scores == "logits" and within and sums:
        raise disagrees(manifest, "it gives probabilities; write 'scores: probabilities'")
    if manifest.scores == "probabilities" and not within:
        raise disagrees(manifest, "it gives values outside 0..1; write 'scores: logits'")


def softmax(values: NDArray[Any], manifest: Manifest) -> Floats:
    """Calibrated probabilities along the last axis, float64, from what the graph gives."""
    belief = values.astype(np.float64)
    temperature = manifest.calibration.temperature
    if manifest.scores == "probabilities":
        if temperature == 1.0:
            return belief
        belief = np.log(np.clip(belief, 1e-9, 1.0))
    belief = belief / temperature
    belief = np.exp(belief - belief.max(axis=-1, keepdims=True))
    shares: Floats = belief / belief.sum(axis=-1, keepdims=True)
    return shares


def sharpened(probability: Floats, temperature: float) -> Floats:
    """Independent probabilities with their logits divided by the temperature."""
    if temperature == 1.0:
        return probability
    clipped = np.clip(probability.astype(np.float64), 1e-9, 1 - 1e-9)
    odds = (clipped / (1.0 - clipped)) ** (1.0 / temperature)
    calibrated: Floats = odds / (1.0 + odds)
    return calibrated
