"""Reminders by mail: what could not be sent is tried again, later each time."""

import smtplib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from typing import Any, Final, Protocol, Self

import structlog

from ioc_cloud.db import feeds_score_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.errors import CloudError
from ioc_cloud.feeds.calendar import local_day
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.scores import in_charge
from ioc_cloud.settings import Settings

log = structlog.get_logger()

# With pauses of 1, 4, 9 ... minutes that is six and a half hours.
MOST_FAILURES: Final = 10
TIMEOUT_S: Final = 10.0
NO_ADDRESS: Final = "the contract names no address"
SUBJECT: Final = "IOC Cà Mau: nhắc số liệu / data reminder"


class NotSent(CloudError):
    """A mail that did not go out."""

    slug = "not-sent"
    title = "Không gửi được thư / Mail not sent"


class Post(Protocol):
    """Takes messages to people."""

    def send(self, address: str, subject: str, text: str) -> None:
        """Hand a message over.

        Raises:
            NotSent: It was not taken.
        """
        ...


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail server; the connection is encrypted where the server can."""

    host: str
    port: int
    sender: str
    user: str | None = None
    password: str | None = None

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """As an installation has it; None where it has none."""
        if settings.smtp_host is None:
            return None
        return cls(
            settings.smtp_host,
            settings.smtp_port,
            settings.smtp_from,
            settings.smtp_user,
            settings.smtp_password,
        )

    def send(self, address: str, subject: str, text: str) -> None:
        """Hand a message over.

        Raises:
            NotSent: The server is away, or does not take it.
        """
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self.sender, address, subject
        message.set_content(text)
        try:
            with smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_S) as server:
                server.ehlo()
                if server.has_extn("starttls"):
                    server.starttls()
                    server.ehlo()
                if self.user and self.password:
                    server.login(self.user, self.password)
                server.send_message(message)
        except (OSError, smtplib.SMTPException) as error:
            raise NotSent(f"{self.host}:{self.port}: {error}") from error


def send_waiting(
    connection: Connection,
    catalogue: Catalogue,
    post: Post,
    now: datetime,
    *,
    go_on: Callable[[], bool] = lambda: True,
) -> int:
    """Send what waits, one by one; says how many went out. The pages show all of it anyway."""
    sent = 0
    while go_on():
        with connection.transaction():
            row = connection.execute(sql.UNSENT, {"now": now, "most": MOST_FAILURES}).fetchone()
            if row is None:
                return sent
            sent += _sent(connection, catalogue, post, row, now)
    return sent


def _sent(
    connection: Connection,
    catalogue: Catalogue,
    post: Post,
    row: tuple[Any, ...],
    now: datetime,
) -> bool:
    number, feed, addressee, vi, en = row
    address = _address(catalogue, feed, addressee, now)
    if not address:
        # Nothing to try again: it stays on the pages.
        asked = {"id": number, "now": now, "by": MOST_FAILURES, "failure": NO_ADDRESS}
        connection.execute(sql.NOT_SENT, asked)
        return False
    try:
        post.send(address, SUBJECT, f"{vi}\n\n{en}\n")
    except NotSent as error:
        asked = {"id": number, "now": now, "by": 1, "failure": str(error)[:500]}
        connection.execute(sql.NOT_SENT, asked)
        log.warning("notice_not_sent", notice=number, error=str(error))
        return False
    connection.execute(sql.SENT, {"id": number, "now": now})
    return True


def _address(catalogue: Catalogue, feed_id: str, role: str, now: datetime) -> str:
    feed = catalogue.feeds.get(feed_id)
    if feed is None:
        return ""
    if role == "owner":
        return in_charge(feed, local_day(now))[1].email
    return feed.head.email if role == "head" else feed.deputy.email
