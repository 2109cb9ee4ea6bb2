"""Small draws that every part of the scene needs."""

from collections.abc import Sequence
from typing import TypeVar

from numpy.random import Generator

T = TypeVar("T")


def chance(rng: Generator, share: float) -> bool:
    """True in `share` of the draws."""
    return bool(rng.random() < share)


def pick(rng: Generator, choices: Sequence[T]) -> T:
    """One of the choices, each as likely."""
    return choices[int(rng.integers(len(choices)))]
