"""Belief over a plate's letters from readers: fixed slots, and CTC as LPRNet gives it."""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ioc_edge.backends import Floats
from ioc_edge.backends.decoders import (
    Answer,
    check_scores,
    disagrees,
    named,
    required,
    shapes,
    softmax,
)
from ioc_edge.backends.manifest import Manifest
from ioc_models import plates

# Letters that no plate has, and what a network that knows them must have seen.
TAKEN_FOR: Final = {"O": "0", "Q": "0", "I": "1", "Ð": "Đ"}
SEPARATORS: Final = frozenset("-. ·•:,")


@dataclass(frozen=True, slots=True)
class Belief:
    """What a network believes of one picture of a plate or of one of its rows.

    `letters` is (slots or steps, 1 + alphabet of `ioc_models.plates`), empty or blank
    first, probabilities; a step need not sum to one where the network knows letters
    that no plate has. `raw` is its own likeliest text. `lines` and `ground` are None
    where the network does not look at them.
    """

    letters: Floats
    raw: str
    lines: Literal[1, 2] | None = None
    ground: str | None = None


class LetterDecoder(Protocol):
    """Reads one form of reader. Made from one real answer, which it checks."""

    slots: bool

    def belief(self, answer: Answer, index: int) -> Belief:
        """What stands in the answer for picture `index` of the batch."""
        ...


class Slots:
    """Slots (B, N, 1 + alphabet); if there, rows (B, 2) and ground (B, grounds).

    Slots may also lie flat, (B, N * (1 + alphabet)).
    """

    slots = True

    def __init__(self, manifest: Manifest, answer: Answer) -> None:
        self._manifest = manifest
        self._columns = columns_of(manifest)
        roles = named(manifest, answer, ["slots", "rows", "ground"])
        if "slots" not in roles:
            raise disagrees(
                manifest,
                "which output holds the slots? Write 'outputs: {slots: NAME}'; the graph gives "
                + shapes(answer),
            )
        self._slots = roles["slots"]
        self._rows, self._ground = roles.get("rows"), roles.get("ground")
        width, shape = self._columns.width, answer[self._slots].shape
        flat = len(shape) == 2 and shape[1] % width == 0 and shape[1] > width  # noqa: PLR2004 rank
        if not flat and not (len(shape) == 3 and shape[2] == width):  # noqa: PLR2004 rank
            raise disagrees(
                manifest,
                f"an alphabet of {width - 1} needs slots (B, N, {width}), one column for 'empty'; "
                f"output '{self._slots}' has {shape}",
            )
        self._check_side(answer, self._rows, 2, "1 or 2 rows")
        self._check_side(answer, self._ground, len(manifest.grounds), "'grounds' of the manifest")
        check_scores(manifest, answer[self._slots].reshape(shape[0], -1, width))

    def belief(self, answer: Answer, index: int) -> Belief:
        """Slots of one picture on our alphabet, rows and ground where the network says them."""
        slots = answer[self._slots][index].reshape(-1, self._columns.width)
        share = softmax(slots, self._manifest)
        lines: Literal[1, 2] | None = None
        if self._rows is not None:
            rows = answer[self._rows][index]
            lines = 2 if rows[1] > rows[0] else 1
        ground = None
        if self._ground is not None:
            ground = self._manifest.grounds[int(answer[self._ground][index].argmax())]
        raw = self._columns.text(share.argmax(axis=1))
        return Belief(self._columns.fold(share), raw, lines, ground)

    def _check_side(self, answer: Answer, name: str | None, wanted: int, of: str) -> None:
        if name is None:
            return
        shape = answer[name].shape
        if len(shape) != 2 or shape[1] != wanted:  # noqa: PLR2004 rank
            raise disagrees(
                self._manifest, f"output '{name}' has {shape}, not (B, {wanted}) for {of}"
            )


class Ctc:
    """Steps of one row: (B, T, 1 + alphabet), (B, 1 + alphabet, T), or indices (B, T).

    The last is TAO's LPRNet: `text` are indices, `confidence` (B, T) how sure each is.
    """

    slots = False

    def __init__(self, manifest: Manifest, answer: Answer) -> None:
        self._manifest = manifest
        self._columns = columns_of(manifest)
        self._turned = False
        integers = [name for name, array in answer.items() if array.dtype.kind in "iu"]
        self._indexed = bool(integers)
        if self._indexed:
            self._check_indices(answer, integers)
        else:
            self._check_steps(answer)

    def belief(self, answer: Answer, index: int) -> Belief:
        """Steps of one row on our alphabet, blank first."""
        if self._indexed:
            steps = self._spread(answer[self._text][index], answer[self._confidence][index])
        else:
            given = answer[self._text][index]
            steps = softmax(given.T if self._turned else given, self._manifest)
        return Belief(self._columns.fold(steps), self._columns.greedy(steps))

    def _check_indices(self, answer: Answer, integers: Sequence[str]) -> None:
        floats = [name for name in answer if name not in integers]
        self._text = self._manifest.outputs.get("text", integers[0])
        self._confidence = self._manifest.outputs.get("confidence", floats[0] if floats else "")
        fits = self._text in answer and self._confidence in answer
        if (
            not fits
            or answer[self._text].ndim != 2  # noqa: PLR2004 batch, steps
            or (answer[self._text].shape != answer[self._confidence].shape)
        ):
            raise disagrees(
                self._manifest,
                "indices (B, T) need an output of the same shape with their confidence; the "
                f"graph gives {shapes(answer)}; write 'outputs: {{text: NAME, confidence: NAME}}'",
            )
        highest = int(answer[self._text].max())
        if highest >= self._columns.width:
            raise disagrees(
                self._manifest,
                f"it answers with character {highest}, the alphabet ends at "
                f"{self._columns.width - 1}; mend 'alphabet'",
            )

    def _check_steps(self, answer: Answer) -> None:
        self._text = required(self._manifest, answer, ["text"])["text"]
        shape, width = answer[self._text].shape, self._columns.width
        if len(shape) != 3 or width not in shape[1:]:  # noqa: PLR2004 batch, steps, columns
            raise disagrees(
                self._manifest,
                f"an alphabet of {width - 1} needs (B, T, {width}) or (B, {width}, T), one column "
                f"for the blank; output '{self._text}' has {shape}",
            )
        self._turned = shape[2] != width
        values = answer[self._text]
        check_scores(self._manifest, values.transpose(0, 2, 1) if self._turned else values)

    def _spread(self, indices: NDArray[Any], confidence: NDArray[Any]) -> Floats:
        """Steps where all that is known is the winner and its share."""
        width = self._columns.width
        sure = np.clip(confidence.astype(np.float64), 1.0 / width, 1.0)
        steps = np.repeat(((1.0 - sure) / (width - 1))[:, None], width, axis=1)
        steps[np.arange(len(indices)), np.clip(indices, 0, width - 1)] = sure
        return steps


class Columns:
    """A network's columns, "" for empty or blank, and the letter of ours each stands for."""

    def __init__(self, characters: Sequence[str]) -> None:
        self.width = len(characters)
        self._characters = characters
        owners = [(column, _owner(character)) for column, character in enumerate(characters)]
        known = [(column, owner) for column, owner in owners if owner is not None]
        # A network of all the world's scripts has thousands that no plate uses.
        self._used = np.array([column for column, _ in known])
        self._owners = np.eye(1 + len(plates.ALPHABET))[[owner for _, owner in known]]

    @property
    def letters(self) -> int:
        """How many of our letters the network knows."""
        return int(self._owners[:, 1:].any(axis=0).sum())

    def fold(self, share: NDArray[Any]) -> Floats:
        """(n, columns) onto (n, 1 + our alphabet); what no plate has falls away."""
        folded: Floats = share[:, self._used].astype(np.float64) @ self._owners
        return folded

    def text(self, columns: NDArray[np.integer[Any]]) -> str:
        """The characters of these columns, at most what an event may carry."""
        return "".join(self._characters[column] for column in columns)[:40]

    def greedy(self, share: NDArray[Any]) -> str:
        """The likeliest text of CTC steps: repeats without a blank between are one letter."""
        best = share.argmax(axis=1)
        return self.text(best[np.append(True, best[1:] != best[:-1])])


def columns_of(manifest: Manifest) -> Columns:
    """The columns that a reader's manifest describes.

    Raises:
        ModelInvalid: The alphabet is not one of plates.
    """
    first = manifest.blank == "first"
    columns = Columns(("", *manifest.alphabet) if first else (*manifest.alphabet, ""))
    if columns.letters < len(plates.ALPHABET) // 2:
        raise disagrees(manifest, "'alphabet' holds hardly any letter that a plate has")
    return columns


LETTER_DECODERS: Final[Mapping[str, Callable[[Manifest, Answer], LetterDecoder]]] = {
    "slots": Slots,
    "ctc": Ctc,
}


def _owner(character: str) -> int | None:
    """The column of our alphabet; 0 for what stands between letters, None for no letter."""
    if not character or character in SEPARATORS:
        return 0
    plain = unicodedata.normalize("NFKC", character).upper()
    plain = TAKEN_FOR.get(plain, plain)
    return 1 + plates.ALPHABET.index(plain) if plain in set(plates.ALPHABET) else None
