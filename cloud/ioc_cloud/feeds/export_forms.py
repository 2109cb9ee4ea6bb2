"""Rows written as CSV, workbook, GeoJSON or Parquet, piece by piece.

No cell of text can be taken for a formula by the program that opens it (see `files.safe_cell`).
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Literal

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font

from ioc_cloud.feeds.errors import TooMuchToExport
from ioc_cloud.feeds.files.safe_cell import safe
from ioc_models.feeds import LOCAL

Form = Literal["csv", "xlsx", "geojson", "parquet"]
Kind = Literal["text", "integer", "number", "date", "moment", "flag"]
PIECE_ROWS: Final = 2_000
GROUP_ROWS: Final = 20_000
READ_BYTES: Final = 256 * 1024
BOM: Final = b"\xef\xbb\xbf"
# Excel's own boundary, less the header.
SHEET_ROWS: Final = 1_048_575
MEDIA: Final[Mapping[Form, str]] = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "geojson": "application/geo+json",
    "parquet": "application/vnd.apache.parquet",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of an export."""

    code: str
    kind: Kind
    title: str


@dataclass(frozen=True, slots=True)
class Shape:
    """A commune's outline as GeoJSON text; of an approximate one its centre."""

    geojson: str
    approximate: bool


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is to be written.

    Attributes:
        rows: In the columns' order; they are taken once.
        about: Pairs for people: title, unit, licence, what was left out.
        place: Which column holds the area's code.
        shapes: By that code, for forms that draw.
    """

    columns: Sequence[Column]
    rows: Iterable[tuple[Any, ...]]
    about: Mapping[str, str]
    place: int
    shapes: Callable[[], Mapping[str, Shape]]


def as_csv(sheet: Sheet, *, bom: bool = False) -> Iterator[bytes]:
    """RFC 4180, UTF-8; with a mark of byte order where Excel shall open it by a double click."""
    yield BOM if bom else b""
    rows = iter(sheet.rows)
    heads: list[list[Any]] = [[column.code for column in sheet.columns]]
    while piece := heads or [_texts(sheet.columns, row) for row in islice(rows, PIECE_ROWS)]:
        text = io.StringIO()
        csv.writer(text).writerows(piece)
        yield text.getvalue().encode()
        heads = []


def _texts(columns: Sequence[Column], row: Sequence[Any]) -> list[Any]:
    return [_text(column, value) for column, value in zip(columns, row, strict=True)]


def _text(column: Column, value: Any) -> Any:  # noqa: ANN401 a cell is anything
    if isinstance(value, datetime):
        return value.astimezone(LOCAL).isoformat()
    if isinstance(value, bool):
        return int(value)
    return safe(value) if column.kind == "text" else value


def as_xlsx(sheet: Sheet) -> Iterator[bytes]:
    """A workbook with a second sheet that says what the first is."""
    book = Workbook(write_only=True)
    figures = book.create_sheet("So lieu")
    figures.freeze_panes = "A2"
    heads = []
    for column in sheet.columns:
        head = WriteOnlyCell(figures, column.code)
        head.font = Font(bold=True)
        heads.append(head)
    figures.append(heads)
    for number, row in enumerate(sheet.rows, 1):
        if number > SHEET_ROWS:
            raise TooMuchToExport(SHEET_ROWS)
        pairs = zip(sheet.columns, row, strict=True)
        figures.append([_cell(column, value) for column, value in pairs])
    about = book.create_sheet("Gioi thieu - About")
    for name, said in sheet.about.items():
        about.append([safe(name), safe(said)])
    for column in sheet.columns:
        about.append([column.code, safe(column.title)])
    yield from _through_file(book.save, "export.xlsx")


def _cell(column: Column, value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, datetime):
        # Sheets know no zones; the second sheet says that it is the province's time.
        return value.astimezone(LOCAL).replace(tzinfo=None)
    return safe(value) if column.kind == "text" else value


def as_geojson(sheet: Sheet) -> Iterator[bytes]:
    """RFC 7946: a feature a row, longitude first; `geometry_approximate` where only a centre is."""
    shapes = sheet.shapes()
    about = json.dumps(dict(sheet.about), ensure_ascii=False)
    yield f'{{"type":"FeatureCollection","about":{about},"features":['.encode()
    rows = iter(sheet.rows)
    between = ""
    while piece := list(islice(rows, PIECE_ROWS)):
        features = (_feature(sheet, row, shapes) for row in piece)
        yield (between + ",\n".join(features)).encode()
        between = ",\n"
    yield b"]}\n"


def _feature(sheet: Sheet, row: Sequence[Any], shapes: Mapping[str, Shape]) -> str:
    shape = shapes.get(row[sheet.place])
    said = {
        column.code: value.isoformat() if isinstance(value, (date, datetime)) else value
        for column, value in zip(sheet.columns, row, strict=True)
    }
    said["geometry_approximate"] = shape.approximate if shape is not None else None
    drawn = shape.geojson if shape is not None else "null"
    properties = json.dumps(said, ensure_ascii=False)
    return f'{{"type":"Feature","geometry":{drawn},"properties":{properties}}}'


_ARROW: Final[Mapping[Kind, pa.DataType]] = {
    "text": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "date": pa.date32(),
    "moment": pa.timestamp("us", tz="UTC"),
    "flag": pa.bool_(),
}


def as_parquet(sheet: Sheet) -> Iterator[bytes]:
    """Parquet, in row groups; `about` stands in the file's own description."""
    told = {name.encode(): said.encode() for name, said in sheet.about.items()}
    schema = pa.schema(
        [
            pa.field(column.code, _ARROW[column.kind], metadata={"title": column.title})
            for column in sheet.columns
        ],
        metadata=told,
    )

    def write(path: Path) -> None:
        rows = iter(sheet.rows)
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            while piece := list(islice(rows, GROUP_ROWS)):
                writer.write_table(_group(schema, piece))

    yield from _through_file(write, "export.parquet")


def _group(schema: pa.Schema, rows: Sequence[tuple[Any, ...]]) -> pa.Table:
    arrays = [
        pa.array(values, type=field.type)
        for field, values in zip(schema, zip(*rows, strict=True), strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def as_geoparquet(sheet: Sheet) -> Iterator[bytes]:
    """GeoParquet 1.0: the same with a geometry in WGS 84, longitude first. Held in memory."""
    # 1.6 s of import that only those pay who ask for geometry.
    import geopandas  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415
    import shapely  # noqa: PLC0415

    shapes = sheet.shapes()
    rows = list(sheet.rows)
    schema = pa.schema([pa.field(column.code, _ARROW[column.kind]) for column in sheet.columns])
    frame = _group(schema, rows).to_pandas(types_mapper=pd.ArrowDtype) if rows else pd.DataFrame()
    if not rows:
        frame = pd.DataFrame({column.code: [] for column in sheet.columns})
    drawn = {code: shapely.from_geojson(shape.geojson) for code, shape in shapes.items()}
    frame["geometry_approximate"] = [
        shapes[row[sheet.place]].approximate if row[sheet.place] in shapes else None for row in rows
    ]
    geometry = [drawn.get(row[sheet.place]) for row in rows]
    whole = geopandas.GeoDataFrame(frame, geometry=geometry, crs="EPSG:4326")
    yield from _through_file(
        lambda path: whole.to_parquet(path, index=False, compression="zstd"), "export.parquet"
    )


def _through_file(write: Callable[[Path], object], name: str) -> Iterator[bytes]:
    """Forms that need to go back and forth are made on disk and handed out from there."""
    with TemporaryDirectory(prefix="ioc-export-") as folder:
        path = Path(folder) / name
        write(path)
        with path.open("rb") as file:
            while piece := file.read(READ_BYTES):
                yield piece
