"""SQL of the doors: how each source stands, what it said last, what our own events say."""

from typing import Final

# Held by a connection: two processes never ask one source at once.
TRY_LOCK: Final = "select pg_try_advisory_lock(hashtext('ioc-source'), hashtext(%s))"

KNOW_SOURCE: Final = "insert into feed_source (feed) values (%s) on conflict do nothing"
SOURCE: Final = """
select cursor, tried_at, answered_at, failures, failure, next_at from feed_source where feed = %s
"""
NEXT_AT: Final = "select feed, next_at from feed_source where feed = any(%s)"
ANSWERED: Final = """
update feed_source set cursor = %(cursor)s, tried_at = %(now)s, answered_at = %(now)s,
    failures = 0, failure = %(remark)s, next_at = %(next_at)s
where feed = %(feed)s
"""
FAILED: Final = """
update feed_source set tried_at = %(now)s, failures = failures + 1, failure = %(failure)s,
    next_at = %(next_at)s
where feed = %(feed)s
"""
# What a machine said last of the same: refused or undone, it said it all the same.
SAID_LAST: Final = """
select id, content_sha256, contract_sha256 from feed_batch
where feed = %(feed)s and door = %(door)s and received_at > %(since)s
    and starts_with(idempotency_key, %(begins)s)
order by id desc limit 1
"""
