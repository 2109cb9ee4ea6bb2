"""Tells files that somebody still writes from those that are whole."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

# What programs put behind a name while they write.
UNFINISHED: Final = (".part", ".tmp", ".filepart", ".crdownload", ".download", ".partial", "~")
# What office programs and file systems leave about.
NOISE: Final = (".", "~$")
DONE_MARK: Final = ".ok"
REASON: Final = ".reason.txt"


@dataclass(frozen=True, slots=True)
class Look:
    """A file as a listing has it."""

    name: str
    size: int
    changed: float


def counts(name: str) -> bool:
    """Whether a name is a file's that is meant for us."""
    return not (
        name.startswith(NOISE)
        or name.casefold().endswith(UNFINISHED)
        or name.endswith((DONE_MARK, REASON))
    )


class Stillness:
    """Remembers each look at one folder.

    A file is whole once its size and its time were the same at two looks in a row, or once its
    sender has put a file of the same name with `.ok` behind it.
    """

    def __init__(self) -> None:
        self._before: dict[str, Look] = {}

    def whole(self, looks: Iterable[Look]) -> list[Look]:
        """The files that are whole, oldest first: what corrects comes after what it corrects."""
        found = list(looks)
        marked = {
            look.name.removesuffix(DONE_MARK) for look in found if look.name.endswith(DONE_MARK)
        }
        wanted = [look for look in found if counts(look.name)]
        still = [
            look
            for look in wanted
            if look.name in marked or (look.size > 0 and self._before.get(look.name) == look)
        ]
        self._before = {look.name: look for look in wanted}
        return sorted(still, key=lambda look: (look.changed, look.name))

    def waiting(self) -> int:
        """Files of the last look that are not whole yet, or were just found."""
        return len(self._before)
