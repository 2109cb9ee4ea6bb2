"""A focal officer's way: this period's workbook, a trial, a signature, and the figure is there."""

import io
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import pytest
from playwright.sync_api import Browser, Page, expect
from tests.e2e.product import Product

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
FEED = "nong-nghiep"
SHOWN_MS = 30_000


@pytest.fixture
def steward(product: Product, browser: Browser) -> Page:
    page = browser.new_page(viewport={"width": 1920, "height": 1080})
    page.goto(f"{product.url}/so-lieu/")
    form = page.get_by_test_id("login")
    form.locator('input[name="user"]').fill("steward")
    form.locator('input[name="password"]').fill((product.home / "secrets/steward").read_text())
    form.locator('button[type="submit"]').click()
    expect(page.get_by_test_id("heat")).to_be_visible(timeout=SHOWN_MS)
    return page


@pytest.fixture
def workbook(product: Product, tmp_path: Path) -> Path:
    """The daily prices of this period's template, filled in; all else left empty."""
    token = product.ioc("key", "add", "desk", "--scope", "feeds:read", "--scope", "feeds:write")
    assert token.returncode == 0, token.stderr
    headers = {"Authorization": f"Bearer {token.stdout.strip()}"}
    answer = httpx.get(f"{product.url}/api/feeds/{FEED}/template", headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    for sheet in book.worksheets:
        codes = {cell.value: cell.column for cell in sheet[2]} if sheet.max_row > 1 else {}
        if "product" in codes:
            fill(sheet, codes)
    path = tmp_path / "gia-tom.xlsx"
    book.save(path)
    return path


def fill(sheet: Any, codes: dict[Any, int]) -> None:
    for row in range(3, sheet.max_row + 1):
        if sheet.cell(row, codes["product"]).value is None:
            continue
        for code, column in codes.items():
            if code not in {"area", "area_name", "period", "product"}:
                sheet.cell(row, column, 150 if code != "price" else 120_000)


def test_the_stewards_map_has_thirteen_feeds_and_says_that_they_are_simulated(
    steward: Page,
) -> None:
    expect(steward.locator('[data-testid="heat"] tbody tr')).to_have_count(13)
    expect(steward.get_by_test_id("simulated")).to_be_visible(timeout=180_000)


def test_a_workbook_is_tried_signed_and_counts(
    product: Product, steward: Page, workbook: Path
) -> None:
    failures: list[str] = []
    steward.on("pageerror", lambda error: failures.append(str(error)))
    steward.goto(f"{product.url}/so-lieu/#/nguon/{FEED}")
    steward.get_by_test_id("file").set_input_files(workbook)
    verdict = steward.get_by_test_id("verdict")
    expect(verdict).to_be_visible(timeout=SHOWN_MS)
    expect(steward.get_by_test_id("problems")).to_have_count(0)
    verdict.locator("input").first.fill("Nguyễn Văn A")
    steward.get_by_test_id("send").click()
    batches = steward.get_by_test_id("batches")
    expect(batches.locator("tbody tr").first).to_contain_text("Nguyễn Văn A", timeout=SHOWN_MS)
    steward.goto(f"{product.url}/so-lieu/#/chi-tieu")
    expect(steward.locator('[data-code="NN.GIA_TOM"]')).to_be_visible(timeout=SHOWN_MS)
    assert failures == []
    # The same file again changes nothing.
    steward.goto(f"{product.url}/so-lieu/#/nguon/{FEED}")
    steward.get_by_test_id("file").set_input_files(workbook)
    expect(steward.get_by_test_id("verdict")).to_contain_text("đã nộp", timeout=SHOWN_MS)
