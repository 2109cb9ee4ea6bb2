"""The workbook that a focal officer fills in, made from the contract.

A sheet a table: row 1 says what a column is in both languages, row 2 its code, the areas and
the period stand there already; what may not be changed is locked, without a password. The file
says in its properties which feed and which version of the contract it was made from.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Final

from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.packaging.custom import IntProperty, StringProperty
from openpyxl.styles import Alignment, Border, Font, NamedStyle, PatternFill, Protection, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from ioc_cloud.feeds import guide, wording
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_models.feeds import Contract, FieldSpec, Period, TableSpec, Words, periods
from ioc_models.feeds.contract import AREA, PERIOD, FieldType

AREA_NAME: Final = "area_name"
LISTS: Final = "_danh_muc"
# What Excel's own boundaries are.
SHEET_NAME_CHARS: Final = 31
INLINE_LIST_CHARS: Final = 250
MESSAGE_CHARS: Final = 255
TITLE_CHARS: Final = 32
# Names of the file's properties, by which an upload knows its template.
FEED_PROPERTY: Final = "ioc-feed"
VERSION_PROPERTY: Final = "ioc-contract-version"
SHA_PROPERTY: Final = "ioc-contract-sha256"
PROVENANCE_PROPERTY: Final = "ioc-provenance"

HEAD_ROWS: Final = 2
# Lines beyond the prefilled ones that know which values are possible.
ROOM: Final = 2_000
FARTHEST: Final = 100_000

_TITLE: Final = PatternFill("solid", fgColor="0B3C5D")
_CODE: Final = PatternFill("solid", fgColor="D9E2EA")
_GIVEN: Final = PatternFill("solid", fgColor="EEF2F5")
_LINE: Final = Side(style="thin", color="B8C4CE")
_BOX: Final = Border(left=_LINE, right=_LINE, top=_LINE, bottom=_LINE)
_OPEN: Final = Protection(locked=False)

_FORMATS: Final[Mapping[FieldType, str]] = {
    FieldType.INTEGER: "#,##0",
    FieldType.NUMBER: "#,##0",
    FieldType.DATE: "dd/mm/yyyy",
    FieldType.MOMENT: "dd/mm/yyyy hh:mm",
    FieldType.FLAG: "0",
}

PeriodsByTable = Mapping[str, Period | Sequence[Period]]


def workbook(
    feed: Contract,
    catalogue: Catalogue,
    period_by_table: PeriodsByTable | None = None,
    *,
    prefill: bool = True,
) -> bytes:
    """A template as .xlsx.

    Args:
        feed: Its contract.
        catalogue: Knows the areas.
        period_by_table: The period, or periods, that each table is to be filled in for; one
            shorter than a day stands for all of its day. A table without one is left open.
        prefill: Put areas, periods and expected keys in; False gives empty lines.
    """
    book = Workbook()
    styles = _Styles.into(book)
    lists = _Lists(book)
    guide.write(book.worksheets[0], feed, catalogue, sheet_names(feed))
    for table, name in zip(feed.tables, sheet_names(feed), strict=True):
        of = _periods(period_by_table, table)
        sheet = _Sheet(book.create_sheet(name), feed, table, catalogue, styles, lists)
        sheet.fill(of, prefill=prefill)
    lists.hide()
    _properties(book, feed)
    book.active = 1
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def sheet_names(feed: Contract) -> list[str]:
    """The name of each table's sheet: its Vietnamese title, made different where two are alike."""
    names: list[str] = []
    for table in feed.tables:
        plain = "".join(" " if mark in "[]:*?/\\'" else mark for mark in table.title.vi)
        name = " ".join(plain.split())[:SHEET_NAME_CHARS].strip()
        if name.casefold() in {known.casefold() for known in (*names, guide.GUIDE, LISTS)}:
            name = f"{name[: SHEET_NAME_CHARS - len(table.id) - 1]} {table.id}"[:SHEET_NAME_CHARS]
        names.append(name)
    return names


def columns(table: TableSpec) -> list[str]:
    """Codes of a sheet's columns, in order; `area_name` is there for people alone."""
    return [AREA, AREA_NAME, PERIOD, *(spec.code for spec in table.fields)]


def _periods(period_by_table: PeriodsByTable | None, table: TableSpec) -> list[Period]:
    given = (period_by_table or {}).get(table.id)
    if given is None:
        return []
    if not isinstance(given, Period):
        return list(given)
    if table.grid.period.is_short:
        day = given.first_day
        first = periods.containing(day, table.grid.period)
        found = [first]
        while (after := found[-1].next()).first_day == day:
            found.append(after)
        return found
    return [given]


@dataclass(frozen=True, slots=True)
class _Styles:
    """Looks by name; one record a look keeps a file of thousands of cells small."""

    title: str
    code: str
    given: str
    open: str

    @classmethod
    def into(cls, book: Workbook) -> "_Styles":
        for style in (
            NamedStyle(
                "ioc_title",
                Font(bold=True, color="FFFFFF"),
                _TITLE,
                _BOX,
                Alignment(wrap_text=True, vertical="center", horizontal="center"),
            ),
            NamedStyle("ioc_code", Font(size=8, color="4A5B69"), _CODE, _BOX),
            NamedStyle("ioc_given", Font(), _GIVEN, _BOX, number_format="@"),
            NamedStyle("ioc_open", Font(), border=_BOX, number_format="@", protection=_OPEN),
        ):
            book.add_named_style(style)
        return cls("ioc_title", "ioc_code", "ioc_given", "ioc_open")


@dataclass(slots=True)
class _Lists:
    """A hidden sheet with the lists that are too long to stand in a cell's rule."""

    book: Workbook
    _sheet: Worksheet | None = None
    _known: dict[tuple[str, ...], str] = field(default_factory=dict)

    def formula(self, values: Sequence[str]) -> str:
        """What a drop-down refers to."""
        inline = ",".join(values)
        if len(inline) <= INLINE_LIST_CHARS and not any("," in value for value in values):
            return f'"{inline}"'
        wanted = tuple(values)
        if wanted not in self._known:
            self._known[wanted] = self._write(wanted)
        return self._known[wanted]

    def _write(self, values: Sequence[str]) -> str:
        if self._sheet is None:
            self._sheet = self.book.create_sheet(LISTS)
        column = len(self._known) + 1
        for row, value in enumerate(values, 1):
            self._sheet.cell(row, column, value).number_format = "@"
        letter = get_column_letter(column)
        return f"'{LISTS}'!${letter}$1:${letter}${len(values)}"

    def hide(self) -> None:
        """Out of sight and at the end."""
        if self._sheet is not None:
            self._sheet.sheet_state = "hidden"
            self._sheet.protection.sheet = True
            self.book.move_sheet(self._sheet, len(self.book.worksheets))


class _Sheet:
    """One table's sheet."""

    def __init__(
        self,
        sheet: Worksheet,
        feed: Contract,
        table: TableSpec,
        catalogue: Catalogue,
        styles: _Styles,
        lists: _Lists,
    ) -> None:
        self._sheet = sheet
        self._feed = feed
        self._table = table
        self._catalogue = catalogue
        self._styles = styles
        self._lists = lists
        self._codes = columns(table)

    def fill(self, of: Sequence[Period], *, prefill: bool) -> None:
        """Everything but what the officer knows."""
        self._heads()
        self._open_columns()
        rows = HEAD_ROWS
        for rows, line in enumerate(self._lines(of) if prefill else (), HEAD_ROWS + 1):
            self._line(rows, line, known_period=bool(of))
        last = min(rows + ROOM, FARTHEST)
        self._rules(last)
        self._layout()

    def _heads(self) -> None:
        for number, code in enumerate(self._codes, 1):
            title = self._sheet.cell(1, number, self._title(code))
            title.style = self._styles.title
            head = self._sheet.cell(HEAD_ROWS, number, code)
            head.style = self._styles.code
            if note := self._note(code):
                head.comment = Comment(note, "Cà Mau IOC", width=360, height=220)
        self._sheet.row_dimensions[1].height = 48
        self._sheet.row_dimensions[HEAD_ROWS].height = 12

    def _title(self, code: str) -> str:
        match code:
            case "area":
                return "Mã xã, phường\nArea code"
            case "area_name":
                return "Tên (chỉ để xem)\nName (to read)"
            case "period":
                words = wording.CADENCE[self._table.grid.period]
                return f"Kỳ số liệu ({words.vi})\nPeriod ({words.en})"
        return wording.header(self._table.field(code))

    def _note(self, code: str) -> str:
        if code == PERIOD:
            like = wording.WRITTEN[self._table.grid.period]
            due = wording.due(self._feed, self._table)
            return f"Viết như {like}. Hạn: {due.vi}.\nWrite it like {like}. Due: {due.en}."
        if code in {AREA, AREA_NAME}:
            return ""
        spec = self._table.field(code)
        kind, bounds, required = wording.kind(spec), wording.bounds(spec), wording.required(spec)
        lines = [
            f"{kind.vi}; bắt buộc: {required.vi}" + (f"; {bounds.vi}" if bounds else ""),
            f"{kind.en}; required: {required.en}" + (f"; {bounds.en}" if bounds else ""),
        ]
        for rule in self._table.rules:
            if code in rule.fields or code in self._table.expression(rule.expr).fields:
                severity = wording.SEVERITY[rule.severity]
                lines.append(f"• {rule.message.vi} ({severity.vi})")
        lines += [f"= {one.code}: {one.title.vi}" for one in spec.choices[:20]]
        return "\n".join(lines)

    def _open_columns(self) -> None:
        """Cells that nobody has written to yet take their column's look."""
        for number, code in enumerate(self._codes, 1):
            column = self._sheet.column_dimensions[get_column_letter(number)]
            column.width = 26 if code == AREA_NAME else 14
            column.protection = Protection(locked=code == AREA_NAME)
            column.number_format = self._format(code)

    def _format(self, code: str) -> str:
        if code in {AREA, AREA_NAME, PERIOD}:
            return "@"
        spec = self._table.field(code)
        if spec.type is FieldType.NUMBER and spec.decimals:
            return "#,##0." + "#" * spec.decimals
        return _FORMATS.get(spec.type, "@")

    def _lines(self, of: Sequence[Period]) -> Iterator[dict[str, Any]]:
        """What is known of each row before anybody fills it in."""
        keys = [key for key in self._table.grid.keys if key.expected]
        lists = [key.expected or () for key in keys]
        wanted: Sequence[Period | None] = of or [None]
        for period in wanted:
            for area in self._catalogue.areas_of(self._table):
                for values in product(*lists):
                    yield {
                        AREA: area,
                        AREA_NAME: self._catalogue.areas[area].name_vi
                        if area in self._catalogue.areas
                        else "",
                        PERIOD: str(period) if period is not None else None,
                        **{
                            key.field: self._key_value(key.field, value)
                            for key, value in zip(keys, values, strict=True)
                        },
                    }

    def _key_value(self, code: str, value: str) -> str | float | int:
        match self._table.field(code).type:
            case FieldType.INTEGER:
                return int(value)
            case FieldType.NUMBER:
                return float(value)
        return value

    def _line(self, row: int, line: Mapping[str, Any], *, known_period: bool) -> None:
        for number, code in enumerate(self._codes, 1):
            cell = self._sheet.cell(row, number)
            given = code in line and (code != PERIOD or known_period)
            if given:
                cell.value = line[code]
            cell.style = self._styles.given if given else self._styles.open
            if code not in {AREA, AREA_NAME, PERIOD}:
                cell.number_format = self._format(code)

    def _rules(self, last: int) -> None:
        for number, code in enumerate(self._codes, 1):
            rule = self._rule(code)
            if rule is not None:
                letter = get_column_letter(number)
                rule.add(f"{letter}{HEAD_ROWS + 1}:{letter}{last}")
                self._sheet.add_data_validation(rule)

    def _rule(self, code: str) -> DataValidation | None:
        if code == AREA:
            areas = self._catalogue.areas_of(self._table)
            say = Words(vi="Chọn mã xã, phường trong danh sách", en="Choose a code from the list")
            return _checked("list", say, formula1=self._lists.formula(areas))
        if code == AREA_NAME:
            return None
        if code == PERIOD:
            like = wording.WRITTEN[self._table.grid.period]
            say = Words(vi=f"Viết kỳ số liệu như {like}", en=f"Write the period like {like}")
            n = len(like)
            return _checked("textLength", say, operator="between", formula1=str(n), formula2=str(n))
        return self._cell_rule(self._table.field(code))

    def _cell_rule(self, spec: FieldSpec) -> DataValidation:
        say = _sentence(spec)
        match spec.type:
            case FieldType.INTEGER | FieldType.NUMBER:
                low = spec.min if spec.min is not None else -1e15
                high = spec.max if spec.max is not None else 1e15
                kind = "whole" if spec.type is FieldType.INTEGER else "decimal"
                return _checked(
                    kind, say, operator="between", formula1=f"{low:.15g}", formula2=f"{high:.15g}"
                )
            case FieldType.DATE | FieldType.MOMENT:
                # 1 January 1900 and 31 December 9999, as sheets count days.
                return _checked("date", say, operator="between", formula1="1", formula2="2958465")
            case FieldType.CODE:
                codes = [choice.code for choice in spec.choices]
                return _checked("list", say, formula1=self._lists.formula(codes))
            case FieldType.FLAG:
                return _checked("list", say, formula1='"1,0"')
        return _checked("textLength", say, operator="lessThanOrEqual", formula1=str(spec.longest))

    def _layout(self) -> None:
        sheet = self._sheet
        sheet.freeze_panes = f"D{HEAD_ROWS + 1}"
        sheet.print_title_rows = "1:2"
        sheet.page_setup.orientation = "landscape"
        sheet.page_setup.paperSize = 9  # A4
        sheet.page_setup.fitToHeight = 0
        sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
        protection = sheet.protection
        protection.sheet = True
        # Without a password, and without hindering what does no harm.
        protection.formatColumns = protection.formatRows = protection.formatCells = False
        protection.sort = protection.autoFilter = False
        protection.insertRows = protection.deleteRows = False


def _sentence(spec: FieldSpec) -> Words:
    kind, bounds = wording.kind(spec), wording.bounds(spec)
    if bounds is None:
        return Words(vi=f"{spec.title.vi}: {kind.vi}", en=f"{spec.title.en}: {kind.en}")
    return Words(
        vi=f"{spec.title.vi}: {kind.vi}, {bounds.vi}"[:300],
        en=f"{spec.title.en}: {kind.en}, {bounds.en}"[:300],
    )


def _checked(kind: Any, say: Words, **how: Any) -> DataValidation:  # noqa: ANN401 openpyxl's literals
    rule = DataValidation(type=kind, allow_blank=True, showErrorMessage=True, **how)
    rule.errorTitle = "Giá trị không hợp lệ"[:TITLE_CHARS]
    rule.error = f"{say.vi}.\n{say.en}."[:MESSAGE_CHARS]
    rule.errorStyle = "stop"
    return rule


def _properties(book: Workbook, feed: Contract) -> None:
    about = book.properties
    about.title = f"{feed.title.vi} / {feed.title.en}"
    about.creator = "Cà Mau IOC"
    about.identifier = feed.id
    about.version = str(feed.version)
    about.language = "vi-VN"
    # openpyxl's stubs do not know of custom properties.
    own: Any = book.custom_doc_props  # type: ignore[attr-defined]
    own.append(StringProperty(name=FEED_PROPERTY, value=feed.id))
    own.append(IntProperty(name=VERSION_PROPERTY, value=feed.version))
    own.append(StringProperty(name=SHA_PROPERTY, value=feed.sha256))
