"""Alerts of a simulated month: judged at every hook, every step noted as it was then."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from ioc_cloud.db import feeds_alert_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds.alerts import book, tasks
from ioc_cloud.feeds.alerts.detect import detect
from ioc_cloud.feeds.alerts.tasks import Act
from ioc_cloud.feeds.calendar import Calendar
from ioc_cloud.feeds.catalogue import Catalogue

_NEW: Final = f"""
select s.at, s.action, coalesce(s.detail ->> 'to', ''), {sql.ALERT_COLUMNS}
from alert_step as s join alert as a on a.id = s.alert
where (s.alert, s.n) not in (select * from unnest(%(alerts)s::bigint[], %(numbers)s::int[]))
    and s.n = a.version
"""  # noqa: S608 columns of ours
_OPEN: Final = """
select id, version from alert
where indicator = %s and area = %s and state not in ('closed', 'false_alarm')
"""


@dataclass
class Judge:
    """Who looks for alerts, escalates them, and does what people do.

    Attributes:
        steps: Each step with its alert as it stood right after it.
    """

    catalogue: Catalogue
    calendar: Calendar
    steps: list[tuple[datetime, str, str, book.Alert]] = field(default_factory=list)

    def look(self, connection: Connection, now: datetime) -> None:
        """One turn of the worker."""
        detect(connection, self.catalogue, self.calendar, now)
        self._note(connection)
        tasks.escalate(connection, self.catalogue, now=now)
        self._note(connection)

    def act(self, connection: Connection, one: Mapping[str, Any], now: datetime) -> None:
        """Somebody takes an alert, or closes it."""
        asked = (one["indicator"], str(one["area"]))
        ((number, version),) = connection.execute(_OPEN, asked).fetchall()
        act = Act(one["by"], version, now, "đã xử lý xong")
        if one["kind"] == "taken":
            tasks.acknowledge(connection, number, act)
        else:
            tasks.close(connection, number, act)
        self._note(connection)

    def _note(self, connection: Connection) -> None:
        known = [(one.id, one.version) for *_, one in self.steps]
        asked = {
            "alerts": [number for number, _ in known],
            "numbers": [version for _, version in known],
        }
        for at, action, to, *row in connection.execute(_NEW, asked).fetchall():
            self.steps.append((at, action, to, book.alert(tuple(row))))
