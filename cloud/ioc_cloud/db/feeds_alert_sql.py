"""SQL of alerts: what they are judged by, how they change, what is near them."""

from typing import Final

KEEP_SOP: Final = """
insert into sop (sha256, kind, body, first_seen_at) values (%s, %s, %s, %s) on conflict do nothing
"""
KEPT_SOP: Final = "select body from sop where sha256 = %s"

# --- what is judged -----------------------------------------------------------------

# One round of judging at a time.
LOCK: Final = "select pg_advisory_xact_lock(hashtext('ioc-alerts'))"
LAST_RUN: Final = "select at from alert_run"
RAN: Final = """
insert into alert_run (at) values (%s)
on conflict (only_one) do update set at = greatest(alert_run.at, excluded.at)
"""

_FIGURE: Final = """
    f.indicator, f.area, f.period, f.period_start, f.period_end, f.version, f.value, f.numerator,
    f.covered, f.expected, f.as_of, f.received_at, f.provenance
"""
# The newest figure that stands, by indicator and area: the primary key, read backwards.
NEWEST: Final = f"""
select {_FIGURE}
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
# What came since a moment about the last days, or ended since, as it stands now; the index by
# feed and period finds it.
CAME_SINCE: Final = f"""
select {_FIGURE} from (
    select distinct indicator, area, period_start from figure
    where feed = any(%(feeds)s) and indicator = any(%(indicators)s)
        and period_start >= %(oldest)s and greatest(received_at, period_end) > %(since)s
) as k
cross join lateral (
    select * from figure
    where indicator = k.indicator and area = k.area and period_start = k.period_start
    order by version desc limit 1
) as f
where f.value is not null
order by f.indicator, f.area, f.period_start
"""  # noqa: S608 columns of ours
# Every figure of the last days, whenever it came.
LATELY: Final = f"""
select {_FIGURE} from (
    select distinct on (indicator, area, period_start) * from figure
    where feed = any(%(feeds)s) and indicator = any(%(indicators)s)
        and period_start >= %(oldest)s
    order by indicator, area, period_start, version desc
) as f
where f.value is not null
order by f.indicator, f.area, f.period_start
"""  # noqa: S608 columns of ours
# The newest score of each feed. Early in a day little of it is due, so a good score of the running
# day does not outweigh a red one of the day before of which something has still not come.
LIVE_SCORES: Final = """
select distinct on (newest.feed) newest.feed, q.day, q.live, q.computed_at
from (select feed, max(day) as day from feed_quality group by feed) as newest
cross join lateral (
    select distinct on (day) day, version, live, computed_at
    from feed_quality where feed = newest.feed and day >= newest.day - 1
    order by day desc, version desc
) as q
where q.day = newest.day or (
    newest.day = %(today)s and q.live < %(red)s and exists (
        select from feed_quality_cell as c
        where c.feed = newest.feed and c.day = q.day and c.version = q.version
            and c.dimension = 'live' and c.rule = 'not_received'
    )
)
order by newest.feed, q.live < %(red)s desc nulls last, q.day desc
"""
IN_MAINTENANCE: Final = """
select feed from feed_maintenance
where starts_at <= %(now)s and ends_at > %(now)s and cancelled_at is null
"""
LAST_DELIVERIES: Final = """
select distinct on (feed) feed, received_at, coalesce(changed_at, received_at), provenance
from feed_batch where status in ('accepted', 'partial') order by feed, id desc
"""
PLACES: Final = "select code, name_vi, label_lon, label_lat from commune"
# Rows of a table by provider over the last day, newest first.
PROVIDER_ROWS: Final = """
select distinct on (r.area, r.key, r.period_start)
    r.area, r.key, r.period, r.period_start, r.cells, r.as_of, r.received_at, r.provenance
from feed_row as r
join feed_batch as b on b.id = r.batch_id and b.undone_at is null
where r.feed = %(feed)s and r.tbl = %(table)s and r.period_start >= %(oldest)s
order by r.area, r.key, r.period_start desc, r.version desc
"""
CAMERAS: Final = """
select c.box, c.id, c.title_vi, c.title_en, c.lon, c.lat, c.simulated, c.state, c.state_at,
    c.last_seen_at, (
        select m.code from commune as m
        where st_covers(m.geom, st_setsrid(st_makepoint(c.lon, c.lat), 4326))
        order by m.code limit 1
    ), b.online, b.status_at
from camera as c left join box as b on b.id = c.box
where not c.retired
"""

# --- alerts -------------------------------------------------------------------------

ALERT_COLUMNS: Final = """
    a.id, a.kind, a.severity, a.subject, a.feed, a.indicator, a.area, a.lon, a.lat, a.period,
    a.period_start, a.figure_version, a.value, a.detail, a.reason_vi, a.reason_en, a.as_of,
    a.received_at, a.provenance, a.opened_at, a.owner_role, a.owner_account, a.owner_name,
    a.owner_post_vi, a.owner_post_en, a.due_at, a.escalated, a.state, a.cleared_at, a.closed_at,
    a.result, a.sop_kind, a.sop_sha256, a.version
"""
# The last alert of every subject and area, finished or not.
LAST_OF: Final = f"""
select distinct on (a.kind, a.subject, a.area) {ALERT_COLUMNS}
from alert as a
where a.kind = any(%(kinds)s) and (%(subjects)s::text[] is null or a.subject = any(%(subjects)s))
order by a.kind, a.subject, a.area, a.id desc
"""  # noqa: S608 columns of ours
OPEN: Final = """
insert into alert (
    kind, severity, subject, feed, indicator, area, lon, lat, period, period_start,
    figure_version, value, detail, reason_vi, reason_en, as_of, received_at, provenance,
    opened_at, owner_role, owner_account, owner_name, owner_post_vi, owner_post_en, due_at,
    sop_kind, sop_sha256
) values (
    %(kind)s, %(severity)s, %(subject)s, %(feed)s, %(indicator)s, %(area)s, %(lon)s, %(lat)s,
    %(period)s, %(period_start)s, %(figure_version)s, %(value)s, %(detail)s, %(vi)s, %(en)s,
    %(as_of)s, %(received_at)s, %(provenance)s, %(now)s, %(owner_role)s, %(owner_account)s,
    %(owner_name)s, %(owner_post_vi)s, %(owner_post_en)s, %(due_at)s, %(sop_kind)s,
    %(sop_sha256)s
)
on conflict (kind, subject, area) where state not in ('closed', 'false_alarm') do nothing
returning id
"""
# A further figure of the same trouble; people's view of the alert does not move by it.
JUDGED: Final = """
update alert set
    period = %(period)s, period_start = %(period_start)s, figure_version = %(figure_version)s,
    value = %(value)s, detail = %(detail)s, reason_vi = %(vi)s, reason_en = %(en)s,
    as_of = %(as_of)s, received_at = %(received_at)s, provenance = %(provenance)s
where id = %(id)s
"""
ADD_STEP: Final = """
insert into alert_step (alert, n, at, by, action, note, from_state, to_state, detail)
values (%(alert)s, %(n)s, %(at)s, %(by)s, %(action)s, %(note)s, %(from)s, %(to)s, %(detail)s)
"""
FOR_UPDATE: Final = f"""
select {ALERT_COLUMNS} from alert as a where a.id = %s for update
"""  # noqa: S608 columns of ours
ONE: Final = f"select {ALERT_COLUMNS} from alert as a where a.id = %s"  # noqa: S608 columns of ours
STEPS: Final = """
select n, at, by, action, note, from_state, to_state, detail
from alert_step where alert = %s order by n
"""
MOVED: Final = """
update alert set
    state = %(state)s, severity = %(severity)s, due_at = %(due_at)s, escalated = %(escalated)s,
    cleared_at = %(cleared_at)s, closed_at = %(closed_at)s, result = %(result)s,
    owner_role = %(owner_role)s, owner_account = %(owner_account)s, owner_name = %(owner_name)s,
    owner_post_vi = %(owner_post_vi)s, owner_post_en = %(owner_post_en)s, version = %(version)s
where id = %(id)s
"""
OVERDUE: Final = f"""
select {ALERT_COLUMNS} from alert as a
where a.state not in ('closed', 'false_alarm') and a.due_at <= %(now)s
    and a.escalated is distinct from 'head'
order by a.due_at, a.id limit %(most)s
for update skip locked
"""  # noqa: S608 columns of ours
NOTIFY: Final = """
insert into feed_notice (
    feed, tbl, period, stage, addressee, account, name, due_at, at, vi, en
) values (
    %(feed)s, 'alert', %(alert)s, %(stage)s, %(addressee)s, %(account)s, %(name)s, %(due_at)s,
    %(now)s, %(vi)s, %(en)s
) on conflict do nothing
"""

SAY: Final = """
insert into alert_feedback (alert, kind, indicator, was_right, said_by, said_at, reason)
values (%s, %s, %s, %s, %s, %s, %s)
"""
UNSAY: Final = """
update alert_feedback set withdrawn_at = %s where alert = %s and withdrawn_at is null
"""
# In the order in which it was said: bounds make the order count.
FEEDBACK: Final = """
select indicator, was_right from alert_feedback
where kind = 'anomaly' and withdrawn_at is null and indicator = any(%s)
order by indicator, id
"""
FEEDBACK_COUNTS: Final = """
select indicator, kind, count(*) filter (where was_right), count(*) filter (where not was_right)
from alert_feedback where withdrawn_at is null group by indicator, kind order by indicator, kind
"""

_WANTED: Final = """
    (%(states)s::text[] is null or a.state = any(%(states)s))
    and (%(kinds)s::text[] is null or a.kind = any(%(kinds)s))
    and (%(severities)s::text[] is null or a.severity = any(%(severities)s))
    and (%(feeds)s::text[] is null or a.feed = any(%(feeds)s))
    and (%(indicators)s::text[] is null or a.indicator = any(%(indicators)s))
    and (%(areas)s::text[] is null or a.area = any(%(areas)s))
    and (%(account)s::text is null or a.owner_account = %(account)s)
    and (%(overdue)s::boolean is null or %(overdue)s = (
        a.state not in ('closed', 'false_alarm') and a.due_at < %(now)s
    ))
    and not coalesce(a.feed = any(%(hidden_feeds)s), false)
    and not coalesce(a.indicator = any(%(hidden_indicators)s), false)
    and (%(since)s::timestamptz is null or a.opened_at >= %(since)s)
    and (%(until)s::timestamptz is null or a.opened_at < %(until)s)
"""
LISTED: Final = f"""
select {ALERT_COLUMNS} from alert as a
where {_WANTED}
    and (%(before)s::bigint is null
        or (a.opened_at, a.id) < (select b.opened_at, b.id from alert as b where b.id = %(before)s))
order by a.opened_at desc, a.id desc
limit %(most)s
"""  # noqa: S608 columns of ours
COUNTS: Final = f"""
select a.state, a.severity, a.kind, a.feed,
    a.state not in ('closed', 'false_alarm') and a.due_at < %(now)s, count(*)
from alert as a where {_WANTED}
group by 1, 2, 3, 4, 5
"""  # noqa: S608 columns of ours

# --- what is near -------------------------------------------------------------------

# Each kind has its own bound, so that a busy camera does not crowd out a vessel. Events have no
# index by place: those of cameras are found by their cameras, the few others by time.
NEAR: Final = """
with here as (
    select st_setsrid(st_makepoint(%(lon)s, %(lat)s), 4326)::geography as point
), box as (
    select st_buffer(point, %(radius_m)s)::geometry as wide from here
), eye as (
    select c.box, c.id, c.title_vi, c.state, c.lon, c.lat, c.last_seen_at, c.state_at,
        c.simulated,
        st_distance(st_setsrid(st_makepoint(c.lon, c.lat), 4326)::geography, here.point)
            as distance_m
    from camera as c, here, box
    where not c.retired and st_setsrid(st_makepoint(c.lon, c.lat), 4326) && box.wide
        and st_dwithin(
            st_setsrid(st_makepoint(c.lon, c.lat), 4326)::geography, here.point, %(radius_m)s)
    order by distance_m limit %(most)s
), found as (
    (
        select 'event' as kind, e.id::text as id, e.kind as title, null::text as state, e.lon,
            e.lat, eye.distance_m, e.time as at, e.simulated, null::text as policy
        from eye cross join lateral (
            select * from event as e
            where e.camera = eye.id and e.box = eye.box
                and e.time between %(at)s - %(window)s and %(at)s + %(window)s
            order by e.time desc limit %(most)s
        ) as e
        order by eye.distance_m, e.time desc limit %(most)s
    ) union all (
        select 'event', e.id::text, e.kind, null, e.lon, e.lat,
            st_distance(e.geog, here.point), e.time, e.simulated, null
        from event as e, here, box
        where e.camera is null and e.time between %(at)s - %(window)s and %(at)s + %(window)s
            and e.lon between st_xmin(box.wide) and st_xmax(box.wide)
            and e.lat between st_ymin(box.wide) and st_ymax(box.wide)
            and st_dwithin(e.geog, here.point, %(radius_m)s)
        order by 7, e.time desc limit %(most)s
    ) union all (
        select case when a.state in ('acknowledged', 'handed_over') or a.kind = 'data_task'
                then 'task' else 'alert' end,
            a.id::text, a.reason_vi, a.state, a.lon, a.lat, st_distance(a.geog, here.point),
            a.opened_at, a.provenance = 'simulated', null
        from alert as a, here
        where a.geog is not null and st_dwithin(a.geog, here.point, %(radius_m)s)
            and a.id is distinct from %(besides)s
            and (
                a.opened_at between %(at)s - %(window)s and %(at)s + %(window)s
                or (a.opened_at <= %(at)s and a.state not in ('closed', 'false_alarm'))
            )
        order by 7, a.opened_at desc limit %(most)s
    ) union all (
        select 'camera', eye.box || '.' || eye.id, eye.title_vi, eye.state, eye.lon, eye.lat,
            eye.distance_m, coalesce(eye.last_seen_at, eye.state_at), eye.simulated, null
        from eye
    ) union all (
        select n.kind, t.id, t.title, t.state, st_x(t.middle), st_y(t.middle), t.distance_m,
            t.modified, t.simulated, t.policy_id
        from (values ('station', %(stations)s::text), ('vessel', %(vessels)s::text)) as n (kind, ns)
        cross join here cross join box
        cross join lateral (
            select t.id, t.doc #>> '{attributes,titleVi}' as title,
                coalesce(
                    t.doc #>> '{features,position,properties,state}',
                    t.doc #>> '{features,health,properties,state}'
                ) as state,
                st_centroid(t.geom) as middle,
                st_distance(t.geom::geography, here.point) as distance_m,
                t.modified,
                coalesce(t.doc #> '{attributes,simulated}' = 'true', false) as simulated,
                t.policy_id
            from thing as t
            where t.ns = n.ns and t.geom && box.wide
                and st_dwithin(t.geom::geography, here.point, %(radius_m)s)
            order by distance_m limit %(most)s
        ) as t
    )
)
select kind, id, title, state, lon, lat, distance_m, at, simulated, policy
from found order by distance_m, at desc nulls last, kind, id
"""
