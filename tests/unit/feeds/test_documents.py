"""Pages, annexes and schemas of every feed, without gaps."""

import io
import json
import re
from typing import Any

import pytest
from docx import Document
from jsonschema import Draft202012Validator
from tests.support.feed_parts import FEED, catalogue_with, of_day

from ioc_cloud.feeds import documents, fixtures
from ioc_cloud.feeds.catalogue import Catalogue

IDS = [*Catalogue.of_province().feeds, FEED]
GAPS = re.compile(r"\bNone\b|\bnan\b|\{[a-z_]+\}|<[A-Z][a-z]+\.|Words\(|\bTODO\b")


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return catalogue_with(tmp_path_factory.mktemp("contracts"))


@pytest.mark.parametrize("feed_id", IDS)
def test_a_page_names_every_field_rule_and_indicator(catalogue: Catalogue, feed_id: str) -> None:
    feed = catalogue.feed(feed_id)
    page = documents.markdown(feed, catalogue, of_day(feed))
    plain = page.replace("\\", "")
    assert GAPS.search(plain.partition("```json")[0]) is None
    for table in feed.tables:
        for spec in table.fields:
            assert f"| {spec.code} | {spec.title.vi} |" in plain
        for rule in table.rules:
            assert rule.message.vi in plain
    for one in feed.indicators:
        assert (f"| {one.code} |" in plain) is not one.restricted


@pytest.mark.parametrize("feed_id", IDS)
def test_an_annex_has_every_field_in_the_ten_columns_of_the_regulation(
    catalogue: Catalogue, feed_id: str
) -> None:
    feed = catalogue.feed(feed_id)
    annex = documents.annex_markdown(feed, catalogue, "03")
    assert "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM" in annex
    assert "PHỤ LỤC 03" in annex
    assert GAPS.search(annex.replace("\\", "")) is None
    document = Document(io.BytesIO(documents.annex_word(feed, catalogue, "03")))
    heads = ["Số", "Mã trường", "Tên trường", "Kiểu", "Đơn vị", "Bắt buộc", "Quy tắc", "Chu kỳ",
             "Hạn", "Đầu mối"]  # fmt: skip
    wide = [
        table for table in document.tables if [cell.text for cell in table.rows[0].cells] == heads
    ]
    assert [len(table.rows) - 1 for table in wide] == [len(table.fields) for table in feed.tables]
    for table in wide:
        for row in table.rows[1:]:
            said = [cell.text for cell in row.cells]
            assert all(said[place] for place in (0, 1, 2, 3, 5, 7, 8, 9))


def test_an_annex_is_a4_with_the_margins_of_the_decree(catalogue: Catalogue) -> None:
    feed = catalogue.feed("y-te")
    document = Document(io.BytesIO(documents.annex_word(feed, catalogue)))
    first, second = document.sections[0], document.sections[1]
    assert first.page_width is not None
    assert (round(first.page_width.cm, 1), round(first.left_margin.cm or 0, 1)) == (21.0, 3.0)
    assert second.page_width is not None
    assert round(second.page_width.cm, 1) == 29.7
    assert document.styles["Normal"].font.name == "Times New Roman"


def test_html_is_a_page_without_scripts_and_addresses(catalogue: Catalogue) -> None:
    page = documents.html(catalogue.feed("y-te"), catalogue)
    assert page.startswith("<!doctype html>")
    assert "<script" not in page
    assert "http" not in page


def test_words_of_a_contract_are_no_markup(catalogue: Catalogue) -> None:
    feed = catalogue.feed(FEED)
    words = {"vi": "<b>|*x*", "en": "<script>alert(1)</script>"}
    changed = type(feed).model_validate({**feed.model_dump(), "title": words})
    assert "<script>alert" not in documents.html(changed, catalogue)
    assert "\\<script\\>" in documents.markdown(changed, catalogue)


@pytest.mark.parametrize("feed_id", IDS)
def test_a_schema_takes_the_example_and_names_every_field(
    catalogue: Catalogue, feed_id: str
) -> None:
    feed = catalogue.feed(feed_id)
    schema = documents.json_schema(feed, catalogue)
    Draft202012Validator.check_schema(schema)
    body = json.loads(json.dumps(fixtures.body(catalogue, feed, of_day(feed))))
    assert list(Draft202012Validator(schema).iter_errors(body)) == []
    for table in feed.tables:
        properties = schema["properties"]["tables"]["properties"][table.id]["items"]["properties"]
        assert properties.keys() == {"area", "period"} | table.codes


def refused(catalogue: Catalogue, body: dict[str, Any]) -> bool:
    schema = documents.json_schema(catalogue.feed(FEED), catalogue)
    return not Draft202012Validator(schema).is_valid(body)


def test_a_schema_refuses_what_a_delivery_would(catalogue: Catalogue) -> None:
    row = {"area": "31825", "period": "2026-11-23", "visits": 1, "level": None}
    assert not refused(catalogue, {"table": "ngay", "rows": [row]})
    for bad in (
        {"visits": 2001},
        {"visits": "x"},
        {"area": "00001"},
        {"period": "23/11/2026"},
        {"level": "x"},
    ):
        assert refused(catalogue, {"table": "ngay", "rows": [{**row, **bad}]})
    assert refused(catalogue, {"rows": [row], "tables": {"ngay": [row]}})
    assert refused(catalogue, {"tables": {"gio": [row]}})
