"""Who is told of what is due, when, once each."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from tests.support.feed_scored import (
    AGREED,
    CALENDAR,
    FEED,
    MONTH,
    STREAM,
    A,
    at,
    catalogue,
    rows,
    send,
)

from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.errors import NoSuchFeed
from ioc_cloud.feeds.post import Mail, NotSent, send_waiting
from ioc_cloud.feeds.reminders import Notice, nudge, remind


@pytest.fixture
def feeds() -> Catalogue:
    return catalogue()


def told(connection: Connection, feeds: Catalogue, now: datetime) -> list[Notice]:
    """What is new; the 22nd is there, so that only what a test is about is late."""
    return remind(connection, feeds, CALENDAR, now)


def said(notices: list[Notice]) -> list[tuple[str, str, str, str]]:
    return [(one.period, one.stage, one.addressee, one.account) for one in notices]


@pytest.fixture
def before(owner: Connection, feeds: Catalogue) -> Connection:
    """A database in which the days up to the 22nd have come."""
    for day in (20, 21, 22):
        send(owner, feeds, at(day + 1, 7), "ngay", rows(f"2026-11-{day}"))
    return owner


def test_stages_are_told_once_each_to_those_they_concern(
    before: Connection, feeds: Catalogue
) -> None:
    # The 23rd ends at midnight and is due at 08:00: half at 04:00, most at 06:24, 200 % at 16:00.
    day = "2026-11-23"
    assert said(told(before, feeds, at(24, 3, 59))) == []
    assert said(told(before, feeds, at(24, 4))) == [(day, "half", "owner", "an")]
    assert said(told(before, feeds, at(24, 6, 23))) == []
    assert said(told(before, feeds, at(24, 6, 24))) == [(day, "most", "owner", "an")]
    assert said(told(before, feeds, at(24, 8))) == [
        (day, "due", "owner", "an"),
        (day, "due", "deputy", "binh"),
    ]
    assert said(told(before, feeds, at(24, 15, 59))) == []
    assert said(told(before, feeds, at(24, 16))) == [
        (day, "overdue", "owner", "an"),
        (day, "overdue", "deputy", "binh"),
        (day, "overdue", "head", "chi"),
    ]
    assert said(told(before, feeds, at(24, 23))) == []


def test_nobody_is_told_of_what_is_there(before: Connection, feeds: Catalogue) -> None:
    send(before, feeds, at(24, 3), "ngay", rows())
    assert told(before, feeds, at(24, 16)) == []


def test_one_missing_row_is_told_in_both_languages(before: Connection, feeds: Catalogue) -> None:
    send(before, feeds, at(24, 3), "ngay", rows()[:2])
    (notice,) = told(before, feeds, at(24, 5, 30))
    assert notice.vi == (
        "Chợ đầu mối, Ngày, kỳ 2026-11-23: hạn 08:00 24/11/2026, còn 2 giờ 30 phút; "
        "còn thiếu 1 trong 3 dòng."
    )
    assert notice.en == (
        "Markets, Daily, period 2026-11-23: due 08:00 24/11/2026, 2 h 30 min left; "
        "1 of 3 rows are missing."
    )


def test_after_a_pause_the_last_stage_alone_is_told(before: Connection, feeds: Catalogue) -> None:
    assert {one.stage for one in told(before, feeds, at(24, 9))} == {"due"}
    assert told(before, feeds, at(24, 9, 1)) == []


def test_what_died_long_ago_is_not_told_again(before: Connection, feeds: Catalogue) -> None:
    # After 24 of 8 hours nothing is left of the 23rd; the 24th is on its way.
    assert {one.period for one in told(before, feeds, at(25, 4))} == {"2026-11-24"}


def test_maintenance_is_silent_and_they_are_told_afterwards(
    before: Connection, feeds: Catalogue
) -> None:
    before.execute(
        "insert into feed_maintenance (starts_at, ends_at, reason, entered_by, entered_at)"
        " values (%s, %s, 'Nâng cấp', 'chi', now())",
        (at(24, 7), at(24, 12)),
    )
    assert told(before, feeds, at(24, 9)) == []
    assert {one.stage for one in told(before, feeds, at(24, 12))} == {"due"}
    # Four of the eight hours after the deadline were excused: overdue at 20:00.
    assert told(before, feeds, at(24, 19, 59)) == []
    assert {one.stage for one in told(before, feeds, at(24, 20))} == {"overdue"}


def test_the_deputy_who_stands_in_is_told_once(owner: Connection, feeds: Catalogue) -> None:
    # The owner's duty ended with November; the 1st was a Tuesday.
    send(owner, feeds, at(1, 7, month=12), "ngay", rows("2026-11-30"))
    notices = told(owner, feeds, at(2, 8, month=12))
    assert said(notices) == [("2026-12-01", "due", "owner", "binh")]


def test_tables_under_the_agreed_hours_count_the_days_that_are_worked(owner: Connection) -> None:
    feeds = catalogue(AGREED)
    send(owner, feeds, at(21, 7), "ngay", rows("2026-11-20"))
    for period in ("2026-11-18", "2026-11-19"):
        send(owner, feeds, at(20, 7), "gia", [{"area": "96", "period": period, "price": 1}])
    # Friday's prices: 12 h, half after six.
    assert said(told(owner, feeds, at(21, 6))) == [("2026-11-20", "half", "owner", "an")]
    # Saturday's: 24 h, so that half is Sunday at noon.
    send(owner, feeds, at(21, 9), "gia", [{"area": "96", "period": "2026-11-20", "price": 1}])
    send(owner, feeds, at(22, 0), "ngay", rows("2026-11-21"))
    assert told(owner, feeds, at(22, 11, 59)) == []
    assert said(told(owner, feeds, at(22, 12))) == [("2026-11-21", "half", "owner", "an")]


def test_a_silent_stream_is_told_of_by_the_agreed_hours(owner: Connection) -> None:
    feeds = catalogue(STREAM)
    for day in (23, 24):
        send(owner, feeds, at(day + 1, 0, 1), "ngay", rows(f"2026-11-{day}"))
    one = [{"area": A, "period": "2026-11-25T07:45", "tons": 1}]
    send(owner, feeds, at(25, 8), "can", one)
    # Silent since 08:00 on a Wednesday: 12 hours.
    assert told(owner, feeds, at(25, 13, 59)) == []
    assert said(told(owner, feeds, at(25, 14))) == [("2026-11-25T08:00", "half", "owner", "an")]


def test_a_monthly_table_is_told_of_over_its_days(owner: Connection) -> None:
    feeds = catalogue(MONTH)
    # Due on the 5th at 17:00, 113 h after the month: half of it is the 3rd at 08:30.
    found = [one for one in told(owner, feeds, at(3, 8, 30, month=12)) if one.table == "thang"]
    assert said(found) == [("2026-11", "half", "owner", "binh")]


def test_a_nudge_speaks_of_what_is_late_and_names_the_steward(
    before: Connection, feeds: Catalogue
) -> None:
    (notice,) = nudge(before, feeds, FEED, "dung", at(24, 9), calendar=CALENDAR)
    assert (notice.stage, notice.period, notice.account) == (
        "nudge 2026-11-24T09:00", "2026-11-23", "an",
    )  # fmt: skip
    assert notice.vi.endswith("đã quá 1 giờ; còn thiếu 3 trong 3 dòng. dung nhắc.")
    # A second click within the minute is the same one.
    assert nudge(before, feeds, FEED, "dung", at(24, 9), calendar=CALENDAR) == []
    # Nothing is late: it speaks of the next deadline.
    send(before, feeds, at(24, 9, 5), "ngay", rows())
    (notice,) = nudge(before, feeds, FEED, "dung", at(24, 9, 10))
    assert notice.period == "2026-11-24"
    with pytest.raises(NoSuchFeed):
        nudge(before, feeds, "khong-co", "dung", at(24, 9))


# --- by mail ---------------------------------------------------------------------------


@dataclass
class Box:
    """A mailbox; refuses what it is told to."""

    refuses: str = ""
    mails: list[tuple[str, str]] = field(default_factory=list)

    def send(self, address: str, subject: str, text: str) -> None:
        assert "IOC" in subject
        if address == self.refuses:
            raise NotSent("full")
        self.mails.append((address, text.partition(",")[0]))


def test_notices_go_to_the_addresses_of_the_contract_once(
    before: Connection, feeds: Catalogue
) -> None:
    told(before, feeds, at(24, 16))
    box = Box()
    assert send_waiting(before, feeds, box, at(24, 16)) == 3
    assert box.mails == [
        ("an@ioc.test", "Chợ đầu mối"),
        ("binh@ioc.test", "Chợ đầu mối"),
        ("chi@ioc.test", "Chợ đầu mối"),
    ]
    assert send_waiting(before, feeds, box, at(24, 17)) == 0


def test_what_could_not_be_sent_is_counted_and_tried_later_and_later(
    before: Connection, feeds: Catalogue
) -> None:
    told(before, feeds, at(24, 4))
    box = Box(refuses="an@ioc.test")
    now, tries = at(24, 4), 0
    for _ in range(7 * 60):
        send_waiting(before, feeds, box, now)
        now += timedelta(minutes=1)
        tries = before.execute("select failures from feed_notice").fetchone()[0]  # type: ignore[index]
    assert tries == 10
    assert before.execute("select failure, sent_at from feed_notice").fetchone() == ("full", None)
    before.execute("update feed_notice set failures = 1")
    box.refuses = ""
    assert send_waiting(before, feeds, box, now) == 1


def test_a_notice_without_an_address_stays_on_the_pages(
    before: Connection, feeds: Catalogue
) -> None:
    told(before, feeds, at(24, 4))
    nobody = Catalogue({}, feeds.areas)
    assert send_waiting(before, nobody, Box(), at(24, 5)) == 0
    assert before.execute("select failure from feed_notice").fetchone() == (
        "the contract names no address",
    )


ANSWERS = {
    b"EHLO": b"250 there",
    b"MAIL": b"250 ok",
    b"RCPT": b"250 ok",
    b"DATA": b"354 go on",
    b".": b"250 taken",
    b"QUIT": b"221 bye",
}


@contextmanager
def server(said: list[str]) -> Iterator[int]:
    """A mail server that takes one message, line by line."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            caller, _ = listening.accept()
            with caller, caller.makefile("rb") as lines:
                caller.sendall(b"220 there\r\n")
                for line in lines:
                    said.append(line.decode().strip())
                    answer = ANSWERS.get(line[:4].strip().upper())
                    if answer:
                        caller.sendall(answer + b"\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(timeout=10)


def test_mail_reaches_a_real_server() -> None:
    said: list[str] = []
    with server(said) as port:
        Mail("127.0.0.1", port, "ioc@camau.test").send("an@ioc.test", "Nhắc", "Còn thiếu.")
    assert "rcpt TO:<an@ioc.test>" in said
    assert "From: ioc@camau.test" in said


def test_a_mail_server_that_is_away_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(NotSent, match=f"127.0.0.1:{port}"):
        Mail("127.0.0.1", port, "ioc@camau.test").send("an@ioc.test", "Nhắc", "Còn thiếu.")
