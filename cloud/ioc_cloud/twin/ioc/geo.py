"""Things by their place: in an area, in a box, near a point; as GeoJSON (RFC 7946)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, NamedTuple

import orjson
import psycopg
from psycopg import errors as pg

from ioc_cloud.db import twin_geo_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.twin.access import Access, Rights
from ioc_cloud.twin.book import Caller
from ioc_cloud.twin.ioc import asked_ioc, paging
from ioc_cloud.twin.ioc.asked_ioc import Which, invalid, statement
from ioc_cloud.twin.service import Row, Seen, Twin
from ioc_cloud.twin.web.api_things import whole_of

DEFAULT_SIZE: Final = 200
MAX_SIZE: Final = 10_000
MAX_VERTICES: Final = 2_000
# Half way round the earth, in metres; nothing lies farther.
FARTHEST_M: Final = 20_040_000.0
# A degree of latitude at its shortest (at the equator), in metres on WGS 84.
DEGREE_M: Final = 110_574.0
_RING: Final = 4
_HALF_TURN: Final = 180.0
_QUARTER_TURN: Final = 90.0
_DIMENSIONS: Final = 2


class Box(NamedTuple):
    """West, south, east, north, in degrees."""

    w: float
    s: float
    e: float
    n: float


class Near(NamedTuple):
    """A point in degrees and how far from it, in metres on the spheroid."""

    lon: float
    lat: float
    metres: float


@dataclass(frozen=True, slots=True)
class Wanted:
    """One question for things by their place.

    Attributes:
        area: GeoJSON text of a Polygon or MultiPolygon.
    """

    area: str | None
    box: Box | None
    near: Near | None
    which: Which
    size: int


def wanted(asked: Mapping[str, str], body: bytes = b"") -> Wanted:
    """A question from its parameters; a body is the area.

    Raises:
        DittoError: A geometry or parameter that cannot be understood.
    """
    text = body.decode("utf-8", "replace") if body.strip() else asked.get("within")
    box, near = asked.get("bbox"), asked.get("near")
    return Wanted(
        area_of(text) if text else None,
        box_of(box) if box else None,
        near_of(near) if near else None,
        asked_ioc.which(asked),
        paging.size_of(asked.get("size"), DEFAULT_SIZE, MAX_SIZE),
    )


# --- geometry at the door -------------------------------------------------------------


def area_of(text: str) -> str:
    """GeoJSON text of a checked Polygon or MultiPolygon.

    Raises:
        DittoError: It is none, or one that cannot be asked for.
    """
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise invalid(f"'within' is no JSON: {error}") from error
    if isinstance(found, dict) and found.get("type") == "Feature":
        found = found.get("geometry")
    kind = found.get("type") if isinstance(found, dict) else None
    if kind not in {"Polygon", "MultiPolygon"}:
        raise invalid("'within' is a GeoJSON Polygon or MultiPolygon.")
    coordinates = found.get("coordinates")
    polygons = coordinates if kind == "MultiPolygon" else [coordinates]
    if not isinstance(polygons, list) or not polygons:
        raise invalid("'within' has no coordinates.")
    count = sum(_polygon(one) for one in polygons)
    if count > MAX_VERTICES:
        raise invalid(f"'within' has {count} vertices, at most {MAX_VERTICES} are allowed.")
    return orjson.dumps({"type": kind, "coordinates": coordinates}).decode()


def _polygon(rings: Any) -> int:  # noqa: ANN401 JSON
    if not isinstance(rings, list) or not rings:
        raise invalid("A polygon of 'within' is a list of rings.")
    return sum(_ring(one) for one in rings)


def _ring(ring: Any) -> int:  # noqa: ANN401 JSON
    if not isinstance(ring, list) or len(ring) < _RING:
        raise invalid(f"A ring of 'within' has at least {_RING} positions.")
    if len(ring) > MAX_VERTICES:
        raise invalid(
            f"A ring of 'within' has {len(ring)} vertices, at most {MAX_VERTICES} are allowed."
        )
    points = [_position(one) for one in ring]
    if points[0] != points[-1]:
        raise invalid("A ring of 'within' ends where it begins.")
    for (before, _), (after, _) in pairwise(points):
        if abs(after - before) > _HALF_TURN:
            raise invalid(
                "'within' crosses the antimeridian: cut it there into a MultiPolygon (RFC 7946,"
                " 3.1.9)."
            )
    return len(points)


def _position(position: Any) -> tuple[float, float]:  # noqa: ANN401 JSON
    numeric = isinstance(position, list) and all(
        isinstance(one, int | float) and not isinstance(one, bool) for one in position
    )
    if not numeric or not _DIMENSIONS <= len(position) <= _DIMENSIONS + 1:
        raise invalid("A position of 'within' is [longitude, latitude].")
    return on_earth(position[0], position[1], "within")


def on_earth(lon: float, lat: float, name: str) -> tuple[float, float]:
    """A longitude and a latitude.

    Raises:
        DittoError: They lie on no globe.
    """
    if not (abs(lon) <= _HALF_TURN and abs(lat) <= _QUARTER_TURN):
        raise invalid(f"'{name}': longitude {lon}, latitude {lat} is no place; longitude is first.")
    return float(lon), float(lat)


def _numbers(text: str, name: str, words: str) -> list[float]:
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise invalid(f"'{name}' is {words}.") from error
    if len(found) != len(words.split(",")) or not all(map(math.isfinite, found)):
        raise invalid(f"'{name}' is {words}.")
    return found


def box_of(text: str) -> Box:
    """A box of `west,south,east,north`.

    Raises:
        DittoError: It is none, or reaches over the antimeridian.
    """
    west, south, east, north = _numbers(text, "bbox", "west,south,east,north")
    on_earth(west, south, "bbox")
    on_earth(east, north, "bbox")
    if west > east:
        raise invalid("'bbox' crosses the antimeridian: ask for its two halves.")
    if south > north:
        raise invalid("'bbox' has its south above its north.")
    return Box(west, south, east, north)


def near_of(text: str) -> Near:
    """A point and a distance, `longitude,latitude,metres`.

    Raises:
        DittoError: It is none.
    """
    lon, lat, metres = _numbers(text, "near", "longitude,latitude,metres")
    on_earth(lon, lat, "near")
    if metres <= 0:
        raise invalid("'near' reaches farther than 0 metres.")
    return Near(lon, lat, min(metres, FARTHEST_M))


def around(near: Near) -> Box:
    """A box in degrees that holds everything within the distance."""
    reach = near.metres / DEGREE_M * 1.01
    south, north = near.lat - reach, near.lat + reach
    widest = max(abs(south), abs(north))
    if widest >= _QUARTER_TURN - 1:
        return Box(-_HALF_TURN, max(south, -_QUARTER_TURN), _HALF_TURN, min(north, _QUARTER_TURN))
    across = reach / math.cos(math.radians(widest))
    west, east = near.lon - across, near.lon + across
    if west < -_HALF_TURN or east > _HALF_TURN:
        west, east = -_HALF_TURN, _HALF_TURN
    return Box(west, south, east, north)


# --- the question ---------------------------------------------------------------------


def place_readable(rights: Rights) -> str:
    """The condition that a thing's place comes from what the caller may read of it."""
    parts = {
        "location": (("attributes", "location", "type"), ("attributes", "location", "coordinates")),
        "geo": (("attributes", "geo", "lat"), ("attributes", "geo", "long")),
    }
    guards = {
        name: " and ".join(dict.fromkeys(rights.guard(path).sql for path in paths))
        for name, paths in parts.items()
    }
    if set(guards.values()) == {"true"}:
        return "true"
    return sql.PLACE_READABLE.format(**{name: f"({one})" for name, one in guards.items()})


@dataclass(frozen=True)
class Places:
    """Finds things by their place."""

    twin: Twin
    access: Access

    def answer(self, caller: Caller, asked: Wanted, cursor: str | None) -> dict[str, Any]:
        """A FeatureCollection of what the caller may see. Blocks.

        Raises:
            DittoError: An area that is none, a cursor of another question.
        """
        kinds: tuple[type, ...] = (float, str) if asked.near else (str,)
        place = paging.opened(cursor, asked, kinds)
        with self.twin.pool.connection() as connection:
            rights = self.access.rights(connection, caller)
            condition, bound = asked_ioc.where(asked.which, rights)
            condition += f" and {place_readable(rights)}"
            condition, bound = self._area(connection, asked, condition, bound)
            query, bound = _bounded(asked, place, bound)
            rows = connection.execute(
                statement(query.format(where=condition)), bound | {"most": asked.size + 1}
            ).fetchall()
        features = [
            feature(row, rules, asked.which)
            for row in rows[: asked.size]
            if (rules := rights.rules(row[1], row[0])) is not None
        ]
        collection: dict[str, Any] = {"type": "FeatureCollection", "features": features}
        if len(rows) > asked.size:
            last = rows[asked.size - 1]
            collection["cursor"] = paging.sealed(
                asked, [last[8], last[0]] if asked.near else [last[0]]
            )
        return collection

    @staticmethod
    def _area(
        connection: Connection, asked: Wanted, condition: str, bound: dict[str, Any]
    ) -> tuple[str, dict[str, Any]]:
        if asked.box is not None:
            condition, bound = f"{condition} and {sql.MEETS_BOX}", bound | asked.box._asdict()
        if asked.area is not None:
            area = mended(connection, asked.area)
            condition, bound = f"{condition} and {sql.WITHIN}", bound | {"area": area}
        return condition, bound


def mended(connection: Connection, area: str) -> bytes:
    """An area without crossings of its own borders, as EWKB.

    Raises:
        DittoError: Nothing with an area is left of it.
    """
    try:
        row = connection.execute(sql.AREA, (area,)).fetchone()
    except (pg.InternalError, pg.DataException) as error:
        connection.rollback()
        raise invalid(f"'within' is no geometry: {_first_line(error)}") from error
    if row is None or row[1]:
        raise invalid("'within' crosses itself so that no area is left.")
    return bytes(row[0])


def _first_line(error: psycopg.Error) -> str:
    return str(error).partition("\n")[0][:200]


def _bounded(
    asked: Wanted, place: Sequence[Any] | None, bound: dict[str, Any]
) -> tuple[str, dict[str, Any]]:
    if asked.near is None:
        return sql.PLACES, bound | {"after_id": place[0] if place else ""}
    box = around(asked.near)
    return sql.NEAR, bound | {
        "lon": asked.near.lon, "lat": asked.near.lat, "metres": asked.near.metres,
        "west": box.w, "south": box.s, "east": box.e, "north": box.n,
        "after_metres": place[0] if place else -1.0, "after_id": place[1] if place else "",
    }  # fmt: skip


def feature(row: tuple[Any, ...], rules: Any, which: Which) -> dict[str, Any]:  # noqa: ANN401
    """A thing as a GeoJSON feature: what may be read of it stands in its properties."""
    seen = Seen(Row._make((*row[:7], None)), rules)
    properties = whole_of(seen, which.selector, None)
    if row[8] is not None:
        properties["distanceM"] = round(row[8], 3)
    return {
        "type": "Feature",
        "id": row[0],
        "geometry": orjson.loads(row[7]),
        "properties": properties,
    }
