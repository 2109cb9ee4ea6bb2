"""Workbooks made by hand, honest and hostile, so that every byte of them is known."""

import struct
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from openpyxl import Workbook

MAIN = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
MACRO = "application/vnd.ms-excel.sheet.macroEnabled.main+xml"
NS = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELS = "http://schemas.openxmlformats.org/package/2006/relationships"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'

CONTENT_TYPES = (
    f"{XML}<Types xmlns='http://schemas.openxmlformats.org/package/2006/content-types'>"
    "<Default Extension='rels' "
    "ContentType='application/vnd.openxmlformats-package.relationships+xml'/>"
    "<Default Extension='xml' ContentType='application/xml'/>"
    f"<Override PartName='/xl/workbook.xml' ContentType='{MAIN}'/></Types>"
)
WORKBOOK = (
    f"{XML}<workbook xmlns='{NS}' xmlns:r='{OFFICE}'><sheets>"
    "<sheet name='Số liệu' sheetId='1' r:id='rId1'/></sheets></workbook>"
)
ROOT_RELS = (
    f"{XML}<Relationships xmlns='{RELS}'><Relationship Id='rId1' "
    f"Type='{OFFICE}/officeDocument' Target='xl/workbook.xml'/></Relationships>"
)
WORKBOOK_RELS = (
    f"{XML}<Relationships xmlns='{RELS}'>"
    f"<Relationship Id='rId1' Type='{OFFICE}/worksheet' Target='worksheets/sheet1.xml'/>"
    f"<Relationship Id='rId2' Type='{OFFICE}/sharedStrings' Target='sharedStrings.xml'/>"
    "</Relationships>"
)
ONE_CELL = "<row r='1'><c r='A1'><v>1</v></c></row>"


def sheet(rows: str, after: str = "") -> str:
    return f"{XML}<worksheet xmlns='{NS}'><sheetData>{rows}</sheetData>{after}</worksheet>"


def package(path: Path, rows: str = ONE_CELL, **parts: str | bytes | None) -> Path:
    """A whole workbook; `parts` are added or replaced by name, `None` takes one out."""
    return archive(
        path,
        {
            "[Content_Types].xml": CONTENT_TYPES,
            "_rels/.rels": ROOT_RELS,
            "xl/workbook.xml": WORKBOOK,
            "xl/_rels/workbook.xml.rels": WORKBOOK_RELS,
            "xl/worksheets/sheet1.xml": sheet(rows),
            "xl/sharedStrings.xml": f"{XML}<sst xmlns='{NS}'><si><t>một</t></si></sst>",
            **parts,
        },
    )


def archive(path: Path, parts: Mapping[str, str | bytes | None]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in parts.items():
            if content is not None:
                made.writestr(name, content)
    return path


def rows_of(count: int, columns: int = 1) -> str:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[:columns]
    return "".join(
        f"<row r='{row}'>"
        + "".join(f"<c r='{letter}{row}'><v>{row}</v></c>" for letter in letters)
        + "</row>"
        for row in range(1, count + 1)
    )


def excel(path: Path, rows: Iterable[Iterable[Any]], title: str = "Số liệu") -> Path:
    """A workbook as openpyxl writes it, which is much as Excel does."""
    book = Workbook()
    assert book.active is not None
    book.active.title = title
    for row in rows:
        book.active.append(list(row))
    book.save(path)
    return path


# What LibreOffice writes: values of formulas, styles on blanks, a text kept in place, rows and
# cells without their references where they follow each other.
LIBRE_ROWS = (
    "<row r='2' customFormat='false' ht='12.8' hidden='false' customHeight='false'>"
    "<c r='A2' s='0' t='inlineStr'><is><t xml:space='preserve'> Xã </t></is></c>"
    "<c r='B2' s='0' t='n'><v>12.5</v></c>"
    "<c r='C2' s='0' t='b'><v>1</v></c>"
    "<c r='D2' s='0' t='str'><f aca='false'>A2&amp;\"x\"</f><v> Xã x</v></c></row>"
    "<row><c t='inlineStr'><is><r><t xml:space='preserve'>Đầm </t></r><r><t>Dơi</t></r></is></c>"
    "<c><v>7</v></c></row>"
)


SECTOR = 512
END, FREE, FAT_SECTOR = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
NONE = 0xFFFFFFFF


def ole(path: Path, *streams: str) -> Path:
    """A compound file (MS-CFB version 3) with up to three streams of 4096 zero bytes."""
    size, each = 4096, 4096 // SECTOR
    fat = [FAT_SECTOR, END]
    for number in range(len(streams)):
        first = 2 + number * each
        fat += [*range(first + 1, first + each), END]
    fat += [FREE] * (SECTOR // 4 - len(fat))
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack(
        "<HHHHH6xIIIIIIIIII", 0x3E, 3, 0xFFFE, 9, 6, 0, 1, 1, 0, 4096, END, 0, END, 0, 0
    )
    header += struct.pack("<108I", *[FREE] * 108)
    entries = _entry("Root Entry", 5, 1, NONE, END, 0)
    for number, name in enumerate(streams, 1):
        following = number + 1 if number < len(streams) else NONE
        entries += _entry(name, 2, NONE, following, 2 + (number - 1) * each, size)
    entries += bytes(SECTOR - len(entries))
    path.write_bytes(header + struct.pack("<128I", *fat) + entries + bytes(size * len(streams)))
    return path


def _entry(name: str, kind: int, child: int, right: int, start: int, size: int) -> bytes:
    letters = name.encode("utf-16-le")
    return struct.pack(
        "<64sHBBIII16sI8s8sIQ",
        letters,
        len(letters) + 2,
        kind,
        1,
        NONE,
        right,
        child,
        b"",
        0,
        b"",
        b"",
        start,
        size,
    )
