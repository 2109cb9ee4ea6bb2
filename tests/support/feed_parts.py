"""A fourteenth feed, and how tests deliver rows of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds.batch import Batch, Receipt, Rows
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.deliver import deliver
from ioc_models.feeds import Contract, Period, periods

# Tuesday 24 November 2026, 10:00 in the province.
NOW = datetime(2026, 11, 24, 3, 0, tzinfo=timezone.utc)
AREAS = ("31825", "31834", "31840")

FOURTEENTH = (Path(__file__).parent / "chuyen-doi-so.yaml").read_text(encoding="utf-8")
FEED = "chuyen-doi-so"


def catalogue_with(folder: Path, text: str = FOURTEENTH, name: str = FEED) -> Catalogue:
    """The product's catalogue with one more file."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return Catalogue.of_province(folder)


def row(area: str = AREAS[0], period: str = "2026-11-23", **cells: Any) -> dict[str, Any]:
    """A good row of the fourteenth feed's daily table, but for what is said."""
    whole = {"visits": 40, "paid": 20, "amount": 12.5, "patients": 9, "level": "cao"}
    return {"area": area, "period": period, **whole, **cells}


def batch(
    rows: Sequence[Mapping[str, Any]], table: str = "ngay", feed: str = FEED, **said: Any
) -> Batch:
    """A delivery of one table."""
    known = {"door": "rest", "provenance": "api", "sent_by": "test"}
    return Batch(feed, {table: Rows(list(rows))}, **{**known, **said})


def delivered(
    connection: Connection,
    catalogue: Catalogue,
    rows: Sequence[Mapping[str, Any]],
    now: datetime = NOW,
    **said: Any,
) -> Receipt:
    """What became of some rows of the fourteenth feed."""
    return deliver(connection, catalogue, batch(rows, **said), now=now)


def of_day(feed: Contract, day: datetime = NOW) -> dict[str, Period]:
    """The last period of each table that ended before a day."""
    return {
        table.id: periods.containing(day, table.grid.period).previous() for table in feed.tables
    }
