"""Legends that can be read, by everybody, from three metres."""

from collections.abc import Sequence
from datetime import datetime, timezone
from itertools import combinations, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.feed_parts import FEED, catalogue_with

from ioc_cloud.feeds import layer
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.shown import FigureOut, QualityOut, WordsOut, source
from ioc_models.feeds import Indicator

AT = datetime(2026, 11, 24, tzinfo=timezone.utc)

# Machado, Oliveira and Fernandes 2009, severity 1: how linear RGB looks to such eyes.
EYES = {
    "all": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "no red": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "no green": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "no blue": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
GROUND = "#1a2733"


def linear(colour: str) -> list[float]:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def lab(colour: str, eyes: str) -> tuple[float, float, float]:
    """CIE L*a*b* of a colour as somebody sees it."""
    rgb = linear(colour)
    seen = [
        min(1, max(0, sum(weight * part for weight, part in zip(row, rgb, strict=True))))
        for row in EYES[eyes]
    ]
    to_xyz = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
    white = (0.95047, 1, 1.08883)
    x, y, z = (
        _root(sum(weight * part for weight, part in zip(row, seen, strict=True)) / of)
        for row, of in zip(to_xyz, white, strict=True)
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def _root(part: float) -> float:
    return float(part ** (1 / 3)) if part > 0.008856 else 7.787 * part + 16 / 116


def apart(one: str, other: str, eyes: str) -> float:
    pairs = zip(lab(one, eyes), lab(other, eyes), strict=True)
    return float(sum((a - b) ** 2 for a, b in pairs) ** 0.5)


@pytest.mark.parametrize("eyes", EYES)
def test_a_ramp_climbs_in_lightness_for_every_eye(eyes: str) -> None:
    lightness = [lab(colour, eyes)[0] for colour in (GROUND, *layer.RAMP)]
    assert all(after - before >= 9 for before, after in pairwise(lightness))


@pytest.mark.parametrize("eyes", EYES)
def test_states_are_told_apart_by_every_eye(eyes: str) -> None:
    colours = [*layer.STATE_COLOURS.values(), layer.NO_VALUE["colour"], GROUND]
    assert all(apart(one, other, eyes) > 18 for one, other in combinations(colours, 2))


def test_states_differ_in_pattern_as_well() -> None:
    assert len(set(layer.STATE_PATTERNS.values())) == 3


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return catalogue_with(tmp_path_factory.mktemp("contracts"))


def figure(
    catalogue: Catalogue, code: str, area: str, value: float | None, **said: Any
) -> FigureOut:
    feed, one = catalogue.indicator(code)
    known: dict[str, Any] = {
        "indicator": code, "title": WordsOut(vi=one.title.vi, en=one.title.en), "unit": one.unit,
        "area": area, "area_name": "", "period": "2026-11-23", "period_start": AT,
        "period_end": AT, "value": value, "numerator": None, "denominator": None, "covered": 1,
        "expected": 1, "state": "ok", "direction": one.direction, "decimals": one.decimals,
        "version": 1, "as_of": AT, "received_at": AT, "source": source(feed), "provenance": "api",
        "quality": QualityOut(),
    }  # fmt: skip
    return FigureOut(**{**known, **said})


def drawn(catalogue: Catalogue, code: str, values: Sequence[float | None]) -> dict[str, Any]:
    figures = [
        figure(catalogue, code, area, value)
        for area, value in zip(catalogue.communes, values, strict=False)
    ]
    return layer.layer(catalogue, code, figures)


def test_bands_of_the_contract_are_the_legend(catalogue: Catalogue) -> None:
    made = drawn(catalogue, "CDS.THANH_TOAN", [10, 20, 30, 50, 60])
    assert [one["state"] for one in made["legend"]] == ["danger", "warn", "ok"]
    assert made["legend"][0]["vi"] == "Nguy hiểm: đến 20"
    # The bands are below 20 and below 50: the edge itself is not yet in them.
    assert [area["class"] for area in made["areas"][:5]] == [0, 1, 1, 2, 2]


def test_without_bands_classes_have_about_as_many_communes_each(catalogue: Catalogue) -> None:
    made = drawn(catalogue, "CDS.LUOT", list(range(50)))
    classes = [area["class"] for area in made["areas"][:50]]
    assert [classes.count(number) for number in range(5)] == [10] * 5
    assert made["scale"] == "quantiles"


def test_a_commune_without_a_figure_and_one_too_small_say_so(catalogue: Catalogue) -> None:
    small = figure(catalogue, "CDS.NGUOI", "31825", None, suppressed=True)
    made = layer.layer(catalogue, "CDS.NGUOI", [small])
    assert made["areas"][0]["suppressed"]
    assert made["areas"][1]["value"] is None
    assert made["covered"] == 0
    assert made["legend"] == []


def test_a_layer_carries_what_a_figure_must(catalogue: Catalogue) -> None:
    (area, *_) = drawn(catalogue, "CDS.LUOT", [1.0])["areas"]
    assert {"as_of", "received_at", "source", "provenance", "quality"} <= area.keys()


def test_a_simulated_part_shows_on_the_whole_layer(catalogue: Catalogue) -> None:
    figures = [figure(catalogue, "CDS.LUOT", "31825", 1, provenance="simulated")]
    assert layer.layer(catalogue, "CDS.LUOT", figures)["simulated"]


def test_no_wall_is_offered_what_is_restricted_or_of_the_province_alone(
    catalogue: Catalogue,
) -> None:
    offered = {one["indicator"] for one in layer.layers(catalogue)}
    assert {"CDS.LUOT", "CDS.THANH_TOAN"} <= offered
    assert offered.isdisjoint({"CDS.KIN", "CDS.MUC_TIEU"})
    for code in offered:
        feed, one = catalogue.indicator(code)
        assert not one.restricted
        assert feed.table(one.table).grid.areas != "province"


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=64))
def test_every_value_has_a_class_and_more_is_never_darker(values: list[float]) -> None:
    one = Indicator.model_validate(
        {
            "code": "AB.CD", "title": {"vi": "x", "en": "x"}, "unit": "x", "table": "t",
            "value": "a", "space": "sum", "time": "sum", "direction": "up", "decimals": 1,
        }
    )  # fmt: skip
    classes = layer.legend(one, values)
    found = [layer._class_of(one, value, classes) for value in sorted(values)]
    assert None not in found
    assert found == sorted(found, key=lambda number: number or 0)
    assert len(classes) <= 5


def test_the_fourteenth_feed_is_offered(catalogue: Catalogue) -> None:
    assert FEED in {one["feed"] for one in layer.layers(catalogue)}
