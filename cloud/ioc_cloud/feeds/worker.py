"""What feeds do by the clock: ask, take, settle, remind, judge, score and forecast at night.

Every job opens its own connection, does one thing, and may be cut off anywhere: what it had not
committed it does again. A job that fails says so and is tried at its next turn.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from typing import Final

import psycopg
import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from ioc_cloud.db import feeds_score_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds import keeping, publish, scores
from ioc_cloud.feeds.alerts import detect, tasks
from ioc_cloud.feeds.alerts.sop import Sops
from ioc_cloud.feeds.calendar import Calendar, local_day
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.doors.events import EventsDoor
from ioc_cloud.feeds.doors.folder import WatchedFolders
from ioc_cloud.feeds.doors.pull import Puller
from ioc_cloud.feeds.doors.sftp import SftpDoor
from ioc_cloud.feeds.nightly import nightly
from ioc_cloud.feeds.post import Post, send_waiting
from ioc_cloud.feeds.reminders import remind
from ioc_cloud.feeds.settle import Waiting, settle_feed, waiting
from ioc_models.feeds import LOCAL

log = structlog.get_logger()

# Sources are asked side by side: a slow one holds up no other.
ASKED_AT_ONCE: Final = 4
# Yesterday is scored when its last deadlines of the night have passed and people are asleep.
NIGHT: Final = CronTrigger(hour=0, minute=40, timezone=LOCAL)
# Days that a machine which was off makes good.
MOST_NIGHTS: Final = 31


@dataclass
class Worker:
    """The jobs of one process.

    Attributes:
        connect: Opens a connection of the role `ioc_feeds`, in autocommit mode.
        puller: Asks sources.
        folders: Takes files.
        sftp: Fetches files.
        events: Counts our own events.
        twin: Writes figures into things.
        post: Sends mail; None shows notices on the pages alone.
        clock: What time it is.
    """

    connect: Callable[[], Connection]
    catalogue: Catalogue
    calendar: Calendar
    puller: Puller
    folders: WatchedFolders
    sftp: SftpDoor
    events: EventsDoor
    twin: publish.Twin
    originals: keeping.Removable
    sops: Sops
    clock: Callable[[], datetime]
    post: Post | None = None
    _asking: dict[str, "Future[None]"] = field(default_factory=dict)
    _pool: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(ASKED_AT_ONCE, "ask")
    )

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set."""
        self.folders.open()
        # A turn that falls into the one before is left out: no news.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        scheduler = BackgroundScheduler(timezone=LOCAL)
        for name, job, seconds in self.jobs():
            scheduler.add_job(
                partial(self._guarded, name, job),
                IntervalTrigger(seconds=seconds),
                id=name,
                coalesce=True,
                max_instances=1,
                misfire_grace_time=None,
                next_run_time=datetime.now(LOCAL),
            )
        scheduler.add_job(
            partial(self._guarded, "night", self.night), NIGHT, id="night", coalesce=True,
            misfire_grace_time=None, next_run_time=datetime.now(LOCAL),
        )  # fmt: skip
        scheduler.start()
        stop.wait()
        scheduler.shutdown(wait=False)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def jobs(self) -> Sequence[tuple[str, Callable[[], object], float]]:
        """Name, job and seconds between its turns."""
        return (
            ("ask", self.ask, 5),
            ("fetch", self.fetch, 10),
            ("folders", lambda: self.folders.look(self.clock()), 5),
            ("count", self.count, 10),
            ("settle", self.settle, 2),
            ("judge", self.judge, 30),
            ("remind", self.remind, 60),
            ("keep", self.keep, 3600),
        )

    def _guarded(self, name: str, job: Callable[[], object]) -> None:
        try:
            job()
        except Exception:  # the loop outlives the database, a source, a fault of ours
            log.exception("feeds_job_failed", job=name)

    def ask(self) -> None:
        """Ask every source whose turn it is and that is not being asked."""
        now = self.clock()
        for feed in self.puller.due(now):
            self._aside(feed, partial(self.puller.pull, feed, now))

    def fetch(self) -> None:
        """Fetch from every server whose turn it is."""
        now = self.clock()
        for server in self.sftp.due(now):
            self._aside(server.name, partial(self.sftp.fetch, server, now))

    def count(self) -> None:
        """Count our own events for the feeds that want them."""
        now = self.clock()
        for feed in self.events.due(now):
            self.events.count(feed, now)

    def _aside(self, name: str, job: Callable[[], object]) -> None:
        asking = self._asking.get(name)
        if asking is None or asking.done():
            self._asking[name] = self._pool.submit(self._guarded, name, job)

    def settle(self) -> None:
        """Score anew and bring things up to date after deliveries."""
        with self.connect() as connection:
            while own := waiting(connection):
                if not any(self._settled(connection, one) for one in own):
                    return

    def _settled(self, connection: Connection, own: Waiting) -> bool:
        """Settle one feed; a fault of one stops no other."""
        try:
            settle_feed(connection, self.catalogue, self.calendar, self.twin, own, self.clock())
        except psycopg.OperationalError:
            raise
        except Exception:
            log.exception("feed_not_settled", feed=own.feed)
            return False
        return True

    def judge(self) -> None:
        """Raise, clear and escalate alerts; deadlines that pass change things too."""
        now = self.clock()
        with self.connect() as connection:
            detect.detect(connection, self.catalogue, self.calendar, now, self.sops)
            tasks.escalate(connection, self.catalogue, now=now)
            publish.publish_domains(
                connection,
                self.catalogue,
                self.calendar,
                self.twin,
                list(self.catalogue.feeds),
                now,
            )

    def remind(self) -> None:
        """Tell whoever is to be told, and send what waits to be sent."""
        now = self.clock()
        with self.connect() as connection:
            remind(connection, self.catalogue, self.calendar, now)
            if self.post is not None:
                send_waiting(connection, self.catalogue, self.post, now)

    def night(self) -> None:
        """Score the days that have ended and were not scored, then look ahead."""
        now = self.clock()
        with self.connect() as connection:
            for day in self._unscored(connection, local_day(now)):
                scores.score_nightly(connection, self.catalogue, self.calendar, day, now=now)
                log.info("feeds_scored", day=str(day))
            made = nightly(connection, self.catalogue, self.calendar, now)
        log.info("forecasts_made", made=made.made, too_short=made.too_short, stale=made.stale)

    def _unscored(self, connection: Connection, today: date) -> list[date]:
        row = connection.execute(sql.LAST_NIGHT).fetchone()
        yesterday = today - timedelta(days=1)
        last = row[0] if row and row[0] else yesterday - timedelta(days=1)
        first = max(last + timedelta(days=1), today - timedelta(days=MOST_NIGHTS))
        return [first + timedelta(days=n) for n in range((yesterday - first).days + 1)]

    def keep(self) -> None:
        """Let go of what is older than its contract keeps it."""
        with self.connect() as connection:
            gone = keeping.keep(connection, self.catalogue, self.originals, self.clock())
        if gone:
            log.info("feeds_kept", rows=gone)
