"""`ioc feeds ...` as people and programs call it."""

import io
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from tests.support import feed_parts
from tests.support.feed_parts import FEED
from tests.support.postgres import Server
from typer.testing import CliRunner

from ioc_cloud import cli_feeds
from ioc_cloud.db.pool import Connection
from ioc_cloud.errors import CloudError


@dataclass(frozen=True)
class Result:
    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Result]


@pytest.fixture
def run(postgres: Server, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Calls a command in a home that has a fourteenth contract.

    Within this process: a new one spends most of its time on imports.
    """
    contracts = tmp_path / "home" / "feeds" / "contracts"
    contracts.mkdir(parents=True)
    shutil.copy(Path(feed_parts.__file__).parent / f"{FEED}.yaml", contracts)
    monkeypatch.setenv("IOC_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("IOC_DATABASE_URL", postgres.url(database))
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> Result:
        done = CliRunner().invoke(cli_feeds.app, arguments)
        # `ioc` itself says these in a line; anything else is a crash.
        if isinstance(done.exception, CloudError):
            return Result(1, done.stdout, f"{done.stderr}ioc: {done.exception}")
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Result(done.exit_code, done.stdout, done.stderr)

    return call


def filled(path: Path, *visits: Any) -> Path:
    """The template at a path with the first lines filled in."""
    book = load_workbook(path)
    sheet = book.worksheets[1]
    for number, count in enumerate(visits, 3):
        for column, value in ((4, count), (5, 1), (6, 2.5), (8, "cao")):
            sheet.cell(number, column, value)
    done = path.with_name(f"filled-{len(visits)}-{visits[0]}.xlsx")
    book.save(done)
    return done


def made(run: Run, tmp_path: Path) -> Path:
    path = tmp_path / "mau.xlsx"
    assert run("template", FEED, "--out", str(path)).returncode == 0
    return path


def test_list_names_every_feed_with_owner_and_deadline(run: Run) -> None:
    found = json.loads(run("list", "--json").stdout)
    assert len(found) == 14
    one = next(each for each in found if each["id"] == FEED)
    assert one["owner"].startswith("Trưởng phòng Chuyển đổi số")
    assert one["tables"][0]["due"] == "trước 08:00 ngày hôm sau kỳ"
    assert run("list").returncode == 0


def test_a_template_is_written_for_the_period_of_a_day(run: Run, tmp_path: Path) -> None:
    found = json.loads(run("template", FEED, "--day", "2026-03-02", "--json").stdout)
    assert found["periods"] == {"ngay": "2026-03-02", "nam": "2026"}
    assert (tmp_path / found["file"]).exists()
    sheet = load_workbook(tmp_path / found["file"]).worksheets[1]
    assert sheet["C3"].value == "2026-03-02"


def test_check_stores_nothing_says_why_and_exits_1(
    run: Run, owner: Connection, tmp_path: Path
) -> None:
    file = filled(made(run, tmp_path), 40, "x")
    marked = tmp_path / "loi.xlsx"
    result = run("check", str(file), "--json", "--marked", str(marked))
    assert result.returncode == 1
    found = json.loads(result.stdout)
    assert [one["place"].partition("!")[2] for one in found["problems"]] == ["D4"]
    assert owner.execute("select count(*) from feed_batch").fetchone() == (0,)
    assert "D4" in {
        cell
        for row in load_workbook(io.BytesIO(marked.read_bytes()))
        .worksheets[0]
        .iter_rows(values_only=True)
        for cell in row
    }


def test_push_keeps_a_file_and_says_so_once(run: Run, owner: Connection, tmp_path: Path) -> None:
    file = filled(made(run, tmp_path), 40, 41)
    first = run("push", str(file), "--signed-by", "An", "--json")
    assert first.returncode == 0
    receipt = json.loads(first.stdout)
    assert (receipt["status"], receipt["rows_new"]) == ("accepted", 2)
    again = json.loads(run("push", str(file), "--signed-by", "An", "--json").stdout)
    assert (again["status"], again["batch"]) == ("repeated", receipt["batch"])
    kept = owner.execute("select door, signed_by from feed_batch").fetchall()
    assert kept == [("cli", "An")]
    assert owner.execute("select count(*) from audit where action = 'feed.push'").fetchone() == (2,)
    originals = [path for path in (tmp_path / "home" / "feeds" / "originals").rglob("*")
                 if path.is_file()]  # fmt: skip
    assert [path.read_bytes() for path in originals] == [file.read_bytes()]


def test_for_people_faults_stand_in_a_table(run: Run, tmp_path: Path) -> None:
    result = run("check", str(filled(made(run, tmp_path), 40, "x")))
    assert result.returncode == 1
    assert "không phải số" in result.stderr


def test_a_refused_file_exits_1(run: Run, tmp_path: Path) -> None:
    contract = tmp_path / "home" / "feeds" / "contracts" / f"{FEED}.yaml"
    contract.write_text(contract.read_text() + "\npartial: false\n")
    result = run("push", str(filled(made(run, tmp_path), 40, "x")), "--signed-by", "An", "--json")
    assert result.returncode == 1
    assert json.loads(result.stdout)["status"] == "refused"


def test_the_template_says_which_feed_it_is_of(run: Run, tmp_path: Path) -> None:
    file = filled(made(run, tmp_path), 40)
    result = run("push", str(file), "--feed", "y-te", "--signed-by", "An")
    assert result.returncode == 1
    assert "không phải của “y-te”" in result.stderr


def test_undo_takes_a_delivery_back_once(run: Run, owner: Connection, tmp_path: Path) -> None:
    file = filled(made(run, tmp_path), 40)
    batch = json.loads(run("push", str(file), "--signed-by", "An", "--json").stdout)["batch"]
    found = json.loads(run("undo", str(batch), "--reason", "nhầm", "--json").stdout)
    assert found == {"batch": batch, "feed": FEED}
    assert owner.execute("select count(*) from feed_row_now").fetchone() == (0,)
    assert run("undo", str(batch), "--reason", "nhầm").returncode == 1


def test_export_writes_every_form_of_rows_and_figures(run: Run, tmp_path: Path) -> None:
    run("push", str(filled(made(run, tmp_path), 40)), "--signed-by", "An")
    for form in ("csv", "xlsx", "geojson", "parquet"):
        out = tmp_path / f"out.{form}"
        told = ("export", FEED, "ngay", "--form", form, "--out", str(out), "--json")
        found = json.loads(run(*told).stdout)
        assert found["bytes"] == out.stat().st_size > 0
    result = run("export", FEED, "--indicator", "CDS.LUOT", "--out", "-")
    assert len(result.stdout.splitlines()) == 3
    none = run("export", FEED, "--until", "2020-01-01", "--out", "-")
    assert len(none.stdout.splitlines()) == 1


def test_papers_are_written(run: Run, tmp_path: Path) -> None:
    for out in ("a.docx", "a.md"):
        assert run("annex", "y-te", "--out", out).returncode == 0
        assert (tmp_path / out).stat().st_size > 1000
    found = json.loads(run("docs", "--json").stdout)
    assert len(found["files"]) == 14
    assert run("docs", FEED, "--form", "html").returncode == 0
    assert run("docs", FEED, "--form", "schema", "--out", "schemas").returncode == 0
    assert json.loads((tmp_path / "schemas" / f"{FEED}.schema.json").read_text())["$id"]


def test_score_gives_four_numbers_a_feed(run: Run, tmp_path: Path) -> None:
    run("push", str(filled(made(run, tmp_path), 40)), "--signed-by", "An")
    found = json.loads(run("score", "2026-01-15", "--json").stdout)
    assert len(found) == 14
    assert {"correct", "complete", "clean", "live", "grade"} <= found[0].keys()


def test_views_are_made_once(run: Run) -> None:
    assert "chuyen_doi_so_ngay" in json.loads(run("views", "--json").stdout)["made"]
    assert json.loads(run("views", "--json").stdout)["made"] == []


def test_a_day_that_is_none_is_told(run: Run) -> None:
    assert run("template", FEED, "--day", "24/11/2026").returncode == 2
