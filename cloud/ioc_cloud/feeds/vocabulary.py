"""The words by which people ask for figures, made from contracts.

An assistant that knows these can answer about any feed that a contract describes; it needs to be
taught nothing when a fourteenth comes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from ioc_cloud.feeds import wording
from ioc_cloud.feeds.catalogue import Area, Catalogue
from ioc_cloud.feeds.files.text import folded
from ioc_models.feeds import Contract, Indicator

# What stands before a commune's own name.
KINDS: Final = ("xa", "phuong", "dac khu", "tinh", "thi tran")


@dataclass(frozen=True, slots=True)
class Word:
    """An indicator as people may call it.

    Attributes:
        names: Folded: without marks, lower case; the ways to ask for it.
        areas: `communes` where it can be asked of one of them, else `province`.
    """

    code: str
    title_vi: str
    title_en: str
    unit: str
    feed: str
    domain: str
    table: str
    period: str
    direction: str
    areas: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """All that can be asked for.

    Attributes:
        areas: Codes by folded name; a commune also without `xã` or `phường` where no other is
            called the same.
        shared: Names that more than one indicator has: an assistant asks back.
    """

    words: tuple[Word, ...]
    areas: dict[str, tuple[str, ...]]
    shared: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "indicators": [
                {name: getattr(word, name) for name in Word.__slots__} for word in self.words
            ],
            "areas": {name: list(codes) for name, codes in self.areas.items()},
            "shared": {name: list(codes) for name, codes in self.shared.items()},
        }

    def indicators(self, text: str) -> list[str]:
        """Codes of the indicators that a sentence names, those with the longest name first."""
        return _named(text, ((name, word.code) for word in self.words for name in word.names))

    def places(self, text: str) -> list[str]:
        """Codes of the areas that a sentence names."""
        pairs = ((name, code) for name, codes in self.areas.items() for code in codes)
        return _named(text, pairs)


def _named(text: str, pairs: Iterator[tuple[str, str]]) -> list[str]:
    said = f" {_spaced(folded(text))} "
    found: dict[str, int] = {}
    for name, code in pairs:
        if f" {name} " in said:
            found[code] = max(found.get(code, 0), len(name))
    return sorted(found, key=lambda code: (-found[code], code))


def _spaced(text: str) -> str:
    kept = "".join(mark if mark.isalnum() or mark == "%" else " " for mark in text)
    return " ".join(kept.split())


def shown_to_all(_feed: Contract, one: Indicator) -> bool:
    """What anybody who may see figures at all may ask for."""
    return not one.restricted


def vocabulary(
    catalogue: Catalogue, shows: Callable[[Contract, Indicator], bool] = shown_to_all
) -> Vocabulary:
    """The words of a catalogue.

    Args:
        catalogue: The contracts and the areas.
        shows: Which indicators the asker may know of.
    """
    words = tuple(
        _word(catalogue, feed, one)
        for feed, one in catalogue.indicators.values()
        if shows(feed, one)
    )
    by_name: dict[str, list[str]] = {}
    for word in words:
        for name in word.names:
            by_name.setdefault(name, []).append(word.code)
    shared = {name: tuple(codes) for name, codes in by_name.items() if len(codes) > 1}
    return Vocabulary(words, _areas(catalogue), shared)


def _word(catalogue: Catalogue, feed: Contract, one: Indicator) -> Word:
    table = feed.table(one.table)
    communes = table.grid.areas != "province" and any(
        area in catalogue.communes for area in catalogue.areas_of(table)
    )
    said = (one.title.vi, one.title.en, *one.said, one.code.replace(".", " "))
    return Word(
        code=one.code,
        title_vi=one.title.vi,
        title_en=one.title.en,
        unit=one.unit,
        feed=feed.id,
        domain=feed.domain,
        table=table.id,
        period=wording.CADENCE[table.grid.period].vi,
        direction=one.direction,
        areas="communes" if communes else "province",
        names=tuple(dict.fromkeys(_spaced(folded(name)) for name in said)),
    )


def _areas(catalogue: Catalogue) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for area in catalogue.areas.values():
        for name in _area_names(area):
            codes = found.setdefault(name, [])
            if area.code not in codes:
                codes.append(area.code)
    return {name: tuple(codes) for name, codes in found.items()}


def _area_names(area: Area) -> Iterator[str]:
    whole = _spaced(folded(area.name_vi))
    yield whole
    for kind in KINDS:
        if whole.startswith(f"{kind} "):
            yield whole.removeprefix(f"{kind} ")
