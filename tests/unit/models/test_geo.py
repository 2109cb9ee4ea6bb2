"""Places the province could mean."""

import pytest

from ioc_models.geo import Point


@pytest.mark.parametrize(
    ("lon", "lat"),
    [(105.15, 9.18), (104.84, 8.42), (105.85, 9.29)],
    ids=["Cà Mau", "Hòn Khoai", "coast"],
)
def test_the_province_lies_in_its_extent(lon: float, lat: float) -> None:
    assert Point(lon=lon, lat=lat).in_extent()


@pytest.mark.parametrize(
    ("lon", "lat"),
    [(9.18, 105.15 - 90), (0, 0), (105.85, 21.03)],
    ids=["swapped", "null island", "Hà Nội"],
)
def test_places_far_off_do_not(lon: float, lat: float) -> None:
    assert not Point(lon=lon, lat=lat).in_extent()
