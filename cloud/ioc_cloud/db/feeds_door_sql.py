"""SQL of the doors: how each source stands, what it said last, what our own events say."""

from typing import Final

# Held by a connection: two processes never ask one source at once.
TRY_LOCK: Final = "select pg_try_advisory_lock(hashtext('ioc-source'), hashtext(%s))"
UNLOCK: Final = "select pg_advisory_unlock(hashtext('ioc-source'), hashtext(%s))"

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
BATCH_STATUS: Final = "select status from feed_batch where id = %s"

LAST_CHANGE: Final = "select coalesce(max(seq), 0) from change_log"
# Moments of events that came since we last counted: late ones reopen their periods.
CAME_SINCE: Final = """
select distinct date_trunc('minute', event_time) from change_log
where seq > %(after)s and seq <= %(up_to)s and kind = 'event' and event_time >= %(oldest)s
"""
# Cameras that are in use, with what they saw in each period. One whose box keeps silent has a
# row too: that it was dark is what the row says.
TRAFFIC: Final = """
with asked as (
    select * from unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[]) as p (low, high)
), placed as (
    select c.box, c.id, c.simulated, (
        select m.code from commune as m
        where st_covers(m.geom, st_setsrid(st_makepoint(c.lon, c.lat), 4326))
        order by m.code limit 1
    ) as area
    from camera as c where not c.retired
), seen as (
    select
        p.low, e.box, e.camera,
        count(*) as events,
        count(*) filter (where e.kind = 'plate') as plates,
        count(*) filter (where e.kind = 'violation') as suspected,
        coalesce(sum((
            select sum(n::int8) from jsonb_each_text(e.body -> 'data' -> 'counts') as c (label, n)
        )) filter (where e.kind = 'traffic'), 0) as vehicles,
        percentile_cont(0.5) within group (order by extract(epoch from e.received_at - e.time))
            filter (where not e.replayed) as latency_s,
        bool_or(e.simulated) as simulated,
        array_agg(distinct date_trunc('minute', e.time)) as minutes
    from asked as p join event as e on e.time >= p.low and e.time < p.high
    where e.camera is not null
    group by p.low, e.box, e.camera
), told as (
    select p.low, t.box, t.camera, array_agg(distinct date_trunc('minute', t.time)) as minutes
    from asked as p join camera_telemetry as t on t.time >= p.low and t.time < p.high
    where t.state = 'ok'
    group by p.low, t.box, t.camera
)
select
    p.low, c.area, c.box || '.' || c.id, extract(epoch from p.high - p.low) / 60,
    (
        select count(distinct m) from unnest(
            coalesce(t.minutes, '{}') || coalesce(s.minutes, '{}')
        ) as m
    ),
    coalesce(s.vehicles, 0), coalesce(s.plates, 0), coalesce(s.suspected, 0),
    coalesce(s.events, 0), s.latency_s, c.simulated or coalesce(s.simulated, false)
from asked as p
cross join placed as c
left join seen as s on s.low = p.low and s.box = c.box and s.camera = c.id
left join told as t on t.low = p.low and t.box = c.box and t.camera = c.id
order by p.low, c.box, c.id
"""
# What stations measured: every number of an observation, whatever its kind is called.
STATIONS: Final = """
select
    p.low, e.commune, coalesce(e.camera, e.box), v.name,
    avg(v.value::float8), sum(v.value::float8), min(v.value::float8), max(v.value::float8),
    (array_agg(v.value::float8 order by e.time desc, e.seq desc))[1],
    bool_or(e.simulated)
from unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[]) as p (low, high)
join event as e on e.time >= p.low and e.time < p.high
cross join lateral (
    select o.key as name, o.value::text as value
    from jsonb_each(
        case when jsonb_typeof(e.body -> 'data' -> 'values') = 'object'
        then e.body -> 'data' -> 'values' else '{}' end
    ) as o
    where jsonb_typeof(o.value) = 'number'
) as v
where e.kind not in ('plate', 'traffic', 'health', 'violation') and v.name = any(%(names)s)
group by p.low, e.commune, coalesce(e.camera, e.box), v.name
order by p.low, 2, 3
"""
