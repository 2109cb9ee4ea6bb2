"""One round of judging: what came is compared with what should be, and told to the book."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from ioc_cloud.db import feeds_alert_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds.alerts.anomalies import judge_anomalies
from ioc_cloud.feeds.alerts.cameras import judge_cameras
from ioc_cloud.feeds.alerts.late import judge_late
from ioc_cloud.feeds.alerts.ledger import Ledger
from ioc_cloud.feeds.alerts.providers import judge_providers
from ioc_cloud.feeds.alerts.sop import Sops
from ioc_cloud.feeds.alerts.thresholds import judge_thresholds, placed
from ioc_cloud.feeds.calendar import Calendar
from ioc_cloud.feeds.catalogue import Catalogue

# A delivery that was received before the last round may have been committed after it.
IN_FLIGHT: Final = timedelta(minutes=15)
FIRST_LOOK: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Found:
    """What a round wrote.

    Attributes:
        opened: New alerts.
        worse: Alerts that became a danger.
        returned: Alerts whose cause had gone and is back.
        cleared: Alerts whose cause has gone.
        ids: The alerts of these steps, in order.
    """

    opened: int
    worse: int
    returned: int
    cleared: int
    ids: tuple[int, ...]


def detect(
    connection: Connection,
    catalogue: Catalogue,
    calendar: Calendar,
    now: datetime,
    sops: Sops | None = None,
) -> Found:
    """Judge every figure that came since the last round, the feeds' lateness and the cameras.

    One transaction; a second round at once waits for it. Judging the same again writes nothing.
    `sops` are the installation's checklists; the product's without.
    """
    with connection.transaction():
        connection.execute(sql.LOCK)
        row = connection.execute(sql.LAST_RUN).fetchone()
        since = row[0] - IN_FLIGHT if row else now - FIRST_LOOK
        places = dict(placed(connection.execute(sql.PLACES)))
        ledger = Ledger(connection, catalogue, sops or product_sops(), calendar, now)
        late = judge_late(ledger)
        judge_thresholds(ledger, places, since)
        judge_anomalies(ledger, places, since, late)
        judge_providers(ledger)
        judge_cameras(ledger)
        connection.execute(sql.RAN, (now,))
    return Found(
        opened=ledger.written["opened"],
        worse=ledger.written["worse"],
        returned=ledger.written["returned"],
        cleared=ledger.written["cleared"],
        ids=tuple(ledger.ids),
    )


@lru_cache(maxsize=1)
def product_sops() -> Sops:
    """The product's checklists, read once."""
    return Sops.load()
