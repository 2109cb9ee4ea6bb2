"""SQL of deliveries and figures."""

from typing import Final

# One delivery of a feed at a time: versions are counted up.
LOCK: Final = "select pg_advisory_xact_lock(hashtext('ioc-feed'), hashtext(%s))"

KNOW_CONTRACT: Final = """
insert into feed_contract (feed, sha256, rules_sha256, version, body, first_seen_at)
values (%s, %s, %s, %s, %s, %s) on conflict do nothing
"""

BY_IDEMPOTENCY_KEY: Final = """
select id, content_sha256 from feed_batch where feed = %s and idempotency_key = %s
"""
BY_ORIGINAL: Final = """
select id from feed_batch
where feed = %s and original_sha256 = %s and status in ('accepted', 'partial')
order by id desc limit 1
"""
ADD_BATCH: Final = """
insert into feed_batch (
    feed, door, provenance, sent_by, idempotency_key, content_sha256, original_sha256,
    original_name, original_bytes, media_type, contract_sha256, status, rows_in, rows_new,
    rows_changed, rows_same, rows_parked, controls, taken, problems, changed_at, received_at,
    signed_by, note
) values (
    %(feed)s, %(door)s, %(provenance)s, %(sent_by)s, %(idempotency_key)s, %(content)s,
    %(original_sha256)s, %(original_name)s, %(original_bytes)s, %(media_type)s, %(contract)s,
    %(status)s, %(rows_in)s, %(rows_new)s, %(rows_changed)s, %(rows_same)s, %(rows_parked)s,
    %(controls)s, %(taken)s, %(problems)s, %(changed_at)s, %(received_at)s, %(signed_by)s, %(note)s
) returning id
"""
ADD_ROWS: Final = """
copy feed_row (
    feed, tbl, period_start, area, key, version, period, batch_id, row_no, place, cells, as_of,
    received_at, provenance
) from stdin
"""
ADD_PARKED: Final = """
copy feed_parked_row (
    batch_id, feed, tbl, row_no, place, area, period, period_start, key, raw, received_at
) from stdin
"""
ADD_PROBLEMS: Final = """
copy feed_problem (
    batch_id, n, tbl, row_no, place, field, rule, dimension, severity, value, vi, en
) from stdin
"""

# Rows of a table in given periods; all versions of an undone batch stay out.
ROWS_NOW: Final = """
select period_start, area, key, cells, batch_id, row_no, place, as_of, received_at, provenance
from feed_row_now
where feed = %s and tbl = %s and period_start = any(%s)
"""
# The highest number that was ever given, undone ones included: a number is given once.
LAST_VERSIONS: Final = """
select period_start, area, key, max(version) from feed_row
where feed = %s and tbl = %s and period_start = any(%s)
group by period_start, area, key
"""
BATCH: Final = "select * from feed_batch where id = %s"
UNDO: Final = """
update feed_batch set status = 'undone', undone_at = %s, undone_by = %s, undo_reason = %s,
settled_at = null
where id = %s and undone_at is null and status in ('accepted', 'partial')
returning feed
"""
TOUCHED: Final = """
select distinct tbl, period_start, period from feed_row where batch_id = %s
"""

# The feed leads the index that finds a few periods among years of them.
FIGURES_NOW: Final = """
select distinct on (indicator, area, period_start)
    indicator, area, period_start, version, value, numerator, denominator, covered, expected,
    provenance
from figure
where feed = %s and period_start = any(%s) and indicator = any(%s)
order by indicator, area, period_start, version desc
"""
ADD_FIGURES: Final = """
copy figure (
    indicator, area, period_start, version, feed, period, period_end, value, numerator,
    denominator, covered, expected, as_of, received_at, provenance, batch_id
) from stdin
"""

FORGET_ROWS: Final = """
delete from feed_row where ctid = any(array(
    select ctid from feed_row where feed = %s and period_start < %s limit %s
))
"""
FORGET_PARKED: Final = """
delete from feed_parked_row where ctid = any(array(
    select ctid from feed_parked_row where feed = %s and received_at < %s limit %s
))
"""
FORGET_PROBLEMS: Final = """
delete from feed_problem where ctid = any(array(
    select p.ctid from feed_problem as p join feed_batch as b on b.id = p.batch_id
    where b.feed = %s and b.received_at < %s limit %s
))
"""
# Bytes that only old deliveries came as.
OLD_ORIGINALS: Final = """
select original_sha256 from feed_batch
where feed = %s and original_sha256 is not null
group by original_sha256
having max(received_at) < %s
    and not exists (
        select from feed_batch as other
        where other.original_sha256 = feed_batch.original_sha256
            and other.feed <> min(feed_batch.feed)
    )
"""
FORGET_ORIGINAL: Final = """
update feed_batch set original_sha256 = null
where feed = %s and original_sha256 = %s and received_at < %s
"""
