"""Documents as blocks, written as Markdown, HTML or Word: one text, three papers."""

import html as escapes
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from docx import Document
from docx.enum.section import WD_ORIENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt

# Decree 30/2020/ND-CP, annex I: Times New Roman, 13 to 14 points, A4.
FONT: Final = "Times New Roman"
TEXT_PT: Final = 13
CELL_PT: Final = 10


@dataclass(frozen=True, slots=True)
class Heading:
    """A title; level 1 is the document's own."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    text: str
    centred: bool = False
    bold: bool = False
    italic: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """A list."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under heads; `wide` asks for a page on its side."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Columns:
    """Two blocks of lines beside each other: who writes left, the state's name right."""

    left: tuple[str, ...]
    right: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Code:
    """Text to copy."""

    text: str
    language: str = ""


Block = Heading | Text | Listed | Table | Columns | Code


def markdown(blocks: Iterable[Block]) -> str:
    """CommonMark with tables."""
    return "\n\n".join(_markdown(block) for block in blocks) + "\n"


def _markdown(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"{'#' * level} {_plain(text)}"
        case Text(text, _, bold, italic):
            mark = "**" if bold else "*" if italic else ""
            return f"{mark}{_plain(text)}{mark}"
        case Listed(items):
            return "\n".join(f"- {_plain(item)}" for item in items)
        case Table(heads, rows):
            lines = [_cells(heads), _cells(["---"] * len(heads)), *(_cells(row) for row in rows)]
            return "\n".join(lines)
        case Columns(left, right):
            return "\n\n".join(f"**{_plain(line)}**" for line in (*right, *left) if line)
        case Code(text, language):
            return f"```{language}\n{text}\n```"


def _plain(text: str) -> str:
    """Text of a contract that Markdown would read as markup."""
    for mark in ("\\", "*", "_", "`", "[", "]", "<", ">"):
        text = text.replace(mark, f"\\{mark}")
    return text.replace("\n", " ")


def _cells(cells: Sequence[str]) -> str:
    shown = (cell if cell == "---" else _plain(cell).replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(shown)} |"


def html(blocks: Iterable[Block], title: str) -> str:
    """A page of its own, without any script or address."""
    body = "\n".join(_html(block) for block in blocks)
    return (
        f'<!doctype html>\n<html lang="vi"><head><meta charset="utf-8"><title>'
        f"{escapes.escape(title)}</title><style>{_STYLE}</style></head><body>\n{body}\n"
        "</body></html>\n"
    )


_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}th,td{border:1px solid #8ba3b5;padding:.3rem .5rem;"
    "text-align:left;vertical-align:top}th{background:#e8eef3}pre{background:#f3f6f8;padding:1rem;"
    "overflow:auto}.c{text-align:center}"
)


def _html(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"<h{level}>{escapes.escape(text)}</h{level}>"
        case Text(text, centred, bold, italic):
            inner = escapes.escape(text).replace("\n", "<br>")
            inner = f"<b>{inner}</b>" if bold else f"<i>{inner}</i>" if italic else inner
            return f'<p class="c">{inner}</p>' if centred else f"<p>{inner}</p>"
        case Listed(items):
            return f"<ul>{''.join(f'<li>{escapes.escape(item)}</li>' for item in items)}</ul>"
        case Table(heads, rows):
            head = "".join(f"<th>{escapes.escape(cell)}</th>" for cell in heads)
            lines = "".join(_row(row) for row in rows)
            return f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"
        case Columns(left, right):
            return _html(Table(("<br>".join(left), "<br>".join(right)), ())).replace(
                "&lt;br&gt;", "<br>"
            )
        case Code(text):
            return f"<pre>{escapes.escape(text)}</pre>"


def _row(cells: Sequence[str]) -> str:
    return f"<tr>{''.join(f'<td>{escapes.escape(cell)}</td>' for cell in cells)}</tr>"


def word(blocks: Iterable[Block], title: str) -> bytes:
    """A .docx on A4, on its side where a table is wide."""
    document = Document()
    _set_up(document, title)
    on_side = False
    for block in blocks:
        if isinstance(block, Table) and block.wide != on_side:
            on_side = block.wide
            _turn(document, on_side=on_side)
        _WORD[type(block)](document, block)
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def _set_up(document: Any, title: str) -> None:  # noqa: ANN401 python-docx gives a factory's product
    document.core_properties.title = title
    document.core_properties.author = "Cà Mau IOC"
    document.core_properties.language = "vi-VN"
    style = document.styles["Normal"]
    style.font.name, style.font.size = FONT, Pt(TEXT_PT)
    # Word takes East Asian letters, and with them many marks, from a font of its own choice.
    style.element.rPr.rFonts.set(qn("w:eastAsia"), FONT)
    for level in range(1, 4):
        heading = document.styles[f"Heading {level}"]
        heading.font.name, heading.font.size, heading.font.bold = FONT, Pt(TEXT_PT), True
        heading.font.color.rgb = None
        heading.element.rPr.rFonts.set(qn("w:eastAsia"), FONT)
        heading.element.rPr.rFonts.set(qn("w:asciiTheme"), FONT)
    section = document.sections[0]
    section.page_width, section.page_height = Cm(21), Cm(29.7)
    _margins(section)


def _margins(section: Any) -> None:  # noqa: ANN401
    # The same decree: 20 to 25 mm above and below, 30 to 35 left, 15 to 20 right.
    section.top_margin = section.bottom_margin = Cm(2)
    section.left_margin, section.right_margin = Cm(3), Cm(1.5)


def _turn(document: Any, *, on_side: bool) -> None:  # noqa: ANN401
    section = document.add_section()
    section.orientation = WD_ORIENT.LANDSCAPE if on_side else WD_ORIENT.PORTRAIT
    width, height = Cm(21), Cm(29.7)
    section.page_width, section.page_height = (height, width) if on_side else (width, height)
    _margins(section)


def _word_heading(document: Any, block: Heading) -> None:  # noqa: ANN401
    paragraph = document.add_heading(block.text, level=min(block.level, 3))
    if block.level == 1:
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER


def _word_text(document: Any, block: Text) -> None:  # noqa: ANN401
    paragraph = document.add_paragraph()
    run = paragraph.add_run(block.text)
    run.bold, run.italic = block.bold, block.italic
    if block.centred:
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER


def _word_list(document: Any, block: Listed) -> None:  # noqa: ANN401
    for item in block.items:
        document.add_paragraph(item, style="List Bullet")


def _word_table(document: Any, block: Table) -> None:  # noqa: ANN401
    table = document.add_table(rows=1, cols=len(block.heads), style="Table Grid")
    _fill(table.rows[0].cells, block.heads, bold=True)
    # A long table says on every page what its columns are.
    mark = OxmlElement("w:tblHeader")
    mark.set(qn("w:val"), "true")
    table.rows[0]._tr.get_or_add_trPr().append(mark)  # noqa: SLF001 python-docx has no name for it
    for row in block.rows:
        _fill(table.add_row().cells, row)
    document.add_paragraph()


def _fill(cells: Sequence[Any], texts: Sequence[str], *, bold: bool = False) -> None:
    for cell, text in zip(cells, texts, strict=True):
        run = cell.paragraphs[0].add_run(text)
        run.bold, run.font.size = bold, Pt(CELL_PT)


def _word_columns(document: Any, block: Columns) -> None:  # noqa: ANN401
    table = document.add_table(rows=1, cols=2)
    for cell, lines in zip(table.rows[0].cells, (block.left, block.right), strict=True):
        for n, line in enumerate(lines):
            paragraph = cell.paragraphs[0] if n == 0 else cell.add_paragraph()
            paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
            paragraph.add_run(line).bold = True
    document.add_paragraph()


def _word_code(document: Any, block: Code) -> None:  # noqa: ANN401
    run = document.add_paragraph().add_run(block.text)
    run.font.name, run.font.size = "Courier New", Pt(CELL_PT)


_WORD: Final[dict[type, Any]] = {
    Heading: _word_heading,
    Text: _word_text,
    Listed: _word_list,
    Table: _word_table,
    Columns: _word_columns,
    Code: _word_code,
}
