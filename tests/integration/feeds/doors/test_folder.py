import io
import json
import os
from collections.abc import Callable
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from tests.support.feed_parts import catalogue_with

from ioc_cloud.db.pool import Connection, connect
from ioc_cloud.events.evidence import Folder
from ioc_cloud.feeds import template
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.doors.folder import Taken, WatchedFolders
from ioc_cloud.feeds.simulate.answers import Sheet, csv_text, in_its_words, xml_text
from ioc_cloud.feeds.simulate.generate import Generator
from ioc_models.feeds import periods

NOON = datetime(2026, 11, 24, 5, 0, tzinfo=timezone.utc)
HEALTH = "y-te"
DATA = Path(__file__).parents[3] / "data" / "feeds" / "doors"
Watch = Callable[..., list[Taken]]


@pytest.fixture
def watched(feeds_url: str, tmp_path: Path, catalogue: Catalogue) -> WatchedFolders:
    return watching(feeds_url, tmp_path, catalogue)


def watching(url: str, home: Path, catalogue: Catalogue) -> WatchedFolders:
    found = WatchedFolders(
        partial(connect, url, application="test"), catalogue, Folder(home / "evidence"),
        home / "inbox",
    )  # fmt: skip
    found.open()
    return found


def twice(watched: WatchedFolders) -> list[Taken]:
    """Two looks: a file that lies still is whole at the second."""
    assert watched.look(NOON) == []
    return watched.look(NOON)


def row(area: str = "31825", day: str = "2026-11-23", **cells: Any) -> dict[str, Any]:
    whole = {"visits": 100, "inpatients": 10, "beds": 40, "dengue": 1, "hfmd": 0}
    return {"area": area, "period": day, **whole, **cells}


def put(watched: WatchedFolders, name: str, body: str | bytes, feed: str = HEALTH) -> Path:
    path = watched.inbox(feed) / name
    path.write_bytes(body.encode() if isinstance(body, str) else body)
    return path


def count(owner: Connection, what: str) -> int:
    found = owner.execute(what).fetchone()  # type: ignore[call-overload]
    return int(found[0]) if found else 0


ROWS = "select count(*) from feed_row"


def test_a_file_that_still_grows_waits(watched: WatchedFolders, owner: Connection) -> None:
    path = put(watched, "a.json", "[")
    watched.look(NOON)
    path.write_text(json.dumps([row()]), encoding="utf-8")
    assert watched.look(NOON) == []

    (taken,) = watched.look(NOON)

    assert taken.receipt is not None
    assert taken.receipt.status == "accepted"
    assert count(owner, ROWS) == 1


def test_a_file_that_its_sender_calls_whole_is_taken_at_once(watched: WatchedFolders) -> None:
    put(watched, "a.json", json.dumps([row()]))
    mark = put(watched, "a.json.ok", "")

    (taken,) = watched.look(NOON)

    assert taken.path == watched.inbox(HEALTH) / "done" / "a.json"
    assert not mark.exists()


@pytest.mark.parametrize("name", ["a.json.part", ".a.json", "~$a.xlsx", "a.tmp", "a.json.filepart"])
def test_what_somebody_still_writes_is_left_alone(watched: WatchedFolders, name: str) -> None:
    path = put(watched, name, json.dumps([row()]))

    assert twice(watched) == []
    assert watched.look(NOON) == []
    assert path.exists()


def test_a_good_file_lies_in_done_without_a_reason(watched: WatchedFolders) -> None:
    put(watched, "a.json", json.dumps([row()]))

    twice(watched)

    assert [path.name for path in (watched.inbox(HEALTH) / "done").iterdir()] == ["a.json"]


def test_one_bad_row_does_not_block_499_good_ones(
    watched: WatchedFolders, owner: Connection, catalogue: Catalogue
) -> None:
    days = [f"2026-11-{n:02}" for n in range(1, 9)]
    rows = [row(area, day) for day in days for area in catalogue.communes][:500]
    rows[250]["visits"] = "nhiều lắm"
    put(watched, "a.json", json.dumps(rows))

    (taken,) = twice(watched)

    assert taken.receipt is not None
    assert (taken.receipt.status, taken.receipt.rows_new) == ("partial", 499)
    assert count(owner, "select count(*) from feed_parked_row") == 1
    reason = (watched.inbox(HEALTH) / "done" / "a.json.reason.txt").read_text(encoding="utf-8")
    assert "NHẬN MỘT PHẦN" in reason
    assert "ACCEPTED IN PART" in reason
    assert "ngay:251:visits" in reason


def test_one_bad_row_blocks_all_where_all_or_nothing_is_agreed(
    feeds_url: str, tmp_path: Path, owner: Connection
) -> None:
    catalogue = catalogue_with(tmp_path / "contracts", "partial: false\n", HEALTH)
    watched = watching(feeds_url, tmp_path, catalogue)
    put(watched, "a.json", json.dumps([row(), row("31834", visits=-1)]))

    (taken,) = twice(watched)

    assert taken.refused
    assert count(owner, ROWS) == 0
    folder = watched.inbox(HEALTH) / "refused"
    assert sorted(path.name for path in folder.iterdir()) == ["a.json", "a.json.reason.txt"]
    assert count(owner, "select count(*) from feed_parked_row") == 1


def test_the_same_file_again_is_put_away_and_changes_nothing(
    watched: WatchedFolders, owner: Connection
) -> None:
    put(watched, "a.json", json.dumps([row()]))
    twice(watched)
    put(watched, "b.json", json.dumps([row()]))

    (taken,) = twice(watched)

    assert taken.receipt is not None
    assert taken.receipt.status == "repeated"
    assert count(owner, "select count(*) from feed_batch") == 1
    assert taken.path is not None
    assert taken.path.parent.name == "done"


def test_a_correction_under_the_same_name_keeps_both_files(
    watched: WatchedFolders, owner: Connection
) -> None:
    put(watched, "a.json", json.dumps([row()]))
    twice(watched)
    put(watched, "a.json", json.dumps([row(visits=101)]))

    (taken,) = twice(watched)

    assert taken.receipt is not None
    assert (taken.receipt.rows_changed, taken.receipt.version) == (1, 2)
    assert len(list((watched.inbox(HEALTH) / "done").iterdir())) == 2
    assert count(owner, "select max(version) from feed_row") == 2


def test_what_corrects_comes_after_what_it_corrects(
    watched: WatchedFolders, owner: Connection
) -> None:
    late = put(watched, "a.json", json.dumps([row(visits=2)]))
    early = put(watched, "b.json", json.dumps([row(visits=1)]))
    os.utime(early, (1_000_000, 1_000_000))
    os.utime(late, (2_000_000, 2_000_000))

    twice(watched)

    assert count(owner, "select (cells ->> 'visits')::int from feed_row_now") == 2


@pytest.mark.parametrize(
    ("name", "body", "words"),
    [
        ("a.json", "{", "JSON"),
        ("a.json", '{"rows": [], "bảng": 1}', "bảng"),
        ("a.json", '{"table": "khong-co", "rows": []}', "khong-co"),
        ("a.ndjson", '{"area": "31825"}\n{"area"', "line 2"),
        ("a.xml", "<x><!DOCTYPE", "XML"),
        ("a.csv", "một,hai\n1,2\n", "tiêu đề"),
        ("a.pdf", "%PDF-1.7\n", "PDF"),
        ("a.xlsx", "PK\x03\x04nonsense", ""),
    ],
)
def test_a_file_that_cannot_be_read_is_kept_with_its_reason(
    watched: WatchedFolders, tmp_path: Path, owner: Connection, name: str, body: str, words: str
) -> None:
    put(watched, name, body)

    (taken,) = twice(watched)

    assert taken.receipt is None
    assert taken.path == watched.inbox(HEALTH) / "refused" / name
    reason = taken.path.with_name(f"{name}.reason.txt").read_text(encoding="utf-8")
    assert "TỪ CHỐI:" in reason
    assert "REFUSED:" in reason
    assert words in reason
    kept = [one for one in (tmp_path / "evidence").rglob("*") if len(one.name) == 64]
    assert [one.read_bytes() for one in kept] == [body.encode()]
    assert count(owner, "select n from door_count where door = 'folder'") == 1


def test_a_bomb_of_entities_is_refused(watched: WatchedFolders) -> None:
    put(watched, "a.xml", '<!DOCTYPE x [<!ENTITY a "aaaa">]><x><row><area>&a;</area></row></x>')

    (taken,) = twice(watched)

    assert taken.receipt is None


def test_a_link_out_of_the_inbox_is_not_followed(
    watched: WatchedFolders, tmp_path: Path, owner: Connection
) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text(json.dumps([row()]), encoding="utf-8")
    (watched.inbox(HEALTH) / "a.json").symlink_to(secret)

    (taken,) = twice(watched)

    assert taken.receipt is None
    assert count(owner, "select count(*) from feed_batch") == 0
    assert secret.exists()


def test_a_filled_template_is_taken(watched: WatchedFolders, catalogue: Catalogue) -> None:
    feed = catalogue.feed(HEALTH)
    day = periods.containing(NOON, feed.table("ngay").grid.period).previous()
    book = load_workbook(io.BytesIO(template.workbook(feed, catalogue, {"ngay": day})))
    sheet = book["Số liệu ngày"]
    codes = [cell.value for cell in sheet[2]]
    for line in range(3, 3 + 64):
        for at, code in enumerate(codes, 1):
            if code in {"visits", "inpatients", "beds", "dengue", "hfmd"}:
                sheet.cell(line, at, {"visits": 100, "beds": 40}.get(str(code), 5))
    stream = io.BytesIO()
    book.save(stream)
    put(watched, "ngay.xlsx", stream.getvalue())

    (taken,) = twice(watched)

    assert taken.receipt is not None
    assert (taken.receipt.status, taken.receipt.rows_new) == ("accepted", 64)


def test_the_sources_own_csv_and_xml_are_read_by_their_contract(
    watched: WatchedFolders, catalogue: Catalogue
) -> None:
    for feed_id, write, name in (
        ("dat-dai", csv_text, "x.csv"),
        ("van-ban-dien-tu", xml_text, "x.xml"),
    ):
        feed = catalogue.feed(feed_id)
        assert feed.pull is not None
        source = feed.pull.tables[0]
        table = feed.table(source.table)
        day = periods.parse("2026-11-23", table.grid.period)
        rows = Generator(feed, 3).rows(table, day, catalogue.areas_of(table))
        said = [in_its_words(table, source, one) for one in rows]
        put(watched, name, write(feed.pull, [Sheet(source, said, {})], {}), feed_id)

        (taken,) = twice(watched)

        assert taken.receipt is not None
        assert (taken.receipt.status, taken.receipt.rows_new) == ("accepted", len(rows))


@pytest.mark.parametrize("name", sorted(path.name for path in DATA.glob("y-te-*")))
def test_files_as_programs_write_them_are_read(
    watched: WatchedFolders, owner: Connection, name: str
) -> None:
    put(watched, name, (DATA / name).read_bytes())

    (taken,) = twice(watched)

    assert taken.receipt is not None, name
    assert taken.receipt.rows_parked == 0, taken.receipt.problems
    assert count(owner, ROWS) == 3
    assert count(owner, "select sum((cells ->> 'visits')::int)::int from feed_row") == 3_690
