"""Cameras without a picture, each with its place on the map."""

from datetime import datetime, timedelta
from typing import Final

from ioc_cloud.db import feeds_alert_sql as sql
from ioc_cloud.feeds.alerts.book import Figure, Trouble
from ioc_cloud.feeds.alerts.ledger import Ledger, words
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_models.things.ids import PROVINCE_CODE

# A camera that restarts is back within minutes.
PATIENCE: Final = timedelta(minutes=10)
LONG: Final = timedelta(days=1)
_DOWN: Final = {
    "no_signal": ("không có tín hiệu", "no signal"),
    "broken": ("hỏng", "broken"),
    "ended": ("đã dừng", "ended"),
}
_BOX: Final = ("mất kết nối với hộp thiết bị", "its box is out of contact")


def judge_cameras(ledger: Ledger) -> None:
    """Raise an alert for each camera that is down for a while; clear those that are back."""
    feed = _feed(ledger.catalogue)
    known = {one.key for one in ledger.know("camera_offline")}
    standing = set()
    for row in ledger.connection.execute(sql.CAMERAS).fetchall():
        box, name, vi, en, lon, lat, simulated, state, state_at, seen_at, area, online, at = row
        subject = f"{box}.{name}"
        why = _DOWN.get(state)
        since = state_at
        if why is None and online is False:
            why, since = _BOX, at
        since = since or seen_at
        if why is None or since is None or ledger.now - since < PATIENCE:
            # A camera that is down again since a minute is not back.
            if why is not None:
                standing.add(subject)
            continue
        standing.add(subject)
        figure = _figure(since, seen_at or since, simulated=simulated)
        ledger.present(
            Trouble(
                kind="camera_offline",
                severity="danger" if ledger.now - since >= LONG else "warn",
                subject=subject,
                area=area or PROVINCE_CODE,
                figure=figure,
                reason=words(f"{vi}: {why[0]}", f"{en or vi}: {why[1]}", simulated=simulated),
                feed=feed,
                at=(lon, lat) if lon is not None else None,
                detail={"state": state, "box_online": online},
            )
        )
    for key in known:
        if key[1] not in standing:
            ledger.absent(key, words("Camera đã có hình lại", "The camera is back"))


def _figure(since: datetime, seen_at: datetime, *, simulated: bool) -> Figure:
    # One outage is one alert: its beginning tells it from the next.
    return Figure(None, since, seen_at, "simulated" if simulated else "api", "", since, 1)


def _feed(catalogue: Catalogue) -> str | None:
    """The feed that our own cameras' events make."""
    for feed in catalogue.feeds.values():
        if feed.events is not None and feed.events.query == "traffic":
            return feed.id
    return None
