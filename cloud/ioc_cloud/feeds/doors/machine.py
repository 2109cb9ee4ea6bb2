"""What machines say: the same word again is no delivery, an earlier word again is a correction."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from ioc_cloud.db import feeds_door_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds.batch import Batch, Receipt
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.deliver import deliver

# Behind it the same word again is delivered again, and changes nothing.
REMEMBERED: Final = timedelta(days=45)


def deliver_once(
    connection: Connection, catalogue: Catalogue, batch: Batch, begins: str, *, now: datetime
) -> Receipt:
    """Deliver what a source says, unless it is just what it said of the same last.

    Call it in the transaction that the delivery belongs to.

    Args:
        connection: In that transaction.
        catalogue: The contracts in force; under another wording the same word is judged anew.
        batch: What is said, without an idempotency key.
        begins: What it is about: the beginning of its key.
        now: The moment of it.
    """
    content = batch.content_sha256()
    row = connection.execute(
        sql.SAID_LAST,
        {"feed": batch.feed, "door": batch.door, "begins": begins, "since": now - REMEMBERED},
    ).fetchone()
    last = 0
    if row is not None:
        last, said, contract = row
        if bytes(said) == content and contract == catalogue.feed(batch.feed).sha256:
            return Receipt(last, batch.feed, "repeated", rows_in=batch.size, received_at=now)
    key = f"{begins}{last}:{content.hex()[:16]}"
    return deliver(connection, catalogue, replace(batch, idempotency_key=key), now=now)
