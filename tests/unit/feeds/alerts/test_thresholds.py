"""When a figure is back within its bands."""

import pytest

from ioc_cloud.feeds.alerts.thresholds import watched, well_back
from ioc_cloud.feeds.catalogue import Catalogue


@pytest.mark.parametrize(
    ("code", "value", "back"),
    [
        # warn above 4, danger above 10: a tenth of the way between
        ("TNN.MAN", 3.5, False),
        ("TNN.MAN", 3.4, True),
        # warn below 95, danger below 90
        ("HCC.DUNG_HAN", 95.4, False),
        ("HCC.DUNG_HAN", 95.5, True),
        # warn above 100 or below 90, danger above 105
        ("CCVC.TY_LE_SD", 95.0, True),
        ("CCVC.TY_LE_SD", 90.5, False),
        # warn above 0, danger above 2: only none is none
        ("TC.VUOT_RANH", 0.0, False),
    ],
)
def test_a_figure_is_back_by_a_margin(code: str, value: float, *, back: bool) -> None:
    _, one = Catalogue.of_province().indicator(code)
    assert well_back(one, value) is back


def test_every_indicator_with_bands_is_watched_and_no_other() -> None:
    catalogue = Catalogue.of_province()
    banded = {code for code, (_, one) in catalogue.indicators.items() if one.warn or one.danger}
    assert set(watched(catalogue)) == banded


@pytest.mark.parametrize(
    ("code", "window"),
    [("TNN.MUA", "sum"), ("MT.PM25", "mean"), ("TNN.MAN", None), ("YT.GIUONG", None)],
)
def test_sums_and_means_of_short_periods_are_judged_by_the_day(
    code: str, window: str | None
) -> None:
    assert watched(Catalogue.of_province())[code].window == window
