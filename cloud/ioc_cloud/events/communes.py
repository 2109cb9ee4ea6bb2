"""The province's communes: loaded from GeoJSON, found by a point, drawn on the wall."""

import hashlib
import json
from pathlib import Path
from typing import Any

import shapely.geometry
from psycopg.types.json import Json
from shapely.errors import ShapelyError

from ioc_cloud.db import api_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.errors import BoundariesUnreadable


def load(
    connection: Connection, geojson_path: Path | str, *, approximate: bool, attribution: str
) -> int:
    """Replace the communes by those of a file; events then get their commune anew.

    The same file again changes nothing. Properties: `code`, `name_vi`, `name_en`,
    `kind`, and `lon`, `lat` of a point inside; upstream's spellings (`fullName`,
    `fullNameEn`, `label_lon`, `label_lat`) are read too.

    Returns:
        How many communes there are now.

    Raises:
        BoundariesUnreadable: No FeatureCollection of polygons with these properties.
    """
    path = Path(geojson_path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BoundariesUnreadable(str(path), str(error)) from error
    rows = _rows(path, content, approximate=approximate)
    digest = hashlib.sha256(content + attribution.encode() + bytes([approximate])).hexdigest()
    note = {"approximate": approximate, "attribution": attribution, "sha256": digest}
    with connection.transaction():
        known = connection.execute(sql.COMMUNES_NOTE).fetchone()
        if known is not None and known[0]["sha256"] == digest:
            return len(rows)
        connection.execute(sql.COMMUNES_CLEAR)
        with connection.cursor() as cursor:
            cursor.executemany(sql.COMMUNE_ADD, rows)
        connection.execute(sql.COMMUNES_REMEMBER, (Json(note),))
        # Without it TimescaleDB refuses to touch more than 100,000 compressed rows; any
        # other server takes the setting as a name it need not know.
        connection.execute(sql.NO_DECOMPRESSION_LIMIT)
        connection.execute(sql.COMMUNES_OF_EVENTS)
    return len(rows)


def feature_collection(connection: Connection) -> dict[str, Any]:
    """The communes as GeoJSON; `etag` of what `etag` says."""
    row = connection.execute(sql.COMMUNES_GEOJSON).fetchone()
    note = connection.execute(sql.COMMUNES_NOTE).fetchone()
    about = note[0] if note else {"approximate": True, "attribution": ""}
    return {
        "type": "FeatureCollection",
        "approximate": about["approximate"],
        "attribution": about["attribution"],
        "features": row[0] if row else [],
    }


def etag(connection: Connection) -> str:
    """Changes exactly when the communes do."""
    note = connection.execute(sql.COMMUNES_NOTE).fetchone()
    return f'"{note[0]["sha256"][:32]}"' if note else '"none"'


def _rows(path: Path, content: bytes, *, approximate: bool) -> list[dict[str, Any]]:
    try:
        features = json.loads(content)["features"]
        return [_row(feature, approximate=approximate) for feature in features]
    except (ValueError, KeyError, TypeError, ShapelyError) as error:
        raise BoundariesUnreadable(str(path), f"{type(error).__name__}: {error}") from error


def _row(feature: dict[str, Any], *, approximate: bool) -> dict[str, Any]:
    properties = feature["properties"]
    shape = shapely.geometry.shape(feature["geometry"])
    if shape.geom_type not in {"Polygon", "MultiPolygon"}:
        raise TypeError(f"{shape.geom_type} is no area")
    inside = shape.representative_point()
    return {
        "code": str(properties["code"]),
        "name_vi": properties.get("name_vi") or properties["fullName"],
        "name_en": properties.get("name_en") or properties["fullNameEn"],
        "kind": properties["kind"],
        "approximate": approximate,
        "lon": properties.get("lon", properties.get("label_lon", inside.x)),
        "lat": properties.get("lat", properties.get("label_lat", inside.y)),
        "wkb": shape.wkb,
    }
