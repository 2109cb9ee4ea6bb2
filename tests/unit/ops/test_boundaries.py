"""Outlines: honest approximations without files, clear words about bad ones."""

import json
from pathlib import Path

import geopandas
import pytest
import shapely
from shapely.geometry import Point

from ioc_cloud.ops import boundaries
from ioc_cloud.ops.home import Home

# The merged province's own figure of 2025.
STATED_KM2 = 7942.39


@pytest.fixture(scope="module")
def cells() -> geopandas.GeoDataFrame:
    """The approximate outlines; the land they are cut by comes with the wall's packages."""
    return boundaries.cells()


def test_each_of_the_64_communes_gets_one_cell(cells: geopandas.GeoDataFrame) -> None:
    assert sorted(cells["code"]) == sorted(boundaries.facts()["code"])
    assert len(set(cells["code"])) == 64
    assert cells.geometry.is_valid.all()


def test_a_commune_s_centre_lies_in_its_own_cell(cells: geopandas.GeoDataFrame) -> None:
    inside = [
        row.geometry.buffer(0.02).contains(Point(row.lon, row.lat)) for row in cells.itertuples()
    ]
    assert all(inside)


def test_cells_do_not_overlap(cells: geopandas.GeoDataFrame) -> None:
    flat = cells.to_crs(boundaries.METRES)
    together = shapely.union_all(flat.geometry.to_numpy()).area
    assert flat.area.sum() == pytest.approx(together, rel=0.01)


def test_the_province_is_about_as_large_as_it_is(cells: geopandas.GeoDataFrame) -> None:
    drawn = cells.to_crs(boundaries.METRES).area.sum() / 1e6
    assert drawn == pytest.approx(STATED_KM2, rel=0.1)


def test_a_file_that_is_no_geojson_says_so(tmp_path: Path) -> None:
    path = tmp_path / "boundaries.geojson"
    path.write_text("not a map")
    with pytest.raises(boundaries.BadBoundaries, match="not readable"):
        boundaries.read(path)


def test_a_file_of_another_province_names_what_is_missing(
    tmp_path: Path, cells: geopandas.GeoDataFrame
) -> None:
    path = tmp_path / "boundaries.geojson"
    path.write_text(cells[cells["code"] != "32248"].to_json())
    with pytest.raises(boundaries.BadBoundaries, match="32248"):
        boundaries.read(path)


def test_a_good_file_is_kept_with_our_own_names(
    tmp_path: Path, cells: geopandas.GeoDataFrame
) -> None:
    path = tmp_path / "theirs.geojson"
    path.write_text(cells[["code", "geometry"]].to_json())
    home = Home(tmp_path)
    boundaries.keep(home, path)
    kept = json.loads(boundaries.kept_path(home).read_text())["features"]
    names = {feature["properties"]["name_vi"] for feature in kept}
    assert names == set(boundaries.facts()["name_vi"])


def test_every_outline_that_is_downloaded_has_its_hash_pinned() -> None:
    pins = [
        line.split() for line in (boundaries.FOLDER / "upstream.sha256").read_text().splitlines()
    ]
    codes = {Path(name).name.split("_")[0] for _, name in pins}
    assert codes == set(boundaries.facts()["code"])
    assert {len(sha256) for sha256, _ in pins} == {64}
