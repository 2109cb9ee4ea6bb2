"""The open-data catalogue: what is open, described as portals want it."""

import json
from datetime import datetime, timezone
from typing import Any

import pytest
from tests.support.feed_parts import FEED, catalogue_with

from ioc_cloud.feeds import dcat
from ioc_cloud.feeds.catalogue import Catalogue

BASE = "https://ioc.example"
AT = datetime(2026, 11, 24, 3, tzinfo=timezone.utc)
COVERED = {
    (FEED, "ngay"): dcat.Covered(
        datetime(2026, 10, 31, 17, tzinfo=timezone.utc),
        datetime(2026, 11, 22, 17, tzinfo=timezone.utc),
        AT,
        100,
    )
}


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return catalogue_with(tmp_path_factory.mktemp("contracts"))


@pytest.fixture(scope="module")
def body(catalogue: Catalogue) -> dict[str, Any]:
    box = (104.7, 8.4, 105.9, 9.6)
    return dcat.described(catalogue, BASE, COVERED, box=box)


def test_what_anybody_may_have_is_listed_and_nothing_else(
    catalogue: Catalogue, body: dict[str, Any]
) -> None:
    listed = {one["dct:identifier"].partition("/")[0] for one in body["dcat:dataset"]}
    assert listed == {
        feed.id for feed in catalogue.feeds.values() if feed.classification.value == "open"
    }
    assert FEED in listed


def test_those_signed_in_may_know_of_the_internal_ones(catalogue: Catalogue) -> None:
    body = dcat.described(catalogue, BASE, {}, shows=dcat.is_not_restricted)
    listed = {one["dct:identifier"].partition("/")[0] for one in body["dcat:dataset"]}
    assert "y-te" in listed
    health = next(one for one in body["dcat:dataset"] if one["dct:identifier"] == "y-te/ngay")
    assert health["dct:accessRights"]["@id"].endswith("RESTRICTED")
    assert "dct:license" not in health["dcat:distribution"][0]


def test_a_dataset_has_all_that_dcat_ap_asks_for(body: dict[str, Any]) -> None:
    one = next(each for each in body["dcat:dataset"] if each["dct:identifier"] == f"{FEED}/ngay")
    # Mandatory and recommended of DCAT-AP 3.0, dataset and distribution.
    for name in (
        "dct:title", "dct:description", "dct:publisher", "dcat:contactPoint", "dcat:keyword",
        "dct:spatial", "dct:temporal", "dcat:distribution", "dct:accrualPeriodicity",
        "dct:accessRights", "dct:identifier", "dct:modified",
    ):  # fmt: skip
        assert one[name], name
    assert [each["dct:format"]["@id"].rpartition("/")[2] for each in one["dcat:distribution"]] == [
        "CSV", "XLSX", "GEOJSON", "PARQUET", "JSON",
    ]  # fmt: skip
    assert all(each["dcat:accessURL"] for each in one["dcat:distribution"])
    assert one["dct:accrualPeriodicity"]["@id"].endswith("/DAILY")
    assert one["dct:temporal"]["dcat:endDate"]["@value"] == "2026-11-23T17:00:00+00:00"


def test_titles_are_in_both_languages(body: dict[str, Any]) -> None:
    for one in body["dcat:dataset"]:
        assert {words["@language"] for words in one["dct:title"]} == {"vi", "en"}


def test_posts_are_named_and_no_person(catalogue: Catalogue) -> None:
    feed = catalogue.feed(FEED)
    owner = {**feed.owner.model_dump(), "name": "Nguyễn Văn An", "phone": "0290 1"}
    named = type(feed).model_validate({**feed.model_dump(), "owner": owner})
    body = dcat.described(Catalogue({FEED: named}, catalogue.areas), BASE, COVERED)
    assert "Nguyễn Văn An" not in json.dumps(body, ensure_ascii=False)
    assert "0290" not in json.dumps(body)


def test_every_name_has_its_namespace(body: dict[str, Any]) -> None:
    prefixes = set(body["@context"])

    def names(of: Any) -> set[str]:
        if isinstance(of, dict):
            return {*of, *(name for value in of.values() for name in names(value))}
        return {name for each in of for name in names(each)} if isinstance(of, list) else set()

    used = names({key: value for key, value in body.items() if key != "@context"})
    assert {name.partition(":")[0] for name in used if not name.startswith("@")} <= prefixes


def test_it_is_written_as_json(body: dict[str, Any]) -> None:
    assert json.loads(dcat.written(body)) == body
