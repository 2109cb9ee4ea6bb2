"""Which legal plates a text can be: all layouts that fit, narrowed by what else is seen."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from ioc_models.plates import law
from ioc_models.plates.law import GroundColour, Layout
from ioc_models.plates.letters import ALPHABET, normalise

PROVINCES: Final = frozenset(law.PROVINCE_OF)
# What each part of a form may hold: p province, c country, s series, n number.
_FORMS: Final[tuple[tuple[Layout, tuple[str, ...]], ...]] = (
    ("car", ("ppsnnnnn", "ppsnnnn")),
    ("electric", ("ppssnnnnn", "ppssnnnn", "ppsssnnnnn", "ppsssnnnn")),
    # Before the motorbikes: LD, KT and the like are series of their own.
    ("special", ("ppsnnnnn", "ppsnnnn", "ppssnnnnn", "ppssnnnn")),
    ("zone", ("ppssnnnnn", "ppssnnnn")),
    ("motorbike", ("ppssnnnnn", "ppssnnnn")),
    ("temporary", ("sppnnnnn", "sppnnnn", "ppsnnnnn", "ppsnnnn")),
    # As painted on the car (80-441-NG-02), and with the series before the country.
    ("diplomatic", ("ppcccssnn", "ppsscccnn")),
    ("military", ("ssnnnn",)),
)
_CARS: Final = frozenset({"car", "bus", "truck", "van"})


class Plate(NamedTuple):
    """A plate that can legally exist, in one of the layouts that its text fits.

    Eight characters can be a car (NNL + 5 digits) or an old motorbike (NNLd + 4
    digits): the text alone cannot say, so line count and vehicle stay with the reading.
    """

    layout: Layout
    province: int | None
    series: str
    number: str
    country: str = ""
    form: str = ""

    @property
    def province_today(self) -> str | None:
        """The province that the code stands for since the mergers of 2025-07-01."""
        return None if self.province is None else law.PROVINCE_OF[self.province].today


@dataclass(frozen=True, slots=True)
class _Form:
    layout: Layout
    text: str
    parts: dict[str, slice]
    series: frozenset[str]


def shape_of(text: str) -> str:
    """A text with 9 for each digit and A for each letter."""
    return text.translate(_SHAPES)


def fits(
    text: str,
    *,
    lines: Literal[1, 2] | None = None,
    ground: GroundColour | None = None,
    vehicle: str | None = None,
) -> tuple[Plate, ...]:
    """Every legal plate that a text can be; empty when it can be none.

    Args:
        text: A plate in any spelling; never corrected.
        lines: Rows seen; one rules motorbikes out.
        ground: Colour seen; rules out the layouts that the law keeps off it.
        vehicle: The detector's label of what carries it; unknown labels say nothing.
    """
    every = tuple(_all(normalise(text)))
    return narrowed(every, lines=lines, ground=ground, vehicle=vehicle) if every else every


def narrowed(
    found: tuple[Plate, ...],
    *,
    lines: Literal[1, 2] | None = None,
    ground: GroundColour | None = None,
    vehicle: str | None = None,
) -> tuple[Plate, ...]:
    """Those of the plates that what else is seen leaves over; see `fits`."""
    if lines == 1:
        found = tuple(plate for plate in found if plate.layout not in law.TWO_ROWS_ALWAYS)
    if ground is not None:
        found = tuple(plate for plate in found if _stands_on(plate, ground))
    if vehicle is not None:
        found = tuple(plate for plate in found if _rides_on(plate, vehicle))
    return found


def parse(
    text: str,
    *,
    lines: Literal[1, 2] | None = None,
    ground: GroundColour | None = None,
    vehicle: str | None = None,
) -> Plate | None:
    """The first of the plates that a text `fits`, or None; never a corrected one."""
    return next(iter(fits(text, lines=lines, ground=ground, vehicle=vehicle)), None)


def _all(plain: str) -> Iterator[Plate]:
    for form in _BY_SHAPE.get(plain.translate(_SHAPES), ()):
        part = form.parts
        series = plain[part["s"]]
        if series not in form.series:
            continue
        code = plain[part["p"]] if "p" in part else None
        if code is not None and code not in _PROVINCE_TEXTS:
            continue
        if form.layout == "zone" and law.ZONES[series][0] != int(code or 0):
            continue
        number = plain[part["n"]]
        # Registrations begin at 000.01; units of the army and embassies keep other books.
        if not number.strip("0") and form.layout not in {"military", "diplomatic"}:
            continue
        yield Plate(
            form.layout,
            None if code is None else int(code),
            series,
            number,
            plain[part["c"]] if "c" in part else "",
            form.text,
        )


def _stands_on(plate: Plate, ground: GroundColour) -> bool:
    if plate.layout not in law.GROUNDS[ground].layouts:
        return False
    if ground != "blue":
        return True
    if plate.layout == "special":
        return plate.series in law.SPECIAL_ON_BLUE
    return plate.series[0] in law.ON_BLUE and (len(plate.series) == 1 or plate.series[1].isdigit())


def _rides_on(plate: Plate, vehicle: str) -> bool:
    if vehicle == "motorbike":
        return (
            plate.layout not in {"car", "zone"} and plate.series not in law.NEVER_MOTORBIKE
        ) or plate.layout in {"military", "motorbike"}
    return vehicle not in _CARS or plate.layout not in law.TWO_ROWS_ALWAYS


def _forms() -> Iterator[_Form]:
    for layout, texts in _FORMS:
        allowed = frozenset[str]().union(
            *(kind.allowed for kind in law.SERIES if kind.layout == layout)
        )
        for text in texts:
            parts = {
                name: slice(text.index(name), text.rindex(name) + 1)
                for name in "pscn"
                if name in text
            }
            size = parts["s"].stop - parts["s"].start
            series = frozenset(name for name in allowed if len(name) == size)
            if series:
                yield _Form(layout, text, parts, series)


def _shapes_of(form: _Form) -> Iterator[str]:
    bare = "".join("9" if letter in "pcn" else letter for letter in form.text)
    size = form.text.count("s")
    for shape in {name.translate(_SHAPES) for name in form.series}:
        yield bare.replace("s" * size, shape)


def _by_shape(forms: Iterable[_Form]) -> dict[str, tuple[_Form, ...]]:
    found: dict[str, tuple[_Form, ...]] = {}
    for form in forms:
        for shape in _shapes_of(form):
            found[shape] = (*found.get(shape, ()), form)
    return found


_SHAPES: Final = str.maketrans(
    dict.fromkeys("0123456789", "9") | dict.fromkeys("ABCDEFGHIJKLMNOPQRSTUVWXYZĐ", "A")
)
_PROVINCE_TEXTS: Final = frozenset(map(str, PROVINCES))
_BY_SHAPE: Final = _by_shape(_forms())


def _steps() -> dict[str, dict[str, str]]:
    beginnings = {shape[:end] for shape in _BY_SHAPE for end in range(len(shape) + 1)}
    steps: dict[str, dict[str, str]] = {}
    for state in beginnings:
        for known in "0123456789" if state == "9" else (state,):
            steps[known] = {}
            for letter in ALPHABET:
                after = shape_of(state + letter)
                if after not in beginnings or (
                    state == "9" and letter.isdigit() and known + letter not in _PROVINCE_TEXTS
                ):
                    continue
                # After one digit the digit itself counts, for the code that it begins.
                steps[known][letter] = letter if after == "9" else after
    return steps


# State -> letter -> state: what a legal plate may go on with, by shape and province but
# not by series; a search begins in "". No way on: no legal plate begins like that.
STEPS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(_steps())
