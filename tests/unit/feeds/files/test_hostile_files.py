"""Files that mean harm, or are broken: each refused with its reason and within its bounds."""

import json
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from tests.unit.feeds.files import parts

from ioc_cloud.feeds.files import errors
from ioc_cloud.feeds.files.errors import FileRefused
from ioc_cloud.feeds.files.limits import Limits
from ioc_cloud.feeds.files.read import read
from ioc_cloud.feeds.files.safely import Bounds, read_safely

MIB = 1 << 20
DTD = "<!DOCTYPE r [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>"
LAUGHS = (
    "<!DOCTYPE l [<!ENTITY a 'haha'>"
    + "".join(
        f"<!ENTITY {one} '{f'&{before};' * 10}'>"
        for before, one in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + "]>"
)
OUTSIDE_REL = (
    f"<Relationships xmlns='{parts.RELS}'><Relationship Id='r' Type='{parts.OFFICE}/oleObject' "
    "Target='\\\\somewhere\\share\\x.xlsx' TargetMode='External'/></Relationships>"
)

Made = Callable[[Path], Path]


def _bytes(content: bytes) -> Made:
    def made(path: Path) -> Path:
        path.write_bytes(content)
        return path

    return made


def _half(path: Path) -> Path:
    whole = parts.package(path, parts.rows_of(500)).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return path


def _corrupt(path: Path) -> Path:
    whole = bytearray(parts.package(path, parts.rows_of(500)).read_bytes())
    with zipfile.ZipFile(path) as archive:
        at = archive.getinfo("xl/worksheets/sheet1.xml").header_offset + 120
    whole[at : at + 20] = bytes(20)
    path.write_bytes(whole)
    return path


def _lying_bomb(path: Path) -> Path:
    """Declares a hundred bytes for a part that unpacks to many megabytes."""
    real = parts.XML + "<worksheet>" + " " * 60_000_000 + "</worksheet>"
    whole = bytearray(parts.package(path, **{"xl/worksheets/sheet1.xml": real}).read_bytes())
    size = len(real.encode()).to_bytes(4, "little")
    path.write_bytes(bytes(whole).replace(size, (100).to_bytes(4, "little")))
    return path


def _million_rows(path: Path) -> Path:
    return parts.package(path, parts.rows_of(1_048_576))


def _million_empty_rows(path: Path) -> Path:
    return parts.package(path, "<row/>" * 1_048_576)


def _bomb(path: Path) -> Path:
    return parts.package(path, **{"xl/media/image1.png": bytes(80_000_000)})


def _sheet_bomb(path: Path) -> Path:
    return parts.package(path, "<row><c><v>" + "1" * 70_000_000 + "</v></c></row>")


def _dense_bomb(path: Path) -> Path:
    return parts.package(path, f"{parts.ONE_CELL}<row r='90000'><c r='GA90000'><v>1</v></c></row>")


def _shared_string_bomb(path: Path) -> Path:
    """One text of a megabyte, shown by fifty thousand cells."""
    text = random.Random(1).randbytes(MIB // 2).hex()
    table = f"{parts.XML}<sst xmlns='{parts.NS}'><si><t>{text}</t></si></sst>"
    cells = "".join(f"<row><c r='A{row}' t='s'><v>0</v></c></row>" for row in range(1, 50_001))
    return parts.package(path, cells, **{"xl/sharedStrings.xml": table})


def _added(name: str, content: str | bytes = "<r/>") -> Made:
    return lambda path: parts.package(path, **{name: content})


def _sheet_starting(dtd: str) -> Made:
    content = parts.sheet(parts.ONE_CELL).replace("<worksheet", f"{dtd}<worksheet", 1)
    return _added("xl/worksheets/sheet1.xml", content)


def _merged(path: Path) -> Path:
    after = "<mergeCells count='2'><mergeCell ref='A1:B2'/><mergeCell ref='D5:D9'/></mergeCells>"
    return _added("xl/worksheets/sheet1.xml", parts.sheet(parts.ONE_CELL, after))(path)


def _locked_zip(path: Path) -> Path:
    whole = bytearray(parts.package(path).read_bytes())
    at = whole.index(b"PK\x01\x02")
    whole[at + 8] |= 1
    path.write_bytes(whole)
    return path


def _twice(path: Path) -> Path:
    parts.package(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("XL/Workbook.xml", parts.WORKBOOK)
    return path


CASES: list[tuple[str, str, Made, type[FileRefused]]] = [
    ("zip bomb in a picture", "x.xlsx", _bomb, errors.ZipBomb),
    ("zip bomb in a sheet", "x.xlsx", _sheet_bomb, errors.ZipBomb),
    ("zip bomb that lies about its size", "x.xlsx", _lying_bomb, errors.Damaged),
    ("text shared by fifty thousand cells", "x.xlsx", _shared_string_bomb, errors.TooCostly),
    ("two cells far apart", "x.xlsx", _dense_bomb, errors.TooManyCells),
    ("1,048,576 rows", "x.xlsx", _million_rows, errors.TooManyRows),
    ("1,048,576 empty rows", "x.xlsx", _million_empty_rows, errors.TooManyRows),
    ("external entity in a sheet", "x.xlsx", _sheet_starting(DTD), errors.DtdInside),
    ("billion laughs in a sheet", "x.xlsx", _sheet_starting(LAUGHS), errors.DtdInside),
    (
        "entity in the document's properties",
        "x.xlsx",
        _added("docProps/core.xml", f"{DTD}<r/>"),
        errors.DtdInside,
    ),
    (
        "entity in UTF-16",
        "x.xlsx",
        _added("xl/theme/theme1.xml", f"{DTD}<r/>".encode("utf-16")),
        errors.DtdInside,
    ),
    (
        "entity in a drawing",
        "x.xlsx",
        _added("xl/drawings/vmlDrawing1.vml", f"{DTD}<xml><br></xml>"),
        errors.DtdInside,
    ),
    ("macros under the right name", "x.xlsm", parts.package, errors.HasMacros),
    ("macros in an .xlsx", "x.xlsx", _added("xl/vbaProject.bin", b"x"), errors.HasMacros),
    (
        "macros by another name",
        "x.xlsx",
        _added("[Content_Types].xml", parts.CONTENT_TYPES.replace(parts.MAIN, parts.MACRO)),
        errors.HasMacros,
    ),
    ("Excel 4.0 macros", "x.xlsx", _added("xl/macrosheets/sheet1.xml"), errors.HasMacros),
    (
        "password",
        "x.xlsx",
        lambda path: parts.ole(path, "EncryptionInfo", "EncryptedPackage"),
        errors.Encrypted,
    ),
    ("password of the archive", "x.xlsx", _locked_zip, errors.Encrypted),
    ("old Excel", "x.xls", lambda path: parts.ole(path, "Workbook"), errors.OldFormat),
    ("binary Excel", "x.xlsb", _added("xl/workbook.bin", b"x"), errors.OldFormat),
    (
        "OpenDocument",
        "x.ods",
        lambda path: parts.archive(
            path, {"mimetype": "application/vnd.oasis.opendocument.spreadsheet"}
        ),
        errors.OldFormat,
    ),
    (
        "old Word renamed",
        "x.xlsx",
        lambda path: parts.ole(path, "WordDocument"),
        errors.NotAWorkbook,
    ),
    (
        "broken OLE",
        "x.xlsx",
        _bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)),
        errors.Damaged,
    ),
    ("merged cells", "x.xlsx", _merged, errors.MergedCells),
    ("PDF renamed", "x.xlsx", _bytes(b"%PDF-1.7\n..."), errors.NotAWorkbook),
    ("PDF renamed to CSV", "x.csv", _bytes(b"%PDF-1.7\n..."), errors.NotAWorkbook),
    ("PNG renamed", "x.xlsx", _bytes(b"\x89PNG\r\n\x1a\n...."), errors.NotAWorkbook),
    ("Word renamed", "x.xlsx", _added("word/document.xml"), errors.NotAWorkbook),
    (
        "any archive renamed",
        "x.xlsx",
        lambda path: parts.archive(path, {"a.txt": "a"}),
        errors.NotAWorkbook,
    ),
    (
        "web page renamed",
        "x.xls",
        _bytes(b"\xef\xbb\xbf <html><table><tr><td>1"),
        errors.NotAWorkbook,
    ),
    ("text renamed", "x.xlsx", _bytes(b"a,b\n1,2\n"), errors.NotAWorkbook),
    ("empty", "x.xlsx", _bytes(b""), errors.EmptyFile),
    (
        "no value in any cell",
        "x.xlsx",
        lambda path: parts.package(path, "<row r='1'><c r='A1' s='1'/></row>"),
        errors.EmptyFile,
    ),
    ("CSV of blank lines", "x.csv", _bytes(b"\n,,\n\n"), errors.EmptyFile),
    ("half uploaded", "x.xlsx", _half, errors.Damaged),
    ("bytes overwritten", "x.xlsx", _corrupt, errors.Damaged),
    (
        "XML cut off",
        "x.xlsx",
        _added("xl/worksheets/sheet1.xml", parts.sheet(parts.ONE_CELL)[:-20]),
        errors.Damaged,
    ),
    (
        "links to another workbook",
        "x.xlsx",
        _added("xl/externalLinks/externalLink1.xml"),
        errors.ExternalLinks,
    ),
    ("a query to a database", "x.xlsx", _added("xl/connections.xml"), errors.ExternalLinks),
    (
        "a relation that points outside",
        "x.xlsx",
        _added("xl/worksheets/_rels/sheet1.xml.rels", OUTSIDE_REL),
        errors.ExternalLinks,
    ),
    (
        "a workbook in the workbook",
        "x.xlsx",
        _added("xl/embeddings/Book1.xlsx", b"PK\x03\x04"),
        errors.FileInside,
    ),
    (
        "an archive as a picture",
        "x.xlsx",
        _added("xl/media/image1.png", b"PK\x03\x04...."),
        errors.FileInside,
    ),
    (
        "a program as a picture",
        "x.xlsx",
        _added("xl/media/image1.png", b"MZ......"),
        errors.FileInside,
    ),
    ("a part outside the archive", "x.xlsx", _added("../../etc/cron.d/x"), errors.BadPartName),
    ("the same part twice", "x.xlsx", _twice, errors.BadPartName),
    (
        "ten thousand parts",
        "x.xlsx",
        lambda path: parts.package(path, **{f"p{n}.bin": b"" for n in range(10_000)}),
        errors.TooManyParts,
    ),
    (
        "a column beyond the last",
        "x.xlsx",
        lambda path: parts.package(path, "<row r='1'><c r='XFD1'><v>1</v></c></row>"),
        errors.TooManyColumns,
    ),
    ("NUL in CSV", "x.csv", _bytes(b"a,b\n1,\x002\n"), errors.NulInside),
    ("a quote that never closes", "x.csv", _bytes(b'a,b\n1,"2\n3,4\n'), errors.BrokenCsv),
    ("a cell as long as a book", "x.csv", _bytes(b"a,b\n1," + b"x" * 40_000), errors.BrokenCsv),
    ("a line without end", "x.csv", _bytes(b"a,b\n" + b"x" * 3_000_000), errors.BrokenCsv),
    (
        "UTF-8 broken in the middle",
        "x.csv",
        _bytes("xã,phường,ấp,khóm\n".encode() * 9 + b"x\xe3\n"),
        errors.WrongEncoding,
    ),
    (
        "letters that are no Vietnamese",
        "x.csv",
        _bytes("nom,prénom\nFrançois,Zoë\n".encode("cp1252")),
        errors.WrongEncoding,
    ),
    ("UTF-32", "x.csv", _bytes("a,b\n".encode("utf-32")), errors.WrongEncoding),
    ("a million lines", "x.csv", _bytes(b"1,2\n" * 1_000_000), errors.TooManyRows),
    ("a line of three hundred cells", "x.csv", _bytes(b"1," * 300 + b"1\n"), errors.TooManyColumns),
    ("too many bytes", "x.csv", _bytes(b"1,2,3,4\n" * 7_000_000), errors.FileTooLarge),
]


@pytest.mark.parametrize(
    ("name", "made", "refusal"),
    [case[1:] for case in CASES],
    ids=[case[0].replace(" ", "_") for case in CASES],
)
def test_a_hostile_file_is_refused_with_its_reason(
    tmp_path: Path, name: str, made: Made, refusal: type[FileRefused]
) -> None:
    with pytest.raises(refusal) as caught:
        read_safely(made(tmp_path / "upload"), name, bounds=Bounds(wall_s=60))

    assert type(caught.value) is refusal
    assert caught.value.status in {413, 415, 422}
    assert caught.value.vi != caught.value.en
    assert "{" not in caught.value.vi + caught.value.en


# A fresh process, so that the peak of its children is theirs and not that of the tests.
MEASURE = """
import json, resource, sys, time
from pathlib import Path
from ioc_cloud.feeds.files.errors import FileRefused
from ioc_cloud.feeds.files.safely import read_safely
began = time.monotonic()
try:
    read_safely(Path(sys.argv[1]), sys.argv[2])
    slug = ""
except FileRefused as error:
    slug = error.slug
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
print(json.dumps({"slug": slug, "peak": peak, "seconds": time.monotonic() - began}))
"""

COSTLY = {
    "_shared_string_bomb",
    "_sheet_bomb",
    "_bomb",
    "_million_rows",
    "_million_empty_rows",
    "_lying_bomb",
}


@pytest.mark.parametrize(
    "made", [case[2] for case in CASES if getattr(case[2], "__name__", "") in COSTLY]
)
def test_a_costly_file_is_refused_within_five_seconds_and_200_mb(
    tmp_path: Path, made: Made
) -> None:
    path = made(tmp_path / "upload")

    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path), "x.xlsx"],
        capture_output=True,
        text=True,
        check=True,
    )

    told = json.loads(done.stdout.splitlines()[-1])
    assert told["slug"]
    assert told["peak"] <= 200 * MIB
    # The bound is the parent's own timer; a second more for a machine that is slow to reap.
    assert told["seconds"] <= 6


def test_a_child_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    path = parts.package(tmp_path / "x", parts.rows_of(60_000, 10))

    with pytest.raises(errors.TooCostly, match=r"0\.3 s"):
        read_safely(path, "x.xlsx", bounds=Bounds(wall_s=0.3))


def test_a_child_that_burns_the_cpu_is_ended(tmp_path: Path) -> None:
    path = parts.package(tmp_path / "x", parts.rows_of(90_000, 12))

    with pytest.raises(errors.TooCostly, match="1 s CPU"):
        read_safely(path, "x.xlsx", bounds=Bounds(cpu_s=1, wall_s=60))


def test_a_child_that_wants_more_memory_is_ended(tmp_path: Path) -> None:
    path = parts.package(tmp_path / "x", parts.rows_of(90_000, 10))

    with pytest.raises(errors.TooCostly, match="50 MiB"):
        read_safely(path, "x.xlsx", bounds=Bounds(memory_bytes=50 * MIB, wall_s=60))


def test_the_reason_names_the_merged_cells(tmp_path: Path) -> None:
    with pytest.raises(errors.MergedCells) as caught:
        read(_merged(tmp_path / "x"), "x.xlsx")

    assert "A1:B2, D5:D9" in caught.value.vi
    assert "Số liệu" in caught.value.en


def test_merged_cells_can_be_reported_instead(tmp_path: Path) -> None:
    book = read(_merged(tmp_path / "x"), "x.xlsx", limits=Limits(merged="report"))

    assert [(one.rule, one.address) for one in book.findings] == [
        ("merged", "A1"),
        ("merged", "D5"),
    ]


def test_numbers_in_reasons_are_grouped_as_each_language_does() -> None:
    error = errors.TooManyRows(sheet="A", limit=100_000)

    assert "100.000" in error.vi
    assert "100,000" in error.en


@pytest.mark.parametrize("seed", range(20))
def test_a_file_with_any_bytes_changed_is_read_or_refused_never_anything_else(
    tmp_path: Path, seed: int
) -> None:
    dice = random.Random(seed)
    workbook = parts.package(tmp_path / "x", parts.rows_of(20, 3)).read_bytes()
    locked = parts.ole(tmp_path / "x", "Workbook").read_bytes()
    table = 'Mã;Tên\n1;"Đầm\nDơi"\n'.encode()
    for whole, name in ((workbook, "x.xlsx"), (locked, "x.xlsx"), (table, "x.csv")):
        changed = bytearray(whole)
        for _ in range(dice.randint(1, 6)):
            changed[dice.randrange(len(changed))] = dice.randrange(256)
        (tmp_path / "x").write_bytes(changed)

        with suppress(FileRefused):
            read(tmp_path / "x", name)


@pytest.mark.parametrize("at", [-6, -10, -2])
def test_a_directory_at_an_impossible_place_is_a_damaged_file(tmp_path: Path, at: int) -> None:
    whole = bytearray(parts.package(tmp_path / "x").read_bytes())
    whole[at - 2 : at + 2 or None] = b"\xff\xff\xff\x7f"
    (tmp_path / "x").write_bytes(whole)

    with pytest.raises(errors.Damaged):
        read(tmp_path / "x", "x.xlsx")


def test_a_part_whose_name_is_no_text_is_a_damaged_file(tmp_path: Path) -> None:
    whole = parts.package(tmp_path / "x", **{"xl/á.xml": "<r/>"}).read_bytes()
    (tmp_path / "x").write_bytes(whole.replace("á".encode(), b"\xff\xff"))

    with pytest.raises(errors.Damaged):
        read(tmp_path / "x", "x.xlsx")
