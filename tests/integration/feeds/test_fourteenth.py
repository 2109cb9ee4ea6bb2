"""A fourteenth domain is one file: it is found everywhere, and no code knows its name."""

import io
from pathlib import Path

import pytest
from openpyxl import load_workbook
from tests.support.feed_parts import FEED, NOW, catalogue_with, of_day

from ioc_cloud.db.pool import Connection
from ioc_cloud.events.evidence import Folder
from ioc_cloud.feeds import (
    dcat,
    documents,
    export,
    fixtures,
    landing,
    layer,
    template,
    upload,
    vocabulary,
)
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_models.feeds import Contract

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    """The product's contracts and one file more."""
    return catalogue_with(tmp_path / "contracts")


@pytest.fixture
def feed(catalogue: Catalogue) -> Contract:
    return catalogue.feed(FEED)


def test_it_stands_beside_the_thirteen(catalogue: Catalogue, feed: Contract) -> None:
    assert len(catalogue.feeds) == 14
    assert feed.domain in catalogue.domains


def test_no_code_knows_its_name() -> None:
    code = [
        path for folder in ("cloud", "twin_models") for path in (REPOSITORY / folder).rglob("*.py")
    ]
    assert code
    assert not any(FEED in path.read_text(encoding="utf-8") for path in code)


def test_from_template_to_landing_view_and_export(
    owner: Connection, catalogue: Catalogue, feed: Contract, tmp_path: Path
) -> None:
    landing.apply(owner, catalogue)
    of = of_day(feed)
    book = load_workbook(io.BytesIO(template.workbook(feed, catalogue, of)))
    for table, name in zip(feed.tables, template.sheet_names(feed), strict=True):
        examples = fixtures.valid(catalogue, table, of[table.id])
        for number, example in enumerate(examples, 3):
            for code, value in example.items():
                if code in table.codes:
                    column = template.columns(table).index(code) + 1
                    book[name].cell(number, column, value)
    path = tmp_path / "filled.xlsx"
    book.save(path)
    store = Folder(tmp_path / "originals")
    trial = upload.trial(owner, catalogue, feed, path, path.name, now=NOW, by="an")
    assert trial.receipt.errors == 0
    receipt = upload.commit(
        owner, catalogue, store, feed, path, path.name, now=NOW, by="an", signed_by="An"
    )
    assert (receipt.status, receipt.rows_new) == ("accepted", 6)
    landed = owner.execute("select count(*) from landing.chuyen_doi_so_ngay").fetchall()
    assert landed == [(3,)]
    figures = owner.execute("select distinct indicator from figure_now where feed = %s", (FEED,))
    assert {row[0] for row in figures} >= {"CDS.LUOT", "CDS.THANH_TOAN", "CDS.MUC_TIEU"}
    made = export.table(owner, catalogue, feed, feed.tables[0])
    assert len(made.whole().splitlines()) == 4
    assert (FEED, "ngay") in dcat.coverage(owner)


def test_papers_schema_catalogue_layer_and_words_have_it(
    catalogue: Catalogue, feed: Contract
) -> None:
    of = of_day(feed)
    assert "Lượt hỗ trợ" in documents.markdown(feed, catalogue, of)
    assert "Lượt hỗ trợ" in documents.html(feed, catalogue, of)
    assert "CHUYỂN ĐỔI SỐ" in documents.annex_markdown(feed, catalogue)
    assert documents.annex_word(feed, catalogue)
    assert "visits" in str(documents.json_schema(feed, catalogue))
    listed = dcat.described(catalogue, "https://ioc.example", {})["dcat:dataset"]
    assert f"{FEED}/ngay" in {one["dct:identifier"] for one in listed}
    assert "CDS.LUOT" in {one["indicator"] for one in layer.layers(catalogue)}
    assert vocabulary.vocabulary(catalogue).indicators("lượt hỗ trợ số") == ["CDS.LUOT"]
