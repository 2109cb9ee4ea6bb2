"""SQL of scores, of settling what was delivered, of reminders."""

from typing import Final

# One score of a feed at a time: versions are counted up.
LOCK: Final = "select pg_advisory_xact_lock(hashtext('ioc-feed-score'), hashtext(%s))"

WINDOWS: Final = """
select starts_at, ends_at, reason from feed_maintenance
where (feed is null or feed = %(feed)s) and cancelled_at is null
    and ends_at > %(since)s and starts_at < %(until)s
order by starts_at, id
"""

# When each row came first, and when its source said that it had changed.
RECEIPTS: Final = """
select distinct on (r.period_start, r.area, r.key)
    r.period_start, r.area, r.key, r.received_at, b.changed_at
from feed_row as r
join feed_batch as b on b.id = r.batch_id and b.undone_at is null
where r.feed = %(feed)s and r.tbl = %(tbl)s and r.period_start = any(%(starts)s)
order by r.period_start, r.area, r.key, r.version
"""
# What a stream said of periods that end after a moment, whenever it came.
ARRIVALS: Final = """
select r.area, r.key, r.period_start, min(r.received_at)
from feed_row as r
join feed_batch as b on b.id = r.batch_id and b.undone_at is null
where r.feed = %(feed)s and r.tbl = %(tbl)s
    and r.period_start >= %(since)s and r.period_start < %(until)s
group by r.area, r.key, r.period_start
"""
HEARD: Final = """
select distinct area, key from feed_row_now
where feed = %(feed)s and tbl = %(tbl)s
    and period_start >= %(since)s and period_start < %(until)s
"""
# Rows that were kept out: those of the periods, and those whose place could not be read that
# came since the periods began.
PARKED: Final = """
select p.batch_id, p.row_no, p.place, p.period_start, p.area, p.key, p.raw, p.received_at
from feed_parked_row as p
join feed_batch as b on b.id = p.batch_id and b.undone_at is null
where p.feed = %(feed)s and p.tbl = %(tbl)s and (
    p.period_start = any(%(starts)s)
    or (p.period_start is null and p.received_at >= %(since)s and p.received_at < %(until)s)
)
order by p.batch_id, p.id
"""
DIRTY: Final = """
select batch_id, row_no, place, field, rule, severity, value, vi, en
from feed_problem
where batch_id = any(%(batches)s) and tbl = %(tbl)s and dimension = 'clean'
order by batch_id, n
"""
CONTROLS: Final = """
select controls -> %(tbl)s::text, taken -> %(tbl)s::text from feed_batch
where id = any(%(batches)s) and controls ? %(tbl)s and taken ? %(tbl)s
order by id
"""

LAST_SCORE: Final = """
select version, detail ->> 'sha256' from feed_quality
where feed = %s and day = %s order by version desc limit 1
"""
ADD_SCORE: Final = """
insert into feed_quality (
    feed, day, version, correct, complete, clean, live, grade, n_rows, n_expected, owner,
    rules_sha256, cause, detail, computed_at
) values (
    %(feed)s, %(day)s, %(version)s, %(correct)s, %(complete)s, %(clean)s, %(live)s, %(grade)s,
    %(n_rows)s, %(n_expected)s, %(owner)s, %(rules_sha256)s, %(cause)s, %(detail)s,
    %(computed_at)s
)
"""
ADD_CELLS: Final = """
copy feed_quality_cell (
    feed, day, version, n, dimension, tbl, area, period, key, field, rule, value, batch_id,
    place, vi, en
) from stdin
"""
SCORED_DAYS: Final = """
select distinct day from feed_quality where feed = %(feed)s and day between %(first)s and %(last)s
order by day
"""
# Up to which day the nights have done their work; repeating one changes nothing.
LAST_NIGHT: Final = "select max(day) from feed_quality where cause = 'nightly'"
SCORED_SINCE: Final = """
select exists (
    select from feed_quality where feed = %(feed)s and day = %(day)s and computed_at > %(since)s
)
"""
EXPLAIN: Final = """
insert into feed_explanation (feed, day, said_by, said_at, text) values (%s, %s, %s, %s, %s)
"""

UNSETTLED: Final = """
select id, feed, undone_at is not null from feed_batch where settled_at is null
order by id limit %s
"""
# Rows that a batch brought, changed or had kept out.
SPOKEN_OF: Final = """
select tbl, period_start from feed_row where batch_id = any(%(batches)s)
union
select tbl, period_start from feed_parked_row
where batch_id = any(%(batches)s) and period_start is not null
"""
# A batch that was undone meanwhile is to be settled once more.
SETTLED: Final = """
update feed_batch set settled_at = %(now)s
where id = any(%(batches)s) and (undone_at is not null) = %(undone)s and settled_at is null
"""

# The stage that each period's people were told of last.
TOLD: Final = """
select period, array_agg(distinct stage) from feed_notice
where feed = %(feed)s and tbl = %(tbl)s and period = any(%(periods)s)
group by period
"""
# The newest period that a stream spoke of.
NEWEST: Final = """
select max(period_start) from feed_row_now
where feed = %(feed)s and tbl = %(tbl)s and period_start >= %(since)s
"""
ADD_NOTICE: Final = """
insert into feed_notice (
    feed, tbl, period, stage, addressee, account, name, due_at, at, vi, en
) values (
    %(feed)s, %(table)s, %(period)s, %(stage)s, %(addressee)s, %(account)s, %(name)s, %(due_at)s,
    %(at)s, %(vi)s, %(en)s
)
on conflict (feed, tbl, period, stage, addressee) do nothing returning id
"""
# One sender at a time takes a notice; what it could not send waits longer each time.
UNSENT: Final = """
select id, feed, addressee, vi, en from feed_notice
where sent_at is null and failures < %(most)s
    and (tried_at is null or tried_at <= %(now)s - failures * failures * interval '1 minute')
order by id limit 1 for update skip locked
"""
SENT: Final = """
update feed_notice set sent_at = %(now)s, tried_at = %(now)s, failure = null where id = %(id)s
"""
NOT_SENT: Final = """
update feed_notice set tried_at = %(now)s, failures = failures + %(by)s, failure = %(failure)s
where id = %(id)s
"""

# The newest delivery of some feeds that was taken, and when its figures were true.
NEWEST_BATCH: Final = """
select b.received_at, coalesce(
    b.changed_at, (select max(r.as_of) from feed_row as r where r.batch_id = b.id), b.received_at
)
from feed_batch as b
where b.feed = any(%s) and b.status in ('accepted', 'partial')
order by b.id desc limit 1
"""
THINGS: Final = "select id from thing where id = any(%s)"
