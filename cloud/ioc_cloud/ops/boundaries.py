"""The communes' outlines: upstream's, the user's, or honest approximations."""

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import geopandas
import httpx
import pandas as pd
import psycopg
import shapely
from rich.progress import track

from ioc_cloud.errors import CloudError
from ioc_cloud.events import communes
from ioc_cloud.ops.home import REPOSITORY, Home

FOLDER = REPOSITORY / "maps" / "boundaries"
LAND = REPOSITORY / "maps" / "wall" / "node_modules" / "world-atlas" / "land-10m.json"
UPSTREAM = (
    "https://raw.githubusercontent.com/thanglequoc/vietnamese-provinces-database/"
    "cd58063299585146ded3981f2272946ef19ced54/"
)
UPSTREAM_NOTE = "Ranh giới: thanglequoc/vietnamese-provinces-database (sapnhap.bando.com.vn)"
APPROXIMATE_NOTE = "Ranh giới gần đúng: ô Voronoi quanh điểm giữa; đất liền: Natural Earth"
APPROXIMATE = "approximate"
EXACT = "exact"
# Metres on the ground: VN-2000 / UTM 48N covers all of the province.
METRES = 3405
TOLERANCE_M = 15
SURROUNDINGS = (103.5, 8.0, 107.0, 11.0)
# How far land reaches beyond the outermost commune's centre, about a commune's width.
INLAND_M = 9_000


class BadBoundaries(CloudError):
    """A boundary file that cannot be used, and why."""


def keep(home: Home, path: Path) -> None:
    """Make a file the outlines of this installation.

    Raises:
        BadBoundaries: It is not the province's 64 communes.
    """
    text = read(path).to_json(drop_id=True)
    kept_path(home).write_text(text)


def kept_path(home: Home) -> Path:
    """Where an installation keeps its exact outlines."""
    return home.root / "boundaries.geojson"


def load(home: Home, connection: psycopg.Connection[Any]) -> str:
    """Put the best outlines at hand into the database; says `exact` or `approximate`."""
    kept = kept_path(home)
    if kept.exists():
        communes.load(connection, kept, approximate=False, attribution=UPSTREAM_NOTE)
        return EXACT
    drawn = home.root / "boundaries-approximate.geojson"
    if not drawn.exists():
        drawn.write_text(cells().to_json(drop_id=True))
    communes.load(connection, drawn, approximate=True, attribution=APPROXIMATE_NOTE)
    return APPROXIMATE


def facts() -> pd.DataFrame:
    """Our own table of the 64 communes: code, names, kind, area, a point inside."""
    return pd.read_csv(FOLDER / "communes.csv", dtype={"code": str})


def read(path: Path) -> geopandas.GeoDataFrame:
    """A GeoJSON file's outlines by GSO code, joined to our own facts.

    Raises:
        BadBoundaries: It cannot be read, or is not the province's 64 communes.
    """
    try:
        outlines = (
            geopandas.read_file(path).to_crs(4326)[["code", "geometry"]].astype({"code": str})
        )
    except Exception as error:
        raise BadBoundaries(
            f"{path}: không đọc được, cần GeoJSON có trường `code` / not readable, needs GeoJSON "
            f"with a `code` field: {error}"
        ) from error
    wanted, found = set(facts()["code"]), set(outlines["code"])
    if found != wanted:
        raise BadBoundaries(
            f"{path}: thiếu xã / communes missing {sorted(wanted - found)[:5]}, "
            f"lạ / unknown {sorted(found - wanted)[:5]}"
        )
    return outlines.merge(facts(), on="code")


def cells() -> geopandas.GeoDataFrame:
    """Voronoi cells of the 64 centre points, clipped to land.

    The province's inland border is not known without the outlines; cells end about
    a commune's width beyond the outermost centres.
    """
    table = facts()
    points = geopandas.GeoDataFrame(
        table, geometry=geopandas.points_from_xy(table["lon"], table["lat"]), crs=4326
    ).to_crs(METRES)
    reach = points.union_all().convex_hull.buffer(INLAND_M)
    polygons = shapely.voronoi_polygons(points.union_all(), extend_to=reach)
    voronoi = geopandas.GeoDataFrame(geometry=list(polygons.geoms), crs=METRES)
    world = geopandas.read_file(LAND, layer="land").geometry.set_crs(4326, allow_override=True)
    # Cut first: mending all of Eurasia's coast takes ten seconds, its corner none.
    land = world.clip_by_rect(*SURROUNDINGS).make_valid().to_crs(METRES)
    voronoi["geometry"] = voronoi.intersection(reach).intersection(land.union_all())
    joined = points.sjoin(voronoi.reset_index(), predicate="within", how="left")
    # A centre that the coarse coast puts into the sea still gets its cell.
    joined["geometry"] = [
        voronoi.geometry[int(index)] if index == index else point.buffer(2_000)  # noqa: PLR0124 NaN
        for index, point in zip(joined["index"], joined.geometry, strict=True)
    ]
    return joined[[*table.columns, "geometry"]].to_crs(4326)


def download(home: Home) -> Path:
    """Fetch the pinned upstream files, check each, simplify with shared borders kept.

    Raises:
        BadBoundaries: A file does not arrive or is not the one that was pinned.
    """
    pins = [line.split() for line in (FOLDER / "upstream.sha256").read_text().splitlines()]
    with httpx.Client(base_url=UPSTREAM, timeout=60, follow_redirects=True) as client:
        features = [
            _feature(client, name, sha256)
            for sha256, name in track(pins, "Tải ranh giới / fetching outlines")
        ]
    target = kept_path(home)
    target.write_text(simplified(features).to_json(drop_id=True))
    return target


def _feature(client: httpx.Client, name: str, sha256: str) -> dict[str, Any]:
    try:
        answer = client.get(name)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise BadBoundaries(
            f"{name}: {error}; tải ở máy khác rồi đặt IOC_BOUNDARIES=FILE / or fetch elsewhere "
            "and set IOC_BOUNDARIES=FILE"
        ) from error
    found = hashlib.sha256(answer.content).hexdigest()
    if found != sha256:
        raise BadBoundaries(f"{name}: SHA-256 {found}, chờ đợi / expected {sha256}")
    feature: dict[str, Any] = json.loads(answer.content)["features"][0]
    return feature


def simplified(features: Iterable[dict[str, Any]]) -> geopandas.GeoDataFrame:
    """Outlines with fewer points and the same shared borders, joined to our own facts."""
    raw = geopandas.GeoDataFrame.from_features(features, crs=4326).to_crs(METRES)
    raw["geometry"] = shapely.coverage_simplify(raw.geometry.to_numpy(), TOLERANCE_M)
    outlines = raw[["code", "geometry"]].astype({"code": str}).to_crs(4326)
    return outlines.merge(facts(), on="code")


def chosen_file() -> Path | None:
    """The user's own file, by `IOC_BOUNDARIES`."""
    path = os.environ.get("IOC_BOUNDARIES")
    return Path(path) if path else None
