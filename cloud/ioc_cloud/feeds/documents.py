"""What a contract says, as papers: a page for people, the regulation's annex, a JSON Schema."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ioc_cloud.feeds import fixtures, paper, wording
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.paper import Block, Code, Columns, Heading, Listed, Table, Text
from ioc_cloud.feeds.rows import row_model
from ioc_models.feeds import Cadence, Contract, FieldSpec, Indicator, Period, TableSpec
from ioc_models.feeds.contract import AREA, PERIOD, FieldType

SCHEMA: Final = "https://json-schema.org/draft/2020-12/schema"
PERIOD_PATTERN: Final[Mapping[Cadence, str]] = {
    Cadence.YEAR: r"^\d{4}$",
    Cadence.QUARTER: r"^\d{4}-Q[1-4]$",
    Cadence.MONTH: r"^\d{4}-\d{2}$",
    Cadence.WEEK: r"^\d{4}-W\d{2}$",
    Cadence.DAY: r"^\d{4}-\d{2}-\d{2}$",
    Cadence.HOUR: r"^\d{4}-\d{2}-\d{2}T\d{2}$",
    Cadence.QUARTER_HOUR: r"^\d{4}-\d{2}-\d{2}T\d{2}:(00|15|30|45)$",
}


def page(
    feed: Contract, catalogue: Catalogue, periods: Mapping[str, Period] | None = None
) -> list[Block]:
    """The page of one feed.

    Args:
        feed: Its contract.
        catalogue: Knows the areas.
        periods: By table; with them the page ends with an example delivery.
    """
    blocks: list[Block] = [
        Heading(1, f"{feed.title.vi} / {feed.title.en}"),
        Text(feed.about.vi),
        Text(feed.about.en, italic=True),
        Table(("Mục / Item", "Nội dung", "Content"), tuple(_facts(feed))),
    ]
    for table in feed.tables:
        blocks += _table(feed, catalogue, table)
    if feed.indicators:
        blocks += [Heading(2, "Chỉ tiêu / Indicators"), _indicators(feed)]
    blocks += _delivery(feed)
    if periods is not None:
        example = fixtures.body(catalogue, feed, periods)
        text = json.dumps(example, ensure_ascii=False, indent=2)
        blocks += [Heading(2, "Ví dụ / Example"), Code(text, "json")]
    return blocks


def markdown(
    feed: Contract, catalogue: Catalogue, periods: Mapping[str, Period] | None = None
) -> str:
    """The page as Markdown."""
    return paper.markdown(page(feed, catalogue, periods))


def html(feed: Contract, catalogue: Catalogue, periods: Mapping[str, Period] | None = None) -> str:
    """The page as HTML, whole and without scripts."""
    return paper.html(page(feed, catalogue, periods), f"{feed.title.vi} / {feed.title.en}")


def _facts(feed: Contract) -> Iterator[tuple[str, str, str]]:
    klass, mode = wording.CLASS[feed.classification], wording.MODE[feed.mode]
    yield "Mã nguồn / Feed", feed.id, f"version {feed.version}"
    yield "Đơn vị chủ quản / Unit", feed.unit.vi, feed.unit.en
    # Names and numbers of people change and are for those who work with the feed.
    yield "Đầu mối / Owner", feed.owner.post.vi, feed.owner.post.en
    yield "Dự phòng / Deputy", feed.deputy.post.vi, feed.deputy.post.en
    yield "Lãnh đạo / Head", feed.head.post.vi, feed.head.post.en
    confirmed = feed.decision if feed.confirmed else "chưa có quyết định"
    yield "Căn cứ / Decision", confirmed, feed.decision if feed.confirmed else "not yet decided"
    yield "Phân loại / Class", klass.vi, klass.en
    yield "Cách nộp / Mode", mode.vi, mode.en
    yield "Nguồn dự kiến / Likely source", feed.likely_source, feed.likely_source
    years = wording.number(round(feed.retention_days / 365.25, 1))
    yield "Lưu giữ / Kept for", f"{years} năm", f"{feed.retention_days} days"
    if feed.partial:
        yield "Dòng lỗi / Bad rows", "giữ lại riêng, dòng tốt vẫn nhận", "parked, good ones taken"
    else:
        yield "Dòng lỗi / Bad rows", "một lỗi thì không nhận cả lô", "one refuses the whole batch"
    if feed.k_min:
        yield (
            "Nhóm nhỏ / Small groups",
            f"số người dưới {feed.k_min} ở cấp xã không hiển thị",
            f"counts of people below {feed.k_min} are not shown for communes",
        )


def _table(feed: Contract, catalogue: Catalogue, table: TableSpec) -> list[Block]:
    cadence, grid, due = (
        wording.cadence(table),
        wording.grid(catalogue, table),
        wording.due(feed, table),
    )
    blocks: list[Block] = [
        Heading(2, f"{table.title.vi} / {table.title.en} ({table.id})"),
        Listed(
            (
                f"Chu kỳ / Every: {cadence.vi} / {cadence.en}",
                f"Lưới / Grid: {grid.vi} / {grid.en}",
                f"Hạn / Due: {due.vi} / {due.en}",
                f"Kỳ viết như / Period written like: {wording.WRITTEN[table.grid.period]}",
            )
        ),
        Table(
            ("Mã / Code", "Tên", "Title", "Kiểu / Type", "Đơn vị / Unit", "*", "Giá trị / Values"),
            tuple(_field_rows(table)),
        ),
    ]
    if table.rules:
        heads = ("Quy tắc / Rule", "Biểu thức / Expression", "Lý do", "Reason", "Hậu quả / Effect")
        blocks.append(Table(heads, tuple(_rule_rows(table))))
    if table.controls:
        names = ", ".join(table.controls)
        blocks.append(Text(f"Tổng đối chiếu / Control totals: {names}"))
    return blocks


def _field_rows(table: TableSpec) -> Iterator[tuple[str, ...]]:
    for spec in table.fields:
        kind, bounds = wording.kind(spec), wording.bounds(spec)
        key = " (khóa / key)" if spec.code in table.key_fields else ""
        personal = " (dữ liệu cá nhân / personal)" if spec.pii else ""
        yield (
            spec.code,
            spec.title.vi,
            spec.title.en,
            f"{kind.vi}{key}{personal}",
            spec.unit,
            "*" if spec.required else "",
            bounds.vi if bounds else "",
        )


def _rule_rows(table: TableSpec) -> Iterator[tuple[str, ...]]:
    for rule in table.rules:
        yield (
            rule.id,
            rule.expr,
            rule.message.vi,
            rule.message.en,
            (
                f"{wording.SEVERITY[rule.severity].vi}; {wording.DIMENSION[rule.dimension].vi} "
                f"x{wording.number(rule.weight)}"
            ),
        )


def _indicators(feed: Contract) -> Table:
    heads = ("Mã / Code", "Chỉ tiêu", "Indicator", "Đơn vị / Unit", "Cách tính / Computed")
    return Table(
        heads,
        tuple(
            (one.code, one.title.vi, one.title.en, one.unit, computed(one))
            for one in feed.indicators
            if not one.restricted
        ),
    )


def computed(one: Indicator) -> str:
    """How an indicator is made, as an expression over its table's fields."""
    said = one.value or f"({one.numerator}) / ({one.denominator})"
    if one.scale != 1:
        said = f"{wording.number(one.scale, vi=False)} * {said}"
    return f"{said} [{one.where}]" if one.where else said


def _delivery(feed: Contract) -> list[Block]:
    return [
        Heading(2, "Nộp số liệu / Delivering"),
        Listed(
            (
                (
                    f"Biểu mẫu / Template: GET /api/feeds/{feed.id}/template; ioc feeds template "
                    f"{feed.id}"
                ),
                (
                    f"Kiểm tra thử / Trial: POST /api/feeds/{feed.id}/uploads/trial; "
                    f"ioc feeds check FILE --feed {feed.id}"
                ),
                (
                    f"Nộp tệp / Upload: POST /api/feeds/{feed.id}/uploads; ioc feeds push FILE "
                    f"--feed {feed.id}"
                ),
                (
                    f"Nộp qua API / System to system: POST /api/feeds/{feed.id}/batches, "
                    "Idempotency-Key"
                ),
            )
        ),
    ]


def annex(feed: Contract, catalogue: Catalogue, number: str = "") -> list[Block]:
    """The feed's annex of the regulation on sharing data, laid out as Decree 30/2020/NĐ-CP has it.

    Args:
        feed: Its contract.
        catalogue: Knows the areas.
        number: Of the annex; dots are left where it is not known yet.
    """
    blocks: list[Block] = [
        Columns(
            ("ỦY BAN NHÂN DÂN", "TỈNH CÀ MAU"),
            ("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "Độc lập - Tự do - Hạnh phúc"),
        ),
        Text(f"PHỤ LỤC {number or '......'}", centred=True, bold=True),
        Text(
            f"DANH MỤC DỮ LIỆU CHIA SẺ: {feed.title.vi.upper()}",
            centred=True,
            bold=True,
        ),
        Text(
            "(Kèm theo Quyết định số "
            + (feed.decision or "....../QĐ-UBND ngày ... tháng ... năm")
            + " ... của Ủy ban nhân dân tỉnh Cà Mau)",
            centred=True,
            italic=True,
        ),
        Heading(2, "I. Thông tin chung"),
        Table(("STT", "Nội dung", "Quy định"), tuple(_annex_facts(feed))),
    ]
    for n, table in enumerate(feed.tables, 1):
        blocks += _annex_table(feed, catalogue, table, n)
    blocks += [
        Heading(2, "III. Trách nhiệm"),
        Listed(tuple(_duties(feed))),
        Columns(
            ("ĐƠN VỊ CUNG CẤP DỮ LIỆU", feed.unit.vi.upper(), "(Ký, ghi rõ họ tên)"),
            ("ĐƠN VỊ VẬN HÀNH TRUNG TÂM", "ĐIỀU HÀNH THÔNG MINH", "(Ký, ghi rõ họ tên)"),
        ),
    ]
    return blocks


def _annex_facts(feed: Contract) -> Iterator[tuple[str, ...]]:
    partial = (
        "Dòng có lỗi được giữ lại riêng để sửa; dòng đúng vẫn được nhận"
        if feed.partial
        else "Có một dòng lỗi thì không nhận cả lô"
    )
    facts = (
        ("Mã nguồn dữ liệu, phiên bản", f"{feed.id}, phiên bản {feed.version}"),
        ("Nội dung", feed.about.vi),
        ("Đơn vị chủ quản", feed.unit.vi),
        ("Đầu mối cung cấp", wording.person(feed.owner)),
        ("Đầu mối dự phòng", wording.person(feed.deputy)),
        ("Lãnh đạo chịu trách nhiệm", wording.person(feed.head)),
        ("Phân loại dữ liệu", wording.CLASS[feed.classification].vi),
        ("Phương thức chia sẻ", wording.MODE[feed.mode].vi),
        ("Hệ thống nguồn (dự kiến)", feed.likely_source),
        ("Xử lý dòng lỗi", partial),
        ("Thời hạn lưu giữ", f"{feed.retention_days} ngày"),
        (
            "Bảo vệ nhóm nhỏ",
            f"Không hiển thị số người dưới {feed.k_min} ở cấp xã"
            if feed.k_min
            else "Không áp dụng",
        ),
    )
    for n, (what, said) in enumerate(facts, 1):
        yield str(n), what, said


def _annex_table(
    feed: Contract, catalogue: Catalogue, table: TableSpec, number: int
) -> Iterator[Block]:
    due, grid, cadence = (
        wording.due(feed, table),
        wording.grid(catalogue, table),
        wording.cadence(table),
    )
    owner = feed.owner.post.vi
    yield Heading(2, f"II.{number}. {table.title.vi}")
    yield Text(f"Phạm vi: {grid.vi}. Chu kỳ: {cadence.vi}. Hạn: {due.vi}.")
    heads = (
        "Số", "Mã trường", "Tên trường", "Kiểu", "Đơn vị", "Bắt buộc", "Quy tắc", "Chu kỳ", "Hạn",
        "Đầu mối",
    )  # fmt: skip
    yield Table(
        heads,
        tuple(
            (
                str(n),
                spec.code,
                spec.title.vi,
                wording.kind(spec).vi,
                spec.unit,
                wording.required(spec).vi,
                "; ".join(_rules_of(table, spec.code)),
                cadence.vi,
                due.vi,
                owner,
            )
            for n, spec in enumerate(table.fields, 1)
        ),
        wide=True,
    )


def _rules_of(table: TableSpec, code: str) -> Iterator[str]:
    bounds = wording.bounds(table.field(code))
    if bounds is not None:
        yield bounds.vi
    for rule in table.rules:
        if code in rule.fields or (not rule.fields and code in table.expression(rule.expr).fields):
            yield f"không được: {rule.message.vi[:1].lower()}{rule.message.vi[1:]}"


def _duties(feed: Contract) -> Iterator[str]:
    hours = wording.number(feed.sla.working.total_seconds() / 3600)
    off = wording.number(feed.sla.off.total_seconds() / 3600)
    yield (
        f"{feed.unit.vi} cung cấp số liệu đúng, đủ, sạch, sống: trong {hours} giờ sau khi có thay "
        f"đổi vào ngày làm việc, {off} giờ vào ngày nghỉ, hoặc đúng giờ ghi ở cột “Hạn”."
    )
    yield ("Số liệu sai được đính chính bằng lần nộp mới; bản trước vẫn được lưu và tra cứu được.")
    yield (
        "Trung tâm chấm bốn điểm mỗi ngày (đúng, đủ, sạch, sống), nhắc đầu mối khi đã qua 50, 80 "
        "và 100 % thời hạn; đầu mối được giải trình, không được sửa điểm."
    )
    yield "Trường dữ liệu cá nhân không rời khỏi bảng gốc và không được xuất ra ngoài."


def annex_markdown(feed: Contract, catalogue: Catalogue, number: str = "") -> str:
    """The annex as Markdown."""
    return paper.markdown(annex(feed, catalogue, number))


def annex_word(feed: Contract, catalogue: Catalogue, number: str = "") -> bytes:
    """The annex as .docx."""
    return paper.word(annex(feed, catalogue, number), f"Phụ lục: {feed.title.vi}")


def json_schema(feed: Contract, catalogue: Catalogue) -> dict[str, Any]:
    """What a system may send as the body of a batch (JSON Schema 2020-12)."""
    tables = {table.id: _rows_schema(catalogue, table) for table in feed.tables}
    controls = {
        table.id: {
            "type": "object",
            "additionalProperties": False,
            "properties": {code: {"type": "number"} for code in table.controls},
        }
        for table in feed.tables
        if table.controls
    }
    return {
        "$schema": SCHEMA,
        "$id": f"urn:ioc:feed:{feed.id}:{feed.version}",
        "title": f"{feed.title.vi} / {feed.title.en}",
        "description": f"{feed.about.vi} / {feed.about.en}",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "table": {"enum": [table.id for table in feed.tables]},
            "rows": {"type": "array", "items": {"type": "object"}},
            "tables": {"type": "object", "additionalProperties": False, "properties": tables},
            "changed_at": {"type": ["string", "null"], "format": "date-time"},
            "controls": {
                "type": "object",
                "additionalProperties": False,
                "properties": controls,
                "description": "Tổng do nguồn đếm, để đối chiếu / totals as the source counted",
            },
            "simulated": {"type": "boolean", "default": False},
            "note": {"type": "string", "maxLength": 2000},
        },
        "oneOf": [{"required": ["rows"]}, {"required": ["tables"]}],
        "allOf": [
            {
                "if": {"required": ["table"], "properties": {"table": {"const": name}}},
                "then": {"properties": {"rows": schema}},
            }
            for name, schema in tables.items()
        ],
    }


def _rows_schema(catalogue: Catalogue, table: TableSpec) -> dict[str, Any]:
    schema = row_model(table).model_json_schema()
    schema.pop("title", None)
    properties: dict[str, Any] = schema["properties"]
    for name, each in properties.items():
        each.pop("title", None)
        if name not in {AREA, PERIOD}:
            _tell(each, table.field(name), needed=name in table.key_fields)
    properties[AREA]["enum"] = list(catalogue.areas_of(table))
    properties[PERIOD]["pattern"] = PERIOD_PATTERN[table.grid.period]
    return {"type": "array", "title": table.title.vi, "items": schema}


def _tell(schema: dict[str, Any], spec: FieldSpec, *, needed: bool) -> None:
    """What pydantic's schema of a cell does not say, in JSON Schema's own words."""
    if spec.choices and not needed:
        schema["enum"] = [*schema["enum"], None]
    if spec.unit:
        schema["x-unit"] = spec.unit
    if spec.pattern:
        schema["pattern"] = f"^(?:{spec.pattern})$"
    if spec.type is FieldType.TEXT:
        schema["maxLength"] = spec.longest
