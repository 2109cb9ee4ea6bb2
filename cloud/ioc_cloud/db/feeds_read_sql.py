"""SQL of what screens and programs ask of feeds."""

from typing import Final

# The newest figure that stands, by indicator and area. The primary key, read backwards, gives
# each pair's newest period first; a withdrawn one is stepped over.
_COLUMNS: Final = """
    f.indicator, f.area, f.feed, f.period, f.period_start, f.period_end, f.version, f.value,
    f.numerator, f.denominator, f.covered, f.expected, f.as_of, f.received_at, f.provenance,
    f.batch_id
"""
LATEST: Final = f"""
select {_COLUMNS}
from unnest(%(indicators)s::text[]) as i (indicator)
cross join unnest(%(areas)s::text[]) as a (area)
cross join lateral (
    select * from (
        select distinct on (period_start) * from figure
        where indicator = i.indicator and area = a.area
        order by period_start desc, version desc
        limit 8
    ) as newest
    where value is not null
    order by period_start desc
    limit 1
) as f
"""  # noqa: S608 columns of ours
SERIES: Final = f"""
select {_COLUMNS} from figure_now as f
where f.indicator = any(%(indicators)s) and f.area = any(%(areas)s)
    and f.period_start >= %(since)s and f.period_start < %(until)s and f.value is not null
order by f.indicator, f.area, f.period_start
limit %(most)s
"""  # noqa: S608 columns of ours
VERSIONS: Final = f"""
select {_COLUMNS} from figure as f
where f.indicator = %(indicator)s and f.area = %(area)s and f.period_start = %(start)s
order by f.version desc
"""  # noqa: S608 columns of ours

QUALITY_LATEST: Final = """
select distinct on (feed)
    feed, day, version, correct, complete, clean, live, grade, n_rows, n_expected, owner,
    rules_sha256, cause, computed_at, detail
from feed_quality order by feed, day desc, version desc
"""
QUALITY_DAYS: Final = """
select
    feed, day, version, correct, complete, clean, live, grade, n_rows, n_expected, owner,
    rules_sha256, cause, computed_at, detail
from feed_quality_now
where (%(feed)s::text is null or feed = %(feed)s) and day between %(since)s and %(until)s
order by feed, day
"""
QUALITY_VERSIONS: Final = """
select
    feed, day, version, correct, complete, clean, live, grade, n_rows, n_expected, owner,
    rules_sha256, cause, computed_at, detail
from feed_quality where feed = %s and day = %s order by version desc
"""
QUALITY_CELLS: Final = """
select dimension, tbl, area, period, key, field, rule, value, batch_id, place, vi, en
from feed_quality_cell
where feed = %(feed)s and day = %(day)s and version = %(version)s
    and (%(dimension)s::text is null or dimension = %(dimension)s)
order by n limit %(most)s
"""
EXPLANATIONS: Final = """
select said_by, said_at, text from feed_explanation where feed = %s and day = %s order by id
"""

_BATCH: Final = """
    id, feed, door, provenance, sent_by, signed_by, original_name, original_bytes,
    encode(original_sha256, 'hex'), status, rows_in, rows_new, rows_changed, rows_same,
    rows_parked, problems, changed_at, received_at, note, undone_at, undone_by, undo_reason
"""
BATCHES: Final = f"""
select {_BATCH} from feed_batch
where feed = any(%(feeds)s) and (%(before)s::bigint is null or id < %(before)s)
order by id desc limit %(most)s
"""  # noqa: S608 columns of ours
BATCH: Final = f"select {_BATCH} from feed_batch where id = %s"  # noqa: S608 columns of ours
BATCH_PROBLEMS: Final = """
select tbl, row_no, place, field, rule, dimension, severity, value, vi, en
from feed_problem where batch_id = %s order by severity, n limit %s
"""
BATCH_PARKED: Final = """
select tbl, row_no, place, area, period, key, raw from feed_parked_row
where batch_id = %s order by id limit %s
"""

LAST_DELIVERY: Final = """
select distinct on (feed) feed, id, received_at, status, door, provenance
from feed_batch where status in ('accepted', 'partial') order by feed, id desc
"""
TODAY: Final = """
select feed, count(*), coalesce(sum(rows_new + rows_changed), 0), coalesce(sum(rows_parked), 0)
from feed_batch where received_at >= %s group by feed
"""
SOURCES: Final = """
select feed, tried_at, answered_at, failures, failure, next_at from feed_source
"""

ADD_MAINTENANCE: Final = """
insert into feed_maintenance (feed, starts_at, ends_at, reason, entered_by, entered_at)
values (%s, %s, %s, %s, %s, %s) returning id
"""
CANCEL_MAINTENANCE: Final = """
update feed_maintenance set cancelled_at = %s where id = %s and cancelled_at is null
returning feed
"""
MAINTENANCE: Final = """
select id, feed, starts_at, ends_at, reason, entered_by, entered_at, cancelled_at
from feed_maintenance
where ends_at >= %s order by starts_at desc limit 200
"""
NOTICES: Final = """
select id, feed, tbl, period, stage, addressee, account, name, due_at, at, vi, en, sent_at, read_at
from feed_notice
where feed = any(%(feeds)s) and (%(account)s::text is null or account = %(account)s)
order by id desc limit %(most)s
"""
READ_NOTICE: Final = """
update feed_notice set read_at = %s where id = %s and read_at is null and feed = any(%s)
returning id
"""

CONTRACT_AREAS: Final = "select code, name_vi from commune order by code"

# How many rows of each table's newest periods count.
RECEIVED: Final = """
select r.feed, r.tbl, r.period_start, count(*), max(r.received_at)
from unnest(%(feeds)s::text[], %(tables)s::text[], %(starts)s::timestamptz[])
    as w (feed, tbl, period_start)
join feed_row_now as r using (feed, tbl, period_start)
group by r.feed, r.tbl, r.period_start
"""
WINDOWS_NOW: Final = """
select feed from feed_maintenance
where cancelled_at is null and starts_at <= %(now)s and ends_at > %(now)s
"""

STATUS_DELIVERIES: Final = """
select count(*), count(*) filter (where status = 'refused'),
    coalesce(sum(rows_new + rows_changed), 0)::bigint, coalesce(sum(rows_parked), 0)::bigint,
    count(*) filter (where settled_at is null and status <> 'refused'), max(received_at)
from feed_batch
"""
STATUS_ALERTS: Final = "select count(*) from alert where state not in ('closed', 'false_alarm')"
STATUS_SOURCES: Final = """
select feed, failures, failure from feed_source where failures > 0 order by feed
"""
