"""Judges the rows of one table: which are taken, which are kept out, and why.

The same function serves a trial in the browser, a delivery at any door, and the scores at
night; the rules that a contract states are stated nowhere else.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import ValidationError

from ioc_cloud.feeds.batch import Problem, Rows, written
from ioc_cloud.feeds.files.text import folded
from ioc_cloud.feeds.rows import Plain, Untidy, cells_model, is_blank, period_of
from ioc_models.feeds import NotAPeriod, Period, Rule, TableSpec
from ioc_models.feeds.contract import AREA, PERIOD, PERIOD_NO, Dimension, Severity
from ioc_models.feeds.expressions import Expression

Key = tuple[Period, str, str]
# Clocks of sources are not ours.
AHEAD: Final = timedelta(minutes=5)
VALUE_RULE: Final = "value"
AS_TEXT: Final = frozenset({"number-as-text", "date-as-text"})
# What is asked of each cell: its code, whether it must be there, what is usual.
_Questions = tuple[tuple[str, bool, tuple[float, float] | None], ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A row that can be read.

    Attributes:
        index: Place among the table's rows as they came, from 0.
        key: Further parts of the key, joined by `|`.
        cells: Typed values by field code; a missing one is None.
        identity: What tells it from every other row of its table: period, area and key.
    """

    index: int
    area: str
    period: Period
    key: str
    cells: Mapping[str, Any]
    identity: Key


@dataclass(slots=True)
class Checked:
    """What became of the rows.

    Attributes:
        taken: In the order in which they came; no two share an identity.
        parked: Rows kept out, with what of their identity could be read.
        problems: In the order of rows.
        passed: Weight of the rules that held, and of all that could be asked, by rule.
    """

    taken: list[Row] = field(default_factory=list)
    parked: dict[int, Key | None] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    blank: int = 0
    passed: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)

    def counts(self) -> dict[str, int]:
        """Problems by rule."""
        return dict(Counter(problem.rule for problem in self.problems))

    def has_errors(self) -> bool:
        """Whether any row was kept out."""
        return bool(self.parked)


@dataclass(frozen=True)
class Places:
    """The areas that a table may speak of, found by code or by name."""

    codes: frozenset[str]
    names: Mapping[str, str]

    @classmethod
    def of(cls, areas: Mapping[str, str]) -> "Places":
        """From names by code."""
        return cls(frozenset(areas), {folded(name): code for code, name in areas.items()})

    def code(self, said: str) -> str | None:
        """The code of an area named by code or name; None for one that is not here."""
        if said in self.codes:
            return said
        return self.names.get(folded(said))


Before = Callable[[Sequence[Key]], Mapping[Key, Mapping[str, Any]]]


def nothing_before(_keys: Sequence[Key]) -> Mapping[Key, Mapping[str, Any]]:
    """For tables whose rules look at nothing else."""
    return {}


def check(
    table: TableSpec,
    rows: Rows,
    places: Places,
    *,
    now: datetime,
    before: Before = nothing_before,
    oldest: datetime | None = None,
) -> Checked:
    """Judge rows.

    Args:
        table: Their contract.
        rows: As they came.
        places: Areas that the table may speak of.
        now: No period may begin after it.
        before: Finds the cells of rows that are stored, for rules that look at the period before.
        oldest: Periods that end before it are refused.
    """
    checked = Checked(problems=list(rows.problems))
    readable = _read(table, rows, places, checked, _Span(now + AHEAD, oldest))
    unique = _once_each(readable, checked)
    _judge(table, unique, checked, before)
    checked.problems.sort(key=lambda problem: problem.row)
    return checked


@dataclass(frozen=True, slots=True)
class _Span:
    """Between which moments a period may lie."""

    latest: datetime
    oldest: datetime | None


def _read(table: TableSpec, rows: Rows, places: Places, checked: Checked, span: _Span) -> list[Row]:
    unreadable = {one.row for one in rows.problems if one.severity == "error"}
    reader = _Reader(table, places, checked, span, texts=rows.texts)
    found = []
    for index, raw in enumerate(rows.cells):
        if index in unreadable:
            checked.parked[index] = None
        elif reader.says_nothing(raw):
            checked.blank += 1
        elif (row := reader.row(index, raw)) is not None:
            found.append(row)
    return found


class _Reader:
    """Reads a table's rows; what many of them say alike is understood once."""

    def __init__(
        self, table: TableSpec, places: Places, checked: Checked, span: _Span, *, texts: bool
    ) -> None:
        self._table = table
        self._texts = texts
        self._places = places
        self._checked = checked
        self._span = span
        self._figures = tuple(spec.code for spec in table.figures)
        self._keys = table.key_fields
        self._plain = Plain.of(table)
        self._model = cells_model(table)
        self._questions = tuple((spec.code, spec.required, spec.usual) for spec in table.fields)
        self._periods: dict[str, Period] = {}

    def says_nothing(self, raw: Mapping[str, Any]) -> bool:
        """A template's line that nobody filled in is not a row that came."""
        for code in self._figures:
            value = raw.get(code)
            if value is not None and not is_blank(value):
                return False
        return True

    def row(self, index: int, raw: Mapping[str, Any]) -> Row | None:
        """The row; None where it is parked."""
        untidy: list[Untidy] = []
        faults: list[Problem] = []
        period = self._period(raw, index, faults, untidy)
        area = _area(raw, self._places, index, faults, untidy)
        cells = self._plain.cells(raw)
        if cells is None:
            cells = _cells(self._model, raw, index, faults, untidy)
            if self._texts:
                untidy = [one for one in untidy if one.rule not in AS_TEXT]
        checked = self._checked
        if faults or untidy:
            faults.extend(
                Problem(index, one.field, one.rule, "clean", "warning", one.value, one.vi, one.en)
                for one in untidy
            )
            checked.problems.extend(faults)
        # Of a row that cannot be read the key is what its cells say.
        if not self._keys:
            key = ""
        else:
            key = _key(self._keys, cells) if cells is not None else _shown_key(self._keys, raw)
        identity = (period, area, key) if period and area else None
        _count_values(self._questions, index, cells, faults, checked)
        if identity is None or cells is None or any(one.severity == "error" for one in faults):
            checked.parked[index] = identity
            return None
        return Row(index, identity[1], identity[0], identity[2], cells, identity)

    def _period(
        self, raw: Mapping[str, Any], index: int, faults: list[Problem], untidy: list[Untidy]
    ) -> Period | None:
        said = raw.get(PERIOD)
        if type(said) is str and (known := self._periods.get(said)) is not None:
            return known
        period = _period(self._table, raw, index, faults, untidy)
        faults.extend(_outside(period, index, raw, self._span))
        if type(said) is str and period is not None and not faults and not untidy:
            self._periods[said] = period
        return period


def _period(
    table: TableSpec,
    raw: Mapping[str, Any],
    index: int,
    faults: list[Problem],
    untidy: list[Untidy],
) -> Period | None:
    said = raw.get(PERIOD)
    try:
        period, as_asked = period_of(said, table.grid.period)
    except NotAPeriod:
        example = {"day": "2026-11-24", "month": "2026-11", "quarter": "2026-Q4", "year": "2026"}
        like = example.get(table.grid.period.value, table.grid.period.value)
        faults.append(
            _error(
                index, PERIOD, "period", said,
                f"không phải kỳ số liệu, viết như {like}", f"is no period, write it like {like}",
            )
        )  # fmt: skip
        return None
    if not as_asked:
        untidy.append(
            Untidy(
                PERIOD, "spelling", str(said), f"kỳ nên viết {period}", f"is to be written {period}"
            )
        )
    return period


def _outside(
    period: Period | None, index: int, raw: Mapping[str, Any], span: _Span
) -> Iterator[Problem]:
    if period is None:
        return
    said = raw.get(PERIOD)
    if period.start > span.latest:
        yield _error(index, PERIOD, "period", said, "kỳ ở tương lai", "lies in the future")
    elif span.oldest is not None and period.end < span.oldest:
        yield _error(
            index, PERIOD, "period", said,
            "kỳ đã quá thời hạn lưu giữ", "is older than what is kept",
        )  # fmt: skip


def _area(
    raw: Mapping[str, Any],
    places: Places,
    index: int,
    faults: list[Problem],
    untidy: list[Untidy],
) -> str | None:
    said = raw.get(AREA)
    # A sheet turns codes into numbers; none of ours begins with a zero.
    if type(said) is int or (type(said) is float and said.is_integer()):
        said = str(int(said))
    code = places.code(said.strip()) if isinstance(said, str) else None
    if code is None:
        faults.append(
            Problem(
                index, AREA, "area", "clean", "error", _shown(said),
                "không phải mã xã, phường của bảng này", "is no area of this table",
            )
        )  # fmt: skip
    elif said != code:
        untidy.append(
            Untidy(AREA, "spelling", str(said), f"nên ghi mã {code}", f"is to be given as {code}")
        )
    return code


def _cells(
    model: Any,  # noqa: ANN401 made from the contract
    raw: Mapping[str, Any],
    index: int,
    faults: list[Problem],
    untidy: list[Untidy],
) -> dict[str, Any] | None:
    try:
        row = model.__pydantic_validator__.validate_python(dict(raw), context=untidy)
    except ValidationError as error:
        faults.extend(_problem(index, one) for one in error.errors(include_url=False) if one["loc"])
        return None
    return dict(row.__dict__)


def _problem(index: int, fault: Mapping[str, Any]) -> Problem:
    name, kind, context = str(fault["loc"][0]), fault["type"], fault.get("ctx", {})
    value = _shown(fault.get("input"))
    if kind == "refused":
        return Problem(
            index, name, context["rule"], context["dimension"], "error", value,
            context["vi"], fault["msg"],
        )  # fmt: skip
    if kind == "greater_than_equal":
        return _error(
            index, name, "min", value, f"nhỏ hơn {context['ge']:g}", f"is below {context['ge']:g}"
        )
    if kind == "less_than_equal":
        return _error(
            index, name, "max", value, f"lớn hơn {context['le']:g}", f"is above {context['le']:g}"
        )
    if kind == "missing" or fault.get("input") is None:
        return _error(index, name, "required", None, "bắt buộc, đang trống", "must not be empty")
    return _error(index, name, "type", value, "sai kiểu dữ liệu", fault["msg"])


def _error(index: int, name: str, rule: str, value: object, vi: str, en: str) -> Problem:
    return Problem(index, name, rule, "correct", "error", _shown(value), vi, en)


def _shown(value: object) -> str | None:
    return None if value is None else str(value)[:200]


def _key(names: Sequence[str], cells: Mapping[str, Any]) -> str:
    return "|".join(str(cells[name]) for name in names)


def _shown_key(names: Sequence[str], raw: Mapping[str, Any]) -> str:
    said = "|".join(str(raw.get(name))[:60] for name in names)
    # PostgreSQL's text holds every character but this one.
    return said.replace("\0", "\ufffd")


def _count_values(
    questions: _Questions,
    index: int,
    cells: Mapping[str, Any] | None,
    faults: list[Problem],
    checked: Checked,
) -> None:
    """Every cell that says something is one question of weight 1: is its value possible?"""
    if cells is None:
        wrong = {
            one.field
            for one in faults
            if one.dimension == "correct" and one.severity == "error" and one.field != PERIOD
        }
        checked.asked[VALUE_RULE] += len(wrong)
        return
    asked = passed = 0
    for code, required, usual in questions:
        value = cells[code]
        if value is None:
            if required:
                checked.problems.append(
                    Problem(
                        index, code, "required", "complete", "warning", None,
                        "ô bắt buộc đang trống", "a required cell is empty",
                    )
                )  # fmt: skip
            continue
        asked += 1
        if usual is not None and not usual[0] <= value <= usual[1]:
            low, high = usual
            checked.problems.append(
                Problem(
                    index, code, "usual", "correct", "warning", _shown(value),
                    f"khác thường: ngoài {low:g} đến {high:g}",
                    f"is unusual: not {low:g} to {high:g}",
                )
            )  # fmt: skip
            continue
        passed += 1
    checked.asked[VALUE_RULE] += asked
    checked.passed[VALUE_RULE] += passed


def _once_each(rows: list[Row], checked: Checked) -> list[Row]:
    """Rows that say the same are one; rows that contradict each other are all kept out."""
    by_identity: dict[Key, list[Row]] = defaultdict(list)
    for row in rows:
        by_identity[row.identity].append(row)
    if len(by_identity) == len(rows):
        return rows
    found = []
    for same in by_identity.values():
        agree = all(written(row.cells) == written(same[0].cells) for row in same)
        if agree:
            found.append(same[0])
        first = same[0].index
        for row in same[1:] if agree else same if len(same) > 1 else ():
            other = first if row.index != first else same[1].index
            checked.problems.append(
                Problem(
                    row.index, None, "duplicate", "clean", "warning" if agree else "error", None,
                    f"trùng với dòng thứ {other + 1}" + ("" if agree else " mà khác số liệu"),
                    f"repeats row {other + 1}" + ("" if agree else " with other figures"),
                )
            )  # fmt: skip
            if not agree:
                checked.parked[row.index] = row.identity
    found.sort(key=lambda row: row.index)
    return found


def _judge(table: TableSpec, rows: list[Row], checked: Checked, before: Before) -> None:
    rules = [(rule, table.expression(rule.expr)) for rule in table.rules]
    if not rules:
        checked.taken.extend(rows)
        return
    earlier: Mapping[Key, Mapping[str, Any]] = {}
    if any(expression.previous for _, expression in rules):
        earlier = _earlier(rows, before)
    asked, passed = [0] * len(rules), [0] * len(rules)
    for row in rows:
        scope = {**row.cells, PERIOD_NO: row.period.number}
        previous = earlier.get((row.period.previous(), row.area, row.key)) if earlier else None
        broken = False
        for number, (rule, expression) in enumerate(rules):
            holds = expression(scope, previous)
            if holds is None:
                continue
            asked[number] += 1
            if holds:
                passed[number] += 1
                continue
            broken = broken or rule.severity is Severity.ERROR
            checked.problems.append(_broken(table, rule, expression, row))
        if broken:
            checked.parked[row.index] = row.identity
        else:
            checked.taken.append(row)
    for number, (rule, _) in enumerate(rules):
        if rule.dimension is Dimension.CORRECT and asked[number]:
            checked.asked[rule.id] += asked[number]
            checked.passed[rule.id] += passed[number]


def _broken(table: TableSpec, rule: Rule, expression: Expression, row: Row) -> Problem:
    named = rule.fields or tuple(sorted(expression.fields & table.codes)) or (None,)
    return Problem(
        row.index, named[0], rule.id, rule.dimension.value, rule.severity.value,
        _shown(row.cells.get(named[0])) if named[0] else None, rule.message.vi, rule.message.en,
    )  # fmt: skip


def _earlier(rows: list[Row], before: Before) -> dict[Key, Mapping[str, Any]]:
    """The rows of the periods before: of this delivery first, else as they are stored."""
    here: dict[Key, Mapping[str, Any]] = {row.identity: row.cells for row in rows}
    wanted = {(row.period.previous(), row.area, row.key) for row in rows} - here.keys()
    return {**before(sorted(wanted)), **here}


def correctness(table: TableSpec, checked: Checked) -> tuple[float, float]:
    """Weight of the questions that were answered well, and of all that were asked."""
    weights = {rule.id: rule.weight for rule in table.rules} | {VALUE_RULE: 1.0}
    return (
        sum(weights[name] * n for name, n in checked.passed.items()),
        sum(weights[name] * n for name, n in checked.asked.items()),
    )
