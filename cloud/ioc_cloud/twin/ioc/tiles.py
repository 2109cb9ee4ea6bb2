"""Vector tiles of what a caller may see, made by the database."""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from ioc_cloud.db import twin_geo_sql as sql
from ioc_cloud.twin import ids
from ioc_cloud.twin.access import Access, Rights
from ioc_cloud.twin.book import Caller
from ioc_cloud.twin.errors import DittoError
from ioc_cloud.twin.ioc import asked_ioc
from ioc_cloud.twin.ioc.asked_ioc import Which, invalid, statement
from ioc_cloud.twin.ioc.geo import place_readable
from ioc_cloud.twin.service import Twin

MEDIA_TYPE: Final = "application/vnd.mapbox-vector-tile"
SUFFIX: Final = ".mvt"
COMMUNES: Final = "communes"
# Below this zoom things of one place are drawn as one point with their number.
CLUSTERED_BELOW: Final = 10
MAX_ZOOM: Final = 22
MAX_THINGS: Final = 20_000
CELLS_ACROSS: Final = 8
# Round the equator in web mercator's metres (EPSG:3857).
AROUND_M: Final = 40_075_016.685578488
# A tile below this is not worth packing.
PACKED_ABOVE: Final = 500
# Layers by the names that maps use; any other namespace is a layer by its own name.
LAYERS: Final[Mapping[str, tuple[str, ...] | None]] = {
    "things": None,
    "areas": ("vn.camau.area",),
    "boxes": ("vn.camau.edge",),
    "cameras": ("vn.camau.camera",),
    "domains": ("vn.camau.domain",),
    "stations": ("vn.camau.station",),
    "vessels": ("vn.camau.vessel",),
    "walls": ("vn.camau.wall",),
}


@dataclass(frozen=True, slots=True)
class Address:
    """One tile of one layer.

    Attributes:
        namespaces: Of the things on it; None for all.
    """

    layer: str
    namespaces: tuple[str, ...] | None
    z: int
    x: int
    y: int


class Tile(NamedTuple):
    """A tile and what its client compares it by."""

    body: bytes
    tag: str
    packed: bool


def address(layer: str, z: str, x: str, y: str) -> Address:
    """A tile's address from a path.

    Raises:
        DittoError: 400 for what is no address, 404 for one that no tile has.
    """
    if not y.endswith(SUFFIX):
        raise DittoError(404, "gateway:resource.notfound", f"A tile's name ends in {SUFFIX}.")
    numbers = (z, x, y.removesuffix(SUFFIX))
    if not all(one.isascii() and one.isdecimal() and len(one) < 10 for one in numbers):  # noqa: PLR2004 no tile has more
        raise invalid("A tile's address is three whole numbers: zoom, column, row.")
    zoom, column, row = map(int, numbers)
    if zoom > MAX_ZOOM:
        raise invalid(f"Tiles go to zoom {MAX_ZOOM}.")
    if column >= 2**zoom or row >= 2**zoom:
        raise DittoError(404, "gateway:resource.notfound", f"Zoom {zoom} has no such tile.")
    if layer == COMMUNES or layer in LAYERS:
        return Address(layer, LAYERS.get(layer), zoom, column, row)
    if "." not in layer:
        known = ", ".join((COMMUNES, *LAYERS))
        raise DittoError(
            404, "gateway:resource.notfound", f"A layer is one of {known}, or a namespace."
        )
    return Address(layer, (ids.namespace(layer),), zoom, column, row)


@dataclass(frozen=True)
class Tiles:
    """Makes tiles."""

    twin: Twin
    access: Access

    def tile(self, caller: Caller, at: Address, *, packs: bool) -> Tile | None:
        """The tile as the caller may see it; None for one without anything. Blocks.

        Args:
            caller: Whose rights count.
            at: Which tile.
            packs: Whether the client takes gzip.
        """
        with self.twin.pool.connection() as connection:
            query, bound = self._query(self.access.rights(connection, caller), at)
            row = connection.execute(
                statement(query), bound | {"z": at.z, "x": at.x, "y": at.y}
            ).fetchone()
        body = bytes(row[0]) if row and row[0] else b""
        return _wrapped(body, packs=packs) if body else None

    @staticmethod
    def _query(rights: Rights, at: Address) -> tuple[str, dict[str, Any]]:
        if at.layer == COMMUNES:
            return sql.COMMUNES_TILE, {}
        condition, bound = asked_ioc.where(Which(namespaces=at.namespaces), rights)
        condition += f" and {place_readable(rights)}"
        columns = sql.TILE_COLUMNS.format(
            title_may=rights.guard(("attributes", "titleVi")).sql,
            state_may=rights.guard(("features", "health", "properties", "state")).sql,
        )
        simulated = sql.SIMULATED.format(may=rights.guard(("attributes", "simulated")).sql)
        template = sql.CLUSTERS_TILE if at.z < CLUSTERED_BELOW else sql.THINGS_TILE
        cell = AROUND_M / 2**at.z / CELLS_ACROSS
        bound |= {"layer": at.layer, "most": MAX_THINGS, "cell": cell}
        return template.format(columns=columns, simulated=simulated, where=condition), bound


def _wrapped(body: bytes, *, packs: bool) -> Tile:
    """A strong tag names these bytes, so packed and plain have tags of their own."""
    digest = hashlib.blake2b(body, digest_size=16).hexdigest()
    if not packs or len(body) <= PACKED_ABOVE:
        return Tile(body, f'"{digest}"', packed=False)
    return Tile(gzip.compress(body, compresslevel=6, mtime=0), f'"{digest}-gz"', packed=True)


def held_already(if_none_match: str | None, tag: str) -> bool:
    """Whether the client has these bytes."""
    if if_none_match is None:
        return False
    held = {one.strip().removeprefix("W/") for one in if_none_match.split(",")}
    return tag in held or "*" in held
