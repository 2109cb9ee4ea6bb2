"""A wall's layer of an indicator: which colour each commune has, and a legend that explains it.

Colours are chosen to be told apart from three metres and by people who see no red or no green:
they differ in lightness first (a test looks at them as such eyes do), and bands also carry a
pattern.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from ioc_cloud.feeds import wording
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.shown import FigureOut
from ioc_models.feeds import Contract, Indicator
from ioc_models.feeds.contract import Classification

Pattern = Literal["none", "stripes", "cross", "dots"]
# Dark to bright on the wall's dark ground: more is brighter, whichever way is good.
RAMP: Final = ("#2f6fb0", "#4f9dca", "#7cc7c8", "#bfe5b4", "#ffffcc")
STATE_COLOURS: Final = {"ok": "#3a86c8", "warn": "#f5c242", "danger": "#d9432f"}
STATE_PATTERNS: Final[dict[str, Pattern]] = {"ok": "none", "warn": "stripes", "danger": "cross"}
STATE_WORDS: Final = {
    "ok": ("Bình thường", "Normal"),
    "warn": ("Cần chú ý", "Attention"),
    "danger": ("Nguy hiểm", "Danger"),
}
NO_VALUE: Final = {
    "vi": "Chưa có số liệu",
    "en": "No figure",
    "colour": "#46535f",
    "pattern": "dots",
}
SUPPRESSED: Final = {"vi": "Nhóm nhỏ, không hiển thị", "en": "Small group, not shown"}
DIRECTION: Final = {
    "up": ("cao hơn là tốt", "higher is better"),
    "down": ("thấp hơn là tốt", "lower is better"),
    "neutral": ("không có chiều tốt xấu", "no good or bad way"),
    "target": ("gần mục tiêu là tốt", "near the target is good"),
}


@dataclass(frozen=True, slots=True)
class Class:
    """One entry of a legend.

    Attributes:
        low: Inclusive; None is open below.
        high: Exclusive but for the last class; None is open above. Which side of an edge between
            bands a value falls on is its state's to say.
    """

    low: float | None
    high: float | None
    colour: str
    vi: str
    en: str
    pattern: Pattern = "none"
    state: str | None = None

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return {name: getattr(self, name) for name in Class.__slots__}


def layers(catalogue: Catalogue) -> list[dict[str, Any]]:
    """What a wall can choose among: indicators of communes that are for every wall."""
    return [
        _about(catalogue, feed, one)
        for feed, one in catalogue.indicators.values()
        if is_for_walls(catalogue, feed, one)
    ]


def is_for_walls(catalogue: Catalogue, feed: Contract, one: Indicator) -> bool:
    """Whether an indicator may and can be a wall's layer."""
    table = feed.table(one.table)
    return (
        not one.restricted
        and feed.classification is not Classification.RESTRICTED
        and any(area in catalogue.communes for area in catalogue.areas_of(table))
    )


def layer(catalogue: Catalogue, code: str, figures: Sequence[FigureOut]) -> dict[str, Any]:
    """The layer of one indicator.

    Args:
        catalogue: Contracts and areas.
        code: The indicator's.
        figures: The communes' newest figures of it, as its reader may see them.

    Raises:
        NoSuchFeed: No such indicator.
    """
    feed, one = catalogue.indicator(code)
    values = [figure.value for figure in figures if figure.value is not None]
    classes = legend(one, values)
    by_area = {figure.area: figure for figure in figures}
    return {
        **_about(catalogue, feed, one),
        "legend": [each.plain() for each in classes],
        "no_value": NO_VALUE,
        "suppressed": {**NO_VALUE, **SUPPRESSED},
        "areas": [
            _area(one, area, by_area.get(area), classes)
            for area in catalogue.areas_of(feed.table(one.table))
        ],
        "covered": len(values),
        "expected": len(catalogue.areas_of(feed.table(one.table))),
        "simulated": any(figure.provenance == "simulated" for figure in figures),
    }


def _about(catalogue: Catalogue, feed: Contract, one: Indicator) -> dict[str, Any]:
    vi, en = DIRECTION[one.direction]
    table = feed.table(one.table)
    return {
        "indicator": one.code,
        "kind": "choropleth",
        "title": {"vi": one.title.vi, "en": one.title.en},
        "unit": one.unit,
        "direction": {"way": one.direction, "vi": vi, "en": en, "target": one.target},
        "decimals": one.decimals,
        "period": table.grid.period.value,
        "feed": feed.id,
        "domain": feed.domain,
        "order": feed.order,
        "icon": feed.icon,
        "source": {"vi": feed.unit.vi, "en": feed.unit.en},
        "scale": "bands" if one.warn or one.danger else "quantiles",
        "communes": len([area for area in catalogue.areas_of(table) if area in catalogue.communes]),
    }


def _area(
    one: Indicator, area: str, figure: FigureOut | None, classes: Sequence[Class]
) -> dict[str, Any]:
    if figure is None:
        return {"area": area, "value": None, "class": None, "suppressed": False, "label": ""}
    value = figure.value
    shown = wording.number(round(value, one.decimals)) if value is not None else ""
    return {
        "area": area,
        "value": value,
        "class": _class_of(one, value, classes) if value is not None else None,
        "suppressed": figure.suppressed,
        "label": shown,
        **figure.model_dump(
            mode="json",
            include={"period", "as_of", "received_at", "source", "provenance", "quality", "state"},
        ),
    }


def _class_of(one: Indicator, value: float, classes: Sequence[Class]) -> int | None:
    """The last class that a value lies in; on an edge between bands its state decides."""
    found = None
    for number, each in enumerate(classes):
        reached = each.low is None or value >= each.low
        within = each.high is None or value <= each.high
        if reached and within and each.state in {None, one.state(value)}:
            found = number
    return found


def legend(one: Indicator, values: Sequence[float]) -> list[Class]:
    """The classes of an indicator: its contract's bands, else five parts of equal count."""
    if one.warn is not None or one.danger is not None:
        return list(_bands(one))
    return list(_quantiles(one, values))


def _bands(one: Indicator) -> Iterator[Class]:
    """A number line cut where warning and danger begin."""
    edges = sorted(
        {
            edge
            for band in (one.warn, one.danger)
            if band is not None
            for edge in (band.above, band.below)
            if edge is not None
        }
    )
    cuts: list[float | None] = [None, *edges, None]
    for low, high in itertools.pairwise(cuts):
        state = one.state(_inside(low, high))
        vi, en = STATE_WORDS[state]
        yield Class(
            low, high, STATE_COLOURS[state],
            f"{vi}: {_span(low, high, vi=True)}", f"{en}: {_span(low, high, vi=False)}",
            STATE_PATTERNS[state], state,
        )  # fmt: skip


def _inside(low: float | None, high: float | None) -> float:
    if low is None:
        return (high or 0.0) - 1
    return low + 1 if high is None else (low + high) / 2


def _quantiles(one: Indicator, values: Sequence[float]) -> Iterator[Class]:
    ordered = sorted(values)
    if not ordered:
        return
    cuts = _cuts(ordered, one.decimals)
    # Few classes still span the whole ramp, so that they are as far apart as can be.
    last = len(RAMP) - 1
    many = len(cuts) - 1
    for number, (low, high) in enumerate(itertools.pairwise(cuts)):
        colour = RAMP[last if many == 1 else round(number * last / (many - 1))]
        yield Class(low, high, colour, _span(low, high, vi=True), _span(low, high, vi=False))


def _cuts(ordered: Sequence[float], decimals: int) -> list[float]:
    """Edges of classes with about as many communes each; equal values stay together."""
    classes = len(RAMP)
    edges = [ordered[0]]
    for part in range(1, classes):
        edge = round(ordered[min(len(ordered) - 1, part * len(ordered) // classes)], decimals)
        if edges[-1] < edge < ordered[-1]:
            edges.append(edge)
    return [*edges, ordered[-1]]


def _span(low: float | None, high: float | None, *, vi: bool) -> str:
    least, most = ("trên", "đến") if vi else ("above", "up to")
    if low is None:
        return f"{most} {wording.number(high or 0, vi=vi)}"
    if high is None:
        return f"{least} {wording.number(low, vi=vi)}"
    return f"{wording.number(low, vi=vi)} - {wording.number(high, vi=vi)}"
