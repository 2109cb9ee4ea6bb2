"""A small feed whose scores can be worked out by hand, over three communes."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds.batch import Batch, Receipt, Rows
from ioc_cloud.feeds.calendar import Calendar
from ioc_cloud.feeds.catalogue import Area, Catalogue
from ioc_cloud.feeds.deliver import deliver
from ioc_cloud.feeds.scores import Cause, Score, score
from ioc_models.feeds import LOCAL, Contract

FEED = "cho-dau-moi"
A, B, C = "31825", "31834", "31840"
AREAS = [Area("96", "Tỉnh"), Area(A, "Xã A"), Area(B, "Xã B"), Area(C, "Xã C")]
CALENDAR = Calendar.load()
DAY = date(2026, 11, 24)

CONTRACT = yaml.safe_load((Path(__file__).parent / f"{FEED}.yaml").read_text(encoding="utf-8"))
# Beside the daily table by hour: one under the agreed hours, a stream, one whose grid nobody
# knows, a monthly one.
AGREED, STREAM, OPEN, MONTH = "gia", "can", "su_co", "thang"


def catalogue(*tables: str) -> Catalogue:
    """The feed alone, with its daily table and others."""
    chosen = [one for one in CONTRACT["tables"] if one["id"] in {"ngay", *tables}]
    feed = Contract.model_validate({**CONTRACT, "tables": chosen})
    return Catalogue({FEED: feed}, {area.code: area for area in AREAS})


def at(day: int, hour: int = 0, minute: int = 0, month: int = 11) -> datetime:
    """A moment of 2026 in the province."""
    return datetime(2026, month, day, hour, minute, tzinfo=LOCAL)


def rows(period: str = "2026-11-23", **tons: int) -> list[dict[str, Any]]:
    """A day of the daily table: each commune had 100 tons, or what is said, and sold 50."""
    return [
        {"area": area, "period": period, "tons": tons.get(name, 100), "sold": 50}
        for name, area in (("a", A), ("b", B), ("c", C))
    ]


def send(
    connection: Connection,
    feeds: Catalogue,
    now: datetime,
    table: str,
    of: Sequence[Mapping[str, Any]],
    **said: Any,
) -> Receipt:
    """Deliver rows of one table."""
    known = {"door": "rest", "provenance": "api", "sent_by": "test"}
    batch = Batch(FEED, {table: Rows(list(of))}, **{**known, **said})
    return deliver(connection, feeds, batch, now=now)


def scored(
    connection: Connection,
    feeds: Catalogue,
    day: date = DAY,
    now: datetime | None = None,
    cause: Cause = "nightly",
) -> Score:
    """The score of a day, taken half an hour after it unless said otherwise."""
    over = datetime(day.year, day.month, day.day, 0, 30, tzinfo=LOCAL) + timedelta(days=1)
    return score(connection, feeds, CALENDAR, FEED, day, now=now or over, cause=cause)
