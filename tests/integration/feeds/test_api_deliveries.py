"""Deliveries over HTTP: batches, workbooks, undoing, and who may."""

import io
import json
import socket
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import pytest
from structlog.testing import capture_logs
from tests.support.api import Api

from ioc_cloud.feeds import fixtures
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_models.feeds import Cadence
from ioc_models.feeds.periods import containing

CATALOGUE = Catalogue.of_province()
YESTERDAY = containing(datetime.now(timezone.utc), Cadence.DAY).previous()
TABLE = CATALOGUE.table("y-te", "ngay")


@pytest.fixture
def officer(api: Api) -> httpx.Client:
    return api.client("feeds:write", "feeds:read", feeds=["y-te"])


def body(n: int = 3, **cells: Any) -> dict[str, Any]:
    rows = fixtures.valid(CATALOGUE, TABLE, YESTERDAY, most=n)
    return {"table": "ngay", "rows": [{**row, **cells} for row in rows]}


def visits(api: Api, area: str) -> list[Any]:
    found = api.owner.execute(
        "select value, version from figure_now where indicator = 'YT.KHAM' and area = %s", (area,)
    ).fetchall()
    return [tuple(row) for row in found]


def test_a_batch_is_taken_and_its_figures_are_there_at_once(officer: httpx.Client) -> None:
    answer = officer.post("/api/feeds/y-te/batches", json=body())
    assert answer.status_code == 201
    receipt = answer.json()
    assert (receipt["status"], receipt["rows_new"]) == ("accepted", 3)
    shown = officer.get("/api/figures", params={"indicator": "YT.KHAM"}).json()["items"]
    assert [(one["area"], one["period"], one["covered"]) for one in shown] == [
        ("96", str(YESTERDAY), 3)
    ]


def test_a_key_that_comes_again_doubles_nothing(api: Api, officer: httpx.Client) -> None:
    headers = {"Idempotency-Key": "2026-11-24/1"}
    first = officer.post("/api/feeds/y-te/batches", json=body(), headers=headers)
    again = officer.post("/api/feeds/y-te/batches", json=body(), headers=headers)
    other = officer.post("/api/feeds/y-te/batches", json=body(visits=1), headers=headers)
    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 409)
    assert again.json()["batch"] == first.json()["batch"]
    assert other.json()["type"] == "/problems/idempotency-key-reused"
    assert api.owner.execute("select count(*) from feed_row").fetchone() == (3,)


def test_one_bad_row_is_named_and_never_holds_back_the_others(officer: httpx.Client) -> None:
    said = body()
    said["rows"][1]["beds"] = -4
    receipt = officer.post("/api/feeds/y-te/batches", json=said).json()
    assert (receipt["status"], receipt["rows_new"], receipt["rows_parked"]) == ("partial", 2, 1)
    problem = receipt["problems"][0]
    assert (problem["row"], problem["field"], problem["rule"]) == (2, "beds", "min")
    assert problem["vi"]
    assert problem["en"]
    detail = officer.get(f"/api/batches/{receipt['batch']}").json()
    assert detail["parked"][0]["raw"]["beds"] == -4


def test_a_key_of_one_feed_opens_no_other(api: Api, officer: httpx.Client) -> None:
    refused = officer.post("/api/feeds/giao-duc/batches", json={"rows": []})
    assert refused.status_code == 403
    nobody = api.client().post("/api/feeds/y-te/batches", json=body())
    assert nobody.status_code == 401
    reader = api.client("feeds:read")
    assert reader.post("/api/feeds/y-te/batches", json=body()).status_code == 403


@pytest.mark.parametrize(
    "said",
    [b"", b"{", b"[]", b'{"rows": 3}', b'{"rows": [], "tables": {}}', b'{"other": 1}', b"\xff"],
)
def test_what_is_no_batch_is_refused_in_words_and_kept(
    officer: httpx.Client, said: bytes, tmp_path: Path
) -> None:
    answer = officer.post(
        "/api/feeds/y-te/batches", content=said, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]
    kept = [path for path in tmp_path.glob("feeds/originals/*/*/*") if path.is_file()]
    assert [path.read_bytes() for path in kept] == [said]


def test_a_feed_table_or_batch_that_is_not_there_is_not_found(officer: httpx.Client) -> None:
    assert officer.post("/api/feeds/khong-co/batches", json=body()).status_code == 404
    assert officer.post("/api/feeds/y-te/batches", json={**body(), "table": "x"}).status_code == 404
    assert officer.get("/api/batches/999999").status_code == 404
    assert officer.post("/api/batches/999999/undo", json={"reason": "nhầm"}).status_code == 404


def test_taken_back_the_version_before_counts_again(api: Api, officer: httpx.Client) -> None:
    area = CATALOGUE.communes[0]
    officer.post("/api/feeds/y-te/batches", json=body(1, visits=100, inpatients=0))
    second = officer.post("/api/feeds/y-te/batches", json=body(1, visits=200, inpatients=0)).json()
    assert (second["version"], second["rows_changed"]) == (2, 1)
    assert second["changes"][0]["before"] == 100
    assert visits(api, area) == [(200.0, 2)]
    done = officer.post(f"/api/batches/{second['batch']}/undo", json={"reason": "nhập nhầm"})
    assert done.status_code == 200
    assert visits(api, area) == [(100.0, 3)]
    again = officer.post(f"/api/batches/{second['batch']}/undo", json={"reason": "nhập nhầm"})
    assert again.status_code == 409
    versions = officer.get(f"/api/figures/YT.KHAM/{area}/{YESTERDAY}/versions").json()["items"]
    assert [(one["version"], one["value"]) for one in versions] == [(3, 100), (2, 200), (1, 100)]


def filled(officer: httpx.Client, change: Any = None) -> bytes:
    """This period's template, filled in."""
    template = officer.get("/api/feeds/y-te/template", params={"day": YESTERDAY.first_day})
    assert template.status_code == 200
    book = openpyxl.load_workbook(io.BytesIO(template.content))
    sheet = book[next(name for name in book.sheetnames if name.startswith("Số liệu ngày"))]
    codes = {cell.value: cell.column for cell in sheet[2]}
    for row in sheet.iter_rows(min_row=3):
        if row[0].value is None:
            continue
        at = row[0].row
        for code, value in {
            "visits": 50,
            "inpatients": 5,
            "beds": 20,
            "dengue": 0,
            "hfmd": 0,
        }.items():
            sheet.cell(at, codes[code], value)
    if change is not None:
        change(sheet, codes)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def upload(officer: httpx.Client, content: bytes, to: str = "", **form: str) -> httpx.Response:
    files = {"file": ("so-lieu.xlsx", content)}
    return officer.post(f"/api/feeds/y-te/uploads{to}", files=files, data=form)


def test_a_workbook_is_tried_without_a_trace_then_signed_off(
    api: Api, officer: httpx.Client
) -> None:
    content = filled(officer)
    tried = upload(officer, content, "/trial")
    assert tried.status_code == 200
    assert (tried.json()["rows_new"], tried.json()["batch"]) == (64, None)
    assert api.owner.execute("select count(*) from feed_batch").fetchone() == (0,)
    sent = upload(officer, content, signed_by="Nguyễn Văn A")
    assert sent.status_code == 201
    assert sent.json()["rows_new"] == 64
    again = upload(officer, content, signed_by="Nguyễn Văn A")
    assert (again.status_code, again.json()["status"]) == (200, "repeated")
    listed = officer.get("/api/feeds/y-te/batches").json()["items"]
    assert [(one["signed_by"], one["door"]) for one in listed] == [("Nguyễn Văn A", "upload")]
    original = officer.get(f"/api/batches/{sent.json()['batch']}/original")
    assert original.content == content


def test_a_fault_has_its_cell_and_comes_back_marked(officer: httpx.Client) -> None:
    def spoil(sheet: Any, codes: Any) -> None:
        sheet.cell(5, codes["beds"], "nhiều")

    content = filled(officer, spoil)
    receipt = upload(officer, content, "/trial").json()
    assert receipt["rows_parked"] == 1
    place = receipt["problems"][0]["place"]
    assert place.endswith("5")
    assert "!" in place
    marked = upload(officer, content, "/marked")
    assert marked.status_code == 200
    book = openpyxl.load_workbook(io.BytesIO(marked.content))
    sheet, address = place.split("!")
    assert book[sheet][address].comment is not None


def test_a_file_that_is_no_workbook_is_refused_with_what_to_do(officer: httpx.Client) -> None:
    answer = officer.post(
        "/api/feeds/y-te/uploads/trial", files={"file": ("so-lieu.xlsx", b"%PDF-1.7\n")}
    )
    assert answer.status_code == 415
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["title"]


def test_an_unsigned_upload_is_refused(officer: httpx.Client) -> None:
    assert upload(officer, filled(officer)).status_code == 422


def test_the_wall_sees_neither_deliveries_nor_originals(api: Api, officer: httpx.Client) -> None:
    sent = officer.post("/api/feeds/y-te/batches", json=body()).json()
    wall = api.client("wall:read")
    assert wall.get("/api/feeds/y-te/batches").status_code == 403
    assert wall.get(f"/api/batches/{sent['batch']}").status_code == 404
    assert wall.get(f"/api/batches/{sent['batch']}/original").status_code == 404


def spoken(url: str, officer: httpx.Client, key: str, said: bytes, announced: int) -> None:
    """Say a delivery on a line that is cut before anybody has answered."""
    host, port = url.removeprefix("http://").split(":")
    head = (
        "POST /api/feeds/y-te/batches HTTP/1.1\r\n"
        f"Host: {host}\r\nAuthorization: {officer.headers['Authorization']}\r\n"
        f"Idempotency-Key: {key}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {announced}\r\n\r\n"
    )
    with socket.create_connection((host, int(port))) as line:
        line.sendall(head.encode() + said)


def test_an_answer_that_was_lost_is_asked_for_again_and_nothing_is_doubled(
    api: Api, officer: httpx.Client
) -> None:
    said = json.dumps(body()).encode()
    spoken(api.url, officer, "lost", said, len(said))
    again = officer.post(
        "/api/feeds/y-te/batches",
        content=said,
        headers={"Idempotency-Key": "lost", "Content-Type": "application/json"},
    )
    assert again.status_code in {200, 201}, "whichever of the two came first"
    assert api.owner.execute("select count(*) from feed_batch").fetchone() == (1,)
    assert api.owner.execute("select count(*) from feed_row").fetchone() == (3,)


def test_half_a_delivery_is_none(api: Api, officer: httpx.Client) -> None:
    said = json.dumps(body()).encode()
    with capture_logs() as logged:
        spoken(api.url, officer, "half", said[: len(said) // 2], len(said))
        whole = officer.post(
            "/api/feeds/y-te/batches",
            content=said,
            headers={"Idempotency-Key": "half", "Content-Type": "application/json"},
        )
    assert whole.status_code == 201
    assert "request_failed" not in {line["event"] for line in logged}, "a cut line is no fault"
    assert api.owner.execute("select count(*) from feed_batch").fetchone() == (1,)


def test_a_nul_in_a_text_is_a_problem_and_no_crash(officer: httpx.Client) -> None:
    sent = officer.post("/api/feeds/y-te/batches", json=body()).json()
    undone = officer.post(f"/api/batches/{sent['batch']}/undo", json={"reason": "nhầm\0kỳ"})
    assert undone.status_code == 422
    assert undone.headers["content-type"] == "application/problem+json"
    row = {**body(1)["rows"][0], "area": "\0"}
    parked = officer.post("/api/feeds/y-te/batches", json={"table": "ngay", "rows": [row]})
    assert parked.json()["rows_parked"] == 1
