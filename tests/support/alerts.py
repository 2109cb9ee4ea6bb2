"""Feeds that alerts are judged by, delivered the short way."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta, timezone
from typing import Any

from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds.alerts import book
from ioc_cloud.feeds.alerts.book import Alert
from ioc_cloud.feeds.batch import Batch, Receipt, Rows
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.deliver import deliver

# Wednesday 25 November 2026, 09:00 in the province.
NOW = datetime(2026, 11, 25, 2, 0, tzinfo=timezone.utc)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
COMMUNE = "31825"


def send(  # noqa: PLR0913, PLR0917 a delivery in one line
    connection: Connection,
    catalogue: Catalogue,
    feed: str,
    table: str,
    rows: Sequence[Mapping[str, Any]],
    now: datetime,
    provenance: str = "api",
) -> Receipt:
    """Deliver rows of one table; nothing may be kept out."""
    batch = Batch(feed, {table: Rows(list(rows))}, "rest", provenance, "test")  # type: ignore[arg-type]
    receipt = deliver(connection, catalogue, batch, now=now)
    assert receipt.status == "accepted", receipt.problems
    return receipt


def health(period: str, area: str = COMMUNE, **cells: Any) -> dict[str, Any]:
    """A day of one commune's health figures, beds at 70 %."""
    whole = {"visits": 100, "inpatients": 70, "beds": 100, "dengue": 0, "hfmd": 0}
    return {"area": area, "period": period, **whole, **cells}


def station(at: datetime, area: str = COMMUNE, **cells: Any) -> dict[str, Any]:
    """A quarter of an hour of one water station."""
    local = (at + timedelta(hours=7)).replace(second=0)
    local = local.replace(minute=local.minute // 15 * 15)
    return {"area": area, "period": f"{local:%Y-%m-%dT%H:%M}", "station": "t1", **cells}


def vms(at: datetime, provider: str = "vnpt", **cells: Any) -> dict[str, Any]:
    """A quarter of an hour of one provider's vessels from 24 m."""
    local = (at + timedelta(hours=7)).replace(second=0)
    local = local.replace(minute=local.minute // 15 * 15)
    whole = {
        "area": "96",
        "period": f"{local:%Y-%m-%dT%H:%M}",
        "length_class": "tu-24",
        "provider": provider,
        "tracked": 100,
        "at_sea": 60,
        "lost_6h": 2,
        "lost_10d": 0,
        "provider_silent": 0,
        "near_boundary": 0,
        "crossed": 0,
    }
    return {**whole, **cells}


def score(
    connection: Connection, feed: str, live: float, now: datetime, day: date | None = None
) -> None:
    """A feed's four scores of a day; the others are full."""
    local = day or (now + timedelta(hours=7)).date()
    connection.execute(
        "insert into feed_quality (feed, day, version, correct, complete, clean, live, grade,"
        " n_rows, owner, rules_sha256, cause, detail, computed_at)"
        " select %(feed)s, %(day)s, coalesce(max(version), 0) + 1, 100, 100, 100, %(live)s,"
        " %(live)s, 1, '', '', 'asked', '{}', %(now)s"
        " from feed_quality where feed = %(feed)s and day = %(day)s",
        {"feed": feed, "day": local, "live": live, "now": now},
    )


def alerts(connection: Connection, kind: str | None = None) -> list[Alert]:
    """Every alert, oldest first."""
    query = f"select {book.sql.ALERT_COLUMNS} from alert as a order by a.id"  # noqa: S608 columns of ours
    found = [book.alert(row) for row in connection.execute(query)]  # type: ignore[arg-type]
    return [one for one in found if kind in {None, one.kind}]


def actions(connection: Connection, alert: int) -> list[str]:
    """What was done about an alert, oldest first."""
    rows = connection.execute("select action from alert_step where alert = %s order by n", (alert,))
    return [row[0] for row in rows]
