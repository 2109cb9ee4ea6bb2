"""`ioc feeds ...`: contracts, templates, files and scores from the command line.

Programs read `--json`; a refusal ends with exit code 1.
"""

import dataclasses
import getpass
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import date, datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import psycopg
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from ioc_cloud import audit
from ioc_cloud.db.pool import Connection
from ioc_cloud.errors import CloudError
from ioc_cloud.feeds.batch import Receipt
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.ops import postgres, supervise
from ioc_cloud.ops.home import Home
from ioc_cloud.settings import Settings
from ioc_models.feeds import Contract, Period, periods

if TYPE_CHECKING:
    from ioc_cloud.feeds.scores import Score

app = typer.Typer(no_args_is_help=True, help="Nguồn dữ liệu / feeds")

Json = Annotated[bool, typer.Option("--json", help="cho chương trình / for programs")]
Feed = Annotated[str, typer.Argument(help="mã nguồn / feed: y-te")]
FeedOption = Annotated[
    str | None, typer.Option("--feed", help="mặc định theo biểu mẫu / by default the template's")
]
File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help=".xlsx, .csv")]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="- là màn hình / - is stdout")]
DatabaseUrl = Annotated[
    str | None, typer.Option(envvar="IOC_DATABASE_URL", help="mặc định của `ioc up` / by default")
]
Day = Annotated[str | None, typer.Option(help="ngày trong kỳ / a day of the period: 2026-11-24")]
MOST_LISTED: Final = 40


class NoFeedNamed(CloudError):
    """A file that does not say which feed it is of, and nobody did."""


@dataclass(frozen=True, slots=True)
class _Desk:
    """What commands work with."""

    home: Home
    settings: Settings
    catalogue: Catalogue
    console: Console

    @classmethod
    def open(cls) -> "_Desk":
        home = Home.default()
        settings = Settings(home=home.root)
        catalogue = Catalogue.of_province(settings.contracts_folder)
        return cls(home, settings, catalogue, Console(stderr=True))

    @contextmanager
    def database(self, url: str | None) -> Iterator[Connection]:
        """The owner's connection to the database that runs here, or to the one that is named."""
        if url is None:
            supervise.running(self.home)
            url = postgres.url(self.home, postgres.OWNER)
        with psycopg.connect(url, autocommit=True) as connection:
            yield connection

    @contextmanager
    def bar(self, words: str, total: int | None = None) -> Iterator[Any]:
        """Something to look at while it takes long; calls of what it gives advance it."""
        with Progress(console=self.console, disable=not self.console.is_terminal) as bar:
            task = bar.add_task(words, total=total)
            yield lambda n=1: bar.advance(task, n)


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _who() -> str:
    return f"cli:{getpass.getuser()}"


def _tell(found: Any) -> None:  # noqa: ANN401 whatever JSON holds
    sys.stdout.write(json.dumps(found, ensure_ascii=False, indent=2, default=str) + "\n")


@app.command("list")
def list_feeds(*, as_json: Json = False, database_url: DatabaseUrl = None) -> None:
    """Các nguồn, đầu mối, hạn, điểm mới nhất / feeds, owners, deadlines, newest grades."""
    desk = _Desk.open()
    states = _states(desk, database_url)
    found = [_described(desk.catalogue, feed, states) for feed in desk.catalogue.feeds.values()]
    if as_json:
        _tell(found)
        return
    table = Table("Nguồn / feed", "Tên", "Đầu mối", "Cách nộp", "Hạn", "Điểm", "Nhận lúc")
    for one in found:
        grade = "" if one["grade"] is None else f"{one['grade']:.0f}"
        received = f"{one['received_at']:%d/%m/%Y %H:%M}" if one["received_at"] else ""
        due = "; ".join(each["due"] for each in one["tables"])
        names = (one["id"], one["title"]["vi"], one["owner"], one["mode"])
        table.add_row(*names, due, grade, received)
    Console().print(table)


def _states(desk: _Desk, url: str | None) -> Mapping[str, tuple[Any, Any]]:
    """Newest grade and newest delivery of each feed, where a database runs."""
    from ioc_cloud.db import feeds_export_sql, feeds_read_sql  # noqa: PLC0415 contracts need none

    if url is None and supervise.connect(desk.home) is None:
        return {}
    with desk.database(url) as connection:
        grades = {row[0]: row[1] for row in connection.execute(feeds_export_sql.GRADES)}
        last = {row[0]: row[2] for row in connection.execute(feeds_read_sql.LAST_DELIVERY)}
    return {feed: (grades.get(feed), last.get(feed)) for feed in grades.keys() | last.keys()}


def _described(
    catalogue: Catalogue, feed: Contract, states: Mapping[str, tuple[Any, Any]]
) -> dict[str, Any]:
    from ioc_cloud.feeds import wording  # noqa: PLC0415

    grade, received_at = states.get(feed.id, (None, None))
    return {
        "id": feed.id,
        "title": feed.title.model_dump(),
        "unit": feed.unit.vi,
        "owner": wording.person(feed.owner),
        "mode": feed.mode,
        "classification": feed.classification.value,
        "version": feed.version,
        "sha256": feed.sha256,
        "tables": [
            {
                "id": table.id,
                "title": table.title.vi,
                "period": table.grid.period.value,
                "areas": len(catalogue.areas_of(table)),
                "due": wording.due(feed, table).vi,
            }
            for table in feed.tables
        ],
        "indicators": [one.code for one in feed.indicators],
        "grade": grade,
        "received_at": received_at.astimezone(periods.LOCAL) if received_at else None,
    }


@app.command()
def template(
    feed_id: Feed, *, day: Day = None, out: Out = None, empty: bool = False, as_json: Json = False
) -> None:
    """Biểu mẫu Excel, điền sẵn xã, phường và kỳ / the workbook of a period."""
    from ioc_cloud.feeds import template as templates  # noqa: PLC0415 openpyxl is slow to load

    desk = _Desk.open()
    feed = desk.catalogue.feed(feed_id)
    of = _periods(feed, _day(day))
    body = templates.workbook(feed, desk.catalogue, of, prefill=not empty)
    name = f"{feed.id}-{min(str(period) for period in of.values())}.xlsx"
    path = _write(out or Path(name), body)
    shown = {"file": str(path), "periods": {name: str(period) for name, period in of.items()}}
    _done(desk, shown, as_json=as_json)


def _day(said: str | None) -> date | None:
    try:
        return date.fromisoformat(said) if said else None
    except ValueError as error:
        raise typer.BadParameter(f"{said!r}: viết như / write it like 2026-11-24") from error


def _periods(feed: Contract, day: date | None) -> dict[str, Period]:
    """The periods of a day; without one those that ended last."""
    return {
        table.id: periods.containing(day, table.grid.period)
        if day is not None
        else periods.containing(_now(), table.grid.period).previous()
        for table in feed.tables
    }


def _write(path: Path, body: bytes) -> Path:
    if str(path) == "-":
        sys.stdout.buffer.write(body)
    else:
        path.write_bytes(body)
    return path


def _done(desk: _Desk, shown: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        _tell(shown)
    elif shown.get("file") != "-":
        desk.console.print(f"✓ {shown.get('file', '')}", soft_wrap=True)


@app.command()
def check(
    file: File,
    *,
    feed_id: FeedOption = None,
    marked: Annotated[
        Path | None, typer.Option(help="ghi tệp có đánh dấu lỗi / write the marked workbook")
    ] = None,
    as_json: Json = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Kiểm tra thử, không lưu gì; mã thoát 1 khi có lỗi / a trial; exit code 1 on any error."""
    from ioc_cloud.feeds import upload  # noqa: PLC0415

    desk = _Desk.open()
    feed = _feed_of(desk, file, feed_id)
    with desk.database(database_url) as connection, desk.bar(file.name):
        tried = upload.trial(
            connection, desk.catalogue, feed, file, file.name, now=_now(), by=_who(), door="cli"
        )
        if marked is not None:
            _write(marked, tried.marked())
    _receipt(desk, tried.receipt, as_json=as_json)
    if tried.receipt.errors:
        raise typer.Exit(1)


@app.command()
def push(
    file: File,
    *,
    signed_by: Annotated[str, typer.Option(help="ai ký nộp / who signs it off")],
    feed_id: FeedOption = None,
    note: str = "",
    as_json: Json = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Nộp một tệp; mã thoát 1 khi bị từ chối / deliver a file; exit code 1 when refused."""
    from ioc_cloud.events.evidence import Folder  # noqa: PLC0415
    from ioc_cloud.feeds import upload  # noqa: PLC0415

    desk = _Desk.open()
    feed = _feed_of(desk, file, feed_id)
    with desk.database(database_url) as connection, desk.bar(file.name):
        receipt = upload.commit(
            connection,
            desk.catalogue,
            Folder(desk.settings.originals_folder),
            feed,
            file,
            file.name,
            now=_now(),
            by=_who(),
            signed_by=signed_by,
            note=note,
            door="cli",
        )
        audit.write(connection, _who(), "feed.push", feed.id, {"batch": receipt.batch})
    _receipt(desk, receipt, as_json=as_json)
    if receipt.status == "refused":
        raise typer.Exit(1)


def _feed_of(desk: _Desk, file: Path, feed_id: str | None) -> Contract:
    """The feed that is named, or the one that the workbook was made for.

    Raises:
        NoFeedNamed: Neither says.
    """
    from ioc_cloud.feeds import upload  # noqa: PLC0415

    found = feed_id or upload.told_by(file).feed
    if found is None:
        raise NoFeedNamed(
            f"{file.name}: thêm --feed, một trong / add --feed, one of "
            f"{', '.join(desk.catalogue.feeds)}"
        )
    return desk.catalogue.feed(found)


def _receipt(desk: _Desk, receipt: Receipt, *, as_json: bool) -> None:
    if as_json:
        said = dataclasses.asdict(receipt)
        del said["found"]
        _tell(said)
        return
    console = desk.console
    marks = {"accepted": "✓", "partial": "!", "refused": "✗", "repeated": "="}
    console.print(
        f"{marks[receipt.status]} {receipt.feed}: {receipt.status}"
        f" · {receipt.rows_in} dòng / rows, {receipt.rows_new} mới / new,"
        f" {receipt.rows_changed} đính chính / corrected, {receipt.rows_same} như cũ / same,"
        f" {receipt.rows_parked} giữ lại / parked, {receipt.missing} thiếu / missing",
        highlight=False,
        soft_wrap=True,
    )
    if receipt.problems:
        table = Table("Ô / cell", "", "Giá trị / value", "Lý do", "Reason")
        for one in receipt.problems[:MOST_LISTED]:
            sign = "✗" if one.severity == "error" else "!"
            table.add_row(one.place, sign, one.value or "", one.vi, one.en)
        console.print(table)
    more = receipt.errors + receipt.warnings - MOST_LISTED
    if more > 0:
        console.print(f"… (+{more})")


@app.command()
def score(
    day: Annotated[str, typer.Argument(help="2026-11-24")],
    *,
    as_json: Json = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Chấm bốn điểm của một ngày / take the four scores of a day."""
    from ioc_cloud.feeds import scores  # noqa: PLC0415
    from ioc_cloud.feeds.calendar import Calendar  # noqa: PLC0415

    desk = _Desk.open()
    calendar = Calendar.load(desk.settings.calendar_file)
    wanted = _day(day)
    if wanted is None:
        raise typer.BadParameter("2026-11-24", param_hint="DAY")
    with desk.database(database_url) as connection, desk.bar(str(wanted)):
        found = scores.score_nightly(connection, desk.catalogue, calendar, wanted, _now())
    rows = [_scored(one) for one in found]
    if as_json:
        _tell(rows)
        return
    table = Table("Nguồn / feed", "Đúng", "Đủ", "Sạch", "Sống", "Điểm / grade")
    for one in rows:
        numbers = (one[name] for name in ("correct", "complete", "clean", "live", "grade"))
        table.add_row(one["feed"], *("" if each is None else f"{each:.0f}" for each in numbers))
    Console().print(table)


def _scored(one: "Score") -> dict[str, Any]:
    names = ("feed", "day", "version", "correct", "complete", "clean", "live", "grade", "n_rows",
             "n_expected", "owner")  # fmt: skip
    return {name: getattr(one, name) for name in names}


Form = Literal["csv", "xlsx", "geojson", "parquet"]


@app.command()
def export(
    feed_id: Feed,
    table_id: Annotated[str | None, typer.Argument(help="bảng / table; mặc định bảng đầu")] = None,
    *,
    indicator: Annotated[
        list[str] | None, typer.Option(help="chỉ tiêu thay cho bảng / figures instead of rows")
    ] = None,
    form: Annotated[Form, typer.Option()] = "csv",
    since: Day = None,
    until: Day = None,
    area: Annotated[list[str] | None, typer.Option(help="31825 ...")] = None,
    bom: Annotated[bool, typer.Option(help="cho Excel / for Excel")] = False,
    geometry: Annotated[bool, typer.Option(help="Parquet -> GeoParquet")] = False,
    out: Out = None,
    as_json: Json = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Xuất một bảng hoặc chỉ tiêu / take a table or indicators away."""
    from ioc_cloud.feeds import export as exports  # noqa: PLC0415

    desk = _Desk.open()
    feed, spec = desk.catalogue.feed(feed_id), desk.catalogue.table(feed_id, table_id)
    first, last = _day(since), _day(until)
    wanted = exports.Wanted(
        since=periods.containing(first, periods.Cadence.DAY).start if first else None,
        until=periods.containing(last, periods.Cadence.DAY).end if last else None,
        areas=area or None,
    )
    how = exports.How(form=form, full=exports.everything, bom=bom, geometry=geometry)
    with desk.database(database_url) as connection:
        if indicator:
            made = exports.figures(connection, desk.catalogue, indicator, wanted, how)
        else:
            made = exports.table(connection, desk.catalogue, feed, spec, wanted, how)
        path, size = out or Path(made.name), 0
        with desk.bar(made.name) as advance:
            size = _stream(path, made.chunks, advance)
        audit.write(connection, _who(), "feed.export", feed.id, {"file": made.name})
    _done(desk, {"file": str(path), "bytes": size, "form": form}, as_json=as_json)


def _stream(path: Path, chunks: Iterable[bytes], advance: Any) -> int:  # noqa: ANN401 a bar's step
    size = 0
    with nullcontext(sys.stdout.buffer) if str(path) == "-" else path.open("wb") as file:
        for chunk in chunks:
            file.write(chunk)
            size += len(chunk)
            advance(len(chunk))
        file.flush()
    return size


@app.command()
def annex(
    feed_id: Feed,
    *,
    number: Annotated[str, typer.Option(help="số phụ lục / its number")] = "",
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Phụ lục quy chế chia sẻ dữ liệu, .docx hoặc .md / the regulation's annex."""
    from ioc_cloud.feeds import documents  # noqa: PLC0415 python-docx is slow to load

    desk = _Desk.open()
    feed = desk.catalogue.feed(feed_id)
    path = out or Path(f"phu-luc-{feed.id}.docx")
    if path.suffix == ".docx":
        _write(path, documents.annex_word(feed, desk.catalogue, number))
    else:
        _write(path, documents.annex_markdown(feed, desk.catalogue, number).encode())
    _done(desk, {"file": str(path), "feed": feed.id}, as_json=as_json)


@app.command()
def docs(
    feed_id: Annotated[str | None, typer.Argument(help="bỏ trống: tất cả / none: all")] = None,
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="thư mục / folder")] = Path("feeds"),
    form: Annotated[Literal["md", "html", "schema"], typer.Option()] = "md",
    as_json: Json = False,
) -> None:
    """Trang mô tả hoặc JSON Schema từ hợp đồng / pages or schemas made from contracts."""
    from ioc_cloud.feeds import documents  # noqa: PLC0415

    desk = _Desk.open()
    feeds = [desk.catalogue.feed(feed_id)] if feed_id else list(desk.catalogue.feeds.values())
    out.mkdir(parents=True, exist_ok=True)
    files = []
    with desk.bar(form, len(feeds)) as advance:
        for feed in feeds:
            of = _periods(feed, None)
            if form == "schema":
                schema = documents.json_schema(feed, desk.catalogue)
                text = json.dumps(schema, ensure_ascii=False, indent=2)
            elif form == "html":
                text = documents.html(feed, desk.catalogue, of)
            else:
                text = documents.markdown(feed, desk.catalogue, of)
            path = out / (f"{feed.id}.schema.json" if form == "schema" else f"{feed.id}.{form}")
            path.write_text(text, encoding="utf-8")
            files.append(str(path))
            advance()
    _done(desk, {"file": ", ".join(files), "files": files}, as_json=as_json)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def simulate(context: typer.Context) -> None:
    """Chạy các hệ thống nguồn mô phỏng / serve simulated sources: --port, --fault, --at ..."""
    from ioc_cloud.feeds.simulate import serve  # noqa: PLC0415

    desk = _Desk.open()
    told = list(context.args)
    if "--home" not in told:
        told += ["--home", str(desk.home.root)]
    if "--contracts" not in told:
        told += ["--contracts", str(desk.settings.contracts_folder)]
    code = serve.main(told)
    if code:
        raise typer.Exit(code)


@app.command()
def undo(
    batch: Annotated[int, typer.Argument(min=1, help="số lần nộp / number of the delivery")],
    *,
    reason: Annotated[str, typer.Option(help="vì sao / why")],
    as_json: Json = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Hoàn tác một lần nộp; số trước đó lại có hiệu lực / take a delivery back."""
    from ioc_cloud.feeds import deliver  # noqa: PLC0415

    desk = _Desk.open()
    with desk.database(database_url) as connection, connection.transaction():
        feed = deliver.undo(connection, desk.catalogue, batch, by=_who(), reason=reason, now=_now())
        audit.write(connection, _who(), "feed.undo", feed, {"batch": batch, "reason": reason})
    if as_json:
        _tell({"batch": batch, "feed": feed})
    else:
        desk.console.print(f"✓ {feed}: {batch}")


@app.command()
def views(*, as_json: Json = False, database_url: DatabaseUrl = None) -> None:
    """Tạo lại các khung nhìn SQL `landing.*` / make the typed SQL views anew; idempotent."""
    from ioc_cloud.feeds import landing  # noqa: PLC0415

    desk = _Desk.open()
    with desk.database(database_url) as connection:
        applied = landing.apply(connection, desk.catalogue)
    if as_json:
        _tell(dataclasses.asdict(applied))
    else:
        desk.console.print(
            f"✓ {len(applied.made)} mới / made, {len(applied.kept)} giữ / kept, "
            f"{len(applied.dropped)} bỏ / dropped"
        )
