"""Statements of the ingest worker."""

from typing import Final

LOCK: Final = "select pg_advisory_xact_lock(%s)"

# Which of these seqs have been seen before: empty but for redelivery and conflicts.
OVERLAPS: Final = """
select s.box, s.epoch, s.seen * b.seqs::int8multirange
from unnest(%(boxes)s::text[], %(epochs)s::uuid[], %(seqs)s::text[]) as b (box, epoch, seqs)
join box_sequence as s using (box, epoch)
where s.seen && b.seqs::int8multirange
"""

# The same question as a condition: SEEN_BEFORE where any has.
REFUSE_SEEN: Final = """
select ioc_refuse_seen(%(boxes)s::text[], %(epochs)s::uuid[], %(seqs)s::text[])
"""
SEEN_BEFORE: Final = "IC001"

KNOWN_IDS: Final = """
select e.id, encode(e.sha256, 'hex')
from unnest(%(ids)s::uuid[], %(times)s::timestamptz[]) as r (id, time)
join event as e using (id, time)
"""

KNOWN_SEQS: Final = """
select e.box, e.epoch, e.seq, e.id
from unnest(%(epochs)s::uuid[], %(seqs)s::bigint[]) as r (epoch, seq)
join event as e using (epoch, seq)
"""

# No JSON text holds this one: inside strings control characters are escaped.
BETWEEN_BODIES: Final = "\x1e"

# One statement writes the events, what follows from each, and nothing for repeats.
# Communes are looked up once per distinct point: cameras do not move. Of a body only what
# is needed goes on from `stored`: what does is copied once more.
# Columns come as arrays: a row of JSON costs three times as much to take apart.
STORE: Final = """
with r as (
    select * from rows from (
        unnest(
            %(ids)s::uuid[], %(times)s::timestamptz[], %(boxes)s::text[], %(epochs)s::uuid[],
            %(seqs)s::bigint[], %(kinds)s::text[], %(cameras)s::text[], %(lons)s::float8[],
            %(lats)s::float8[], %(plates)s::text[], %(plate_keys)s::text[],
            %(simulated)s::boolean[], %(replayed)s::boolean[], %(suspect)s::boolean[],
            %(signatures)s::text[], %(hashes)s::bytea[]
        ),
        string_to_table(%(bodies)s, %(between)s)
    ) with ordinality as r (
        id, time, box, epoch, seq, kind, camera, lon, lat, plate, plate_key, simulated,
        replayed, clock_suspect, signature, sha256, body, n
    )
), place as materialized (
    select p.lon, p.lat, (
        select c.code from commune as c
        where st_covers(c.geom, st_setsrid(st_makepoint(p.lon, p.lat), 4326))
        order by c.code limit 1
    ) as commune
    from unnest(%(point_lons)s::float8[], %(point_lats)s::float8[]) as p (lon, lat)
), stored as (
    insert into event (
        id, time, box, epoch, seq, kind, camera, lon, lat, commune, plate,
        plate_key, simulated, replayed, clock_suspect, signature, sha256, body
    )
    select
        r.id, r.time, r.box, r.epoch, r.seq, r.kind, r.camera, r.lon, r.lat,
        place.commune, r.plate, r.plate_key, r.simulated, r.replayed, r.clock_suspect,
        r.signature, r.sha256, r.body::jsonb
    from r left join place using (lon, lat)
    order by r.n
    on conflict (id, time) do nothing
    returning id, time, box, camera, change, body -> 'evidence' as evidence
), logged as (
    insert into change_log (seq, kind, box, camera, event_id, event_time)
    select change, 'event', box, camera, id, time from stored
), pictures as (
    insert into event_evidence (sha256, event_id, event_time)
    select decode(picture ->> 'sha256', 'hex'), stored.id, stored.time
    from stored cross join lateral jsonb_array_elements(stored.evidence) as picture
    on conflict do nothing
), dirty as (
    insert into rollup_dirty (bucket)
    select distinct date_trunc('hour', time, 'UTC') from stored
)
select id from stored
"""
# To believe that ids are new, and fail where one is not, costs less than to look.
STORE_NEW: Final = STORE.replace("on conflict (id, time) do nothing", "").replace(
    "select id from stored", "select"
)
# Counters add up; the last event moves forward only. What a box declared at birth
# (title, place) stands above what its events say.
CAMERAS_OF_EVENTS: Final = """
with moved as (
    insert into camera as c (
        box, id, title_vi, lon, lat, simulated, state, state_at, last_seen_at,
        last_event_id, last_event_at, last_event_seq, counts, change
    )
    select
        r.box, r.id, r.id, r.lon, r.lat, r.simulated, coalesce(r.state, 'ok'), r.state_at,
        r.seen_at, r.event_id, r.event_at, r.event_seq, r.counts, nextval('change_seq')
    from jsonb_to_recordset(%s::jsonb) as r (
        box text, id text, lon float8, lat float8, simulated boolean, state text,
        state_at timestamptz, seen_at timestamptz, event_id uuid, event_at timestamptz,
        event_seq bigint, counts jsonb
    )
    order by r.box, r.id
    on conflict (box, id) do update set
        lon = case when c.declared then c.lon else coalesce(excluded.lon, c.lon) end,
        lat = case when c.declared then c.lat else coalesce(excluded.lat, c.lat) end,
        simulated = case when c.declared then c.simulated else excluded.simulated end,
        state = case
            when excluded.state_at > coalesce(c.state_at, '-infinity') then excluded.state
            else c.state
        end,
        state_at = greatest(c.state_at, excluded.state_at),
        last_seen_at = greatest(c.last_seen_at, excluded.last_seen_at),
        (last_event_id, last_event_at, last_event_seq) = (
            select m.id, m.at, m.seq from (values
                (c.last_event_id, c.last_event_at, c.last_event_seq),
                (excluded.last_event_id, excluded.last_event_at, excluded.last_event_seq)
            ) as m (id, at, seq)
            where m.id is not null
            order by m.at desc, m.seq desc limit 1
        ),
        counts = ioc_add_counts(c.counts, excluded.counts),
        change = excluded.change
    returning box, id, change
)
insert into change_log (seq, kind, box, camera) select change, 'camera', box, id from moved
"""

CAMERAS_OF_TELEMETRY: Final = """
with moved as (
    insert into camera as c (
        box, id, title_vi, state, state_at, last_seen_at, fps, skipped_frames, spool_events,
        evidence_pending, change
    )
    select
        r.box, r.camera, r.camera, r.state, r.time, r.time, r.fps, r.skipped_frames,
        r.spool_events, r.evidence_pending, nextval('change_seq')
    from jsonb_to_recordset(%s::jsonb) as r (
        time timestamptz, box text, camera text, state text, fps float8, skipped_frames bigint,
        spool_events bigint, evidence_pending bigint
    )
    order by r.box, r.camera
    on conflict (box, id) do update set
        state = excluded.state,
        state_at = excluded.state_at,
        last_seen_at = greatest(c.last_seen_at, excluded.last_seen_at),
        fps = excluded.fps,
        skipped_frames = excluded.skipped_frames,
        spool_events = excluded.spool_events,
        evidence_pending = excluded.evidence_pending,
        change = excluded.change
    where excluded.state_at >= coalesce(c.state_at, '-infinity')
    returning box, id, change
)
insert into change_log (seq, kind, box, camera) select change, 'camera', box, id from moved
"""

TELEMETRY: Final = """
insert into camera_telemetry (
    time, box, camera, state, fps, skipped_frames, spool_events, evidence_pending,
    clock_offset_ms, temperature_c
)
select
    time, box, camera, state, fps, skipped_frames, spool_events, evidence_pending,
    clock_offset_ms, temperature_c
from jsonb_to_recordset(%s::jsonb) as r (
    time timestamptz, box text, camera text, state text, fps float8, skipped_frames bigint,
    spool_events bigint, evidence_pending bigint, clock_offset_ms float8, temperature_c float8
)
on conflict do nothing
"""

# A last will carries `online` alone: what the birth said stays.
BOX_STATUS: Final = """
with moved as (
    insert into box as b (
        id, online, status_at, boot, epoch, versions, config_sha256, last_seen_at, change
    )
    values (
        %(box)s, %(online)s, %(received_at)s, %(boot)s, %(epoch)s, %(versions)s,
        %(config_sha256)s, %(received_at)s, nextval('change_seq')
    )
    on conflict (id) do update set
        online = excluded.online,
        status_at = excluded.status_at,
        boot = coalesce(excluded.boot, b.boot),
        epoch = coalesce(excluded.epoch, b.epoch),
        versions = case when excluded.versions = '{}' then b.versions else excluded.versions end,
        config_sha256 = coalesce(excluded.config_sha256, b.config_sha256),
        last_seen_at = case
            when excluded.online then excluded.last_seen_at else b.last_seen_at
        end,
        change = excluded.change
    returning id, change
)
insert into change_log (seq, kind, box) select change, 'box', id from moved
"""

BOX_CARDS: Final = """
with moved as (
    insert into camera as c (
        box, id, title_vi, title_en, lon, lat, simulated, state, declared, change
    )
    select
        %(box)s, r.id, r.title_vi, r.title_en, (r.location ->> 'lon')::float8,
        (r.location ->> 'lat')::float8, r.simulated, r.state, true, nextval('change_seq')
    from jsonb_to_recordset(%(cards)s::jsonb) as r (
        id text, title_vi text, title_en text, location jsonb, simulated boolean, state text
    )
    order by r.id
    on conflict (box, id) do update set
        title_vi = excluded.title_vi,
        title_en = excluded.title_en,
        lon = excluded.lon,
        lat = excluded.lat,
        simulated = excluded.simulated,
        declared = true,
        retired = false,
        change = excluded.change
    returning box, id, change
), left_out as (
    update camera set retired = true, change = nextval('change_seq')
    where box = %(box)s and declared and not retired
        and id not in (
            select r.id from jsonb_to_recordset(%(cards)s::jsonb) as r (id text)
        )
    returning box, id, change
)
insert into change_log (seq, kind, box, camera)
select change, 'camera', box, id from moved
union all
select change, 'camera', box, id from left_out
"""

BOXES_SEEN: Final = """
insert into box (id, last_seen_at)
select r.box, %(now)s from unnest(%(boxes)s::text[]) as r (box)
order by r.box
on conflict (id) do update set last_seen_at = greatest(box.last_seen_at, excluded.last_seen_at)
"""

SEQUENCES: Final = """
insert into box_sequence as s (box, epoch, seen)
select r.box, r.epoch, r.seqs::int8multirange
from unnest(%(boxes)s::text[], %(epochs)s::uuid[], %(seqs)s::text[]) as r (box, epoch, seqs)
order by r.box, r.epoch
on conflict (box, epoch) do update set seen = s.seen + excluded.seen, last_at = now()
"""

PARK: Final = """
insert into parked as p (topic, box, reason, detail, sha256, payload, epoch, seq)
values (%(topic)s, %(box)s, %(reason)s, %(detail)s, sha256(%(payload)s), %(payload)s,
    %(epoch)s, %(seq)s)
on conflict (topic, sha256, reason) do update set times = p.times + 1, last_at = now()
"""

COUNT_AT_DOOR: Final = """
insert into door_count as d (door, reason, n, last_at)
select %(door)s, r.reason, r.n, now()
from unnest(%(reasons)s::text[], %(counts)s::bigint[]) as r (reason, n)
order by r.reason
on conflict (door, reason) do update set n = d.n + excluded.n, last_at = excluded.last_at
"""

NOTIFY: Final = "select pg_notify('ioc_change', '')"

BOX_KEYS: Final = "select id, public_key from box where public_key is not null"
REGISTER_BOX: Final = """
insert into box (id, public_key, registered_at) values (%(box)s, %(key)s, now())
on conflict (id) do update set
    public_key = coalesce(excluded.public_key, box.public_key),
    registered_at = coalesce(box.registered_at, excluded.registered_at)
"""

TRY_UPKEEP: Final = "select pg_try_advisory_lock(%s)"
REFRESH_ROLLUP: Final = "select ioc_refresh_rollup(%s)"
PREMAKE: Final = "select ioc_premake(%s)"
DROP_OLD: Final = "select ioc_drop_old(%s, make_interval(days => %s))"
PRUNE: Final = "select ioc_prune(make_interval(days => %s), make_interval(days => %s))"
