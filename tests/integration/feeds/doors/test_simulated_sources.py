"""The simulated province over HTTP: who is let in, what it says of itself, a fourteenth feed."""

from base64 import b64encode
from datetime import datetime, timezone
from pathlib import Path

import httpx
import pytest
import yaml
from tests.support.feed_parts import FEED, FOURTEENTH, catalogue_with
from tests.support.province import Played, played

from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.doors.asking import SIMULATED
from ioc_models.feeds import Contract

PULLED = [feed for feed in Catalogue.of_province().feeds.values() if feed.pull]


@pytest.mark.parametrize("feed", PULLED, ids=lambda feed: feed.id)
def test_no_source_lets_a_stranger_in_and_each_says_that_it_is_none(
    province: Played, feed: Contract
) -> None:
    assert feed.pull is not None
    basic = b64encode(b"ioc:wrong").decode()
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {basic}"}):
        answer = httpx.get(f"{province.url}/{feed.pull.url}", headers=headers)
        assert answer.status_code == 401
        assert answer.headers[SIMULATED] == "1"


def test_a_wrong_client_gets_no_token(province: Played) -> None:
    answer = httpx.post(
        f"{province.url}/oauth2/token",
        data={"grant_type": "client_credentials"},
        auth=("ioc", "wrong"),
    )

    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})


def test_faults_are_set_while_it_runs(province: Played) -> None:
    url = f"{province.url}/_faults"
    assert httpx.post(url, json=[{"kind": "error", "feed": "y-te", "value": 418}]).json()
    assert province.pull("y-te") is None
    assert "418" in str(province.standing("y-te")[2])

    assert httpx.delete(url).json() == []
    assert province.pull("y-te") is not None
    assert httpx.post(url, json=[{"kind": "flood"}]).status_code == 422


def test_a_fourteenth_feed_is_served_and_pulled_without_code(
    owner: Connection, feeds_url: str, tmp_path: Path
) -> None:
    body = yaml.safe_load(FOURTEENTH)
    body["mode"] = "api"
    fields = [field["code"] for field in body["tables"][0]["fields"] if field["code"] != "contact"]
    body["pull"] = {
        "url": "cds/bao-cao",
        "sign_in": {
            "style": "gateway",
            "headers": {"lgspaccesstoken": "{secret}", "X-Client": "ioc"},
            "secret": "source-cds",
        },
        "query": {"tu": "{since}"},
        "cursor": "den",
        "paging": {"style": "link", "parameter": "tu_dong", "size": 50, "first": 0},
        "tables": [
            {
                "table": "ngay",
                "rows": "ket_qua.dong",
                "controls": {"visits": "ket_qua.tong"},
                "columns": {
                    "area": {"path": "xa"},
                    "period": {"path": "ngay", "time_format": "%d.%m.%Y"},
                    **{code: {"path": f"chi_tieu.{code}"} for code in fields},
                },
            }
        ],
    }
    catalogue = catalogue_with(tmp_path / "contracts", yaml.safe_dump(body))
    noon = datetime(2026, 11, 24, 5, 0, tzinfo=timezone.utc)
    with played(owner, feeds_url, tmp_path, catalogue, noon) as province:
        receipt = province.pull(FEED)

    assert receipt is not None
    assert (receipt.status, receipt.rows_new) == ("accepted", 36 * 64)
