"""Data that are late: a task for the feed's owner, instead of anomalies that are none."""

from datetime import datetime, timezone
from typing import Final

from ioc_cloud.db import feeds_alert_sql as sql
from ioc_cloud.feeds.alerts.book import Figure, Trouble
from ioc_cloud.feeds.alerts.ledger import Ledger, words
from ioc_cloud.feeds.calendar import local_day
from ioc_cloud.feeds.wording import number
from ioc_models.feeds import Cadence, Contract, periods
from ioc_models.things.ids import PROVINCE_CODE

# `sống` below it is red.
RED: Final = 50.0


def judge_late(ledger: Ledger) -> frozenset[str]:
    """Raise and clear data tasks; says which feeds are too late to be judged by their figures."""
    ledger.know("data_task")
    resting = {row[0] for row in ledger.connection.execute(sql.IN_MAINTENANCE, {"now": ledger.now})}
    came = {row[0]: row[1:] for row in ledger.connection.execute(sql.LAST_DELIVERIES)}
    red = set()
    asked = {"today": local_day(ledger.now), "red": RED}
    scores = ledger.connection.execute(sql.LIVE_SCORES, asked).fetchall()
    for feed_id, day, live, computed_at in scores:
        feed = ledger.catalogue.feeds.get(feed_id)
        if feed is None or live is None:
            continue
        key = ("data_task", feed_id, PROVINCE_CODE)
        if live >= RED:
            ledger.absent(key, words(
                f"Điểm sống đã lên {number(round(live, 1))}",
                f"The live score is back at {number(round(live, 1), vi=False)}",
            ))  # fmt: skip
            continue
        red.add(feed_id)
        # Announced rest is nobody's fault; the age of data shows all the same.
        if not resting & {feed_id, None}:
            received_at, as_of, provenance = came.get(
                feed_id, (computed_at, computed_at, "derived")
            )
            period = periods.containing(day, Cadence.DAY)
            figure = Figure(live, as_of, received_at, provenance, str(period), period.start, 1)
            ledger.present(_task(feed, figure, came=received_at if feed_id in came else None))
    return frozenset(red)


def _task(feed: Contract, figure: Figure, *, came: datetime | None) -> Trouble:
    live = figure.value or 0.0
    last = came.astimezone(periods.LOCAL).strftime("%d/%m/%Y %H:%M") if came else None
    return Trouble(
        kind="data_task",
        severity="danger" if live <= 0 else "warn",
        subject=feed.id,
        area=PROVINCE_CODE,
        figure=figure,
        reason=words(
            f"{feed.title.vi}: số liệu chậm, điểm sống {number(round(live, 1))}; "
            + (f"nhận lần cuối {last}" if last else "chưa nhận lần nào"),
            f"{feed.title.en}: data are late, live score {number(round(live, 1), vi=False)}; "
            + (f"last received {last}" if last else "nothing received yet"),
            simulated=figure.provenance == "simulated",
        ),
        feed=feed.id,
        detail={"live": live, "last_received": _iso(came)},
    )


def _iso(at: datetime | None) -> str | None:
    return at.astimezone(timezone.utc).isoformat() if at else None
