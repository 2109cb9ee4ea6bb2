"""Statements of the API and of the commands that share its tables."""

from typing import Final

COMMUNES_NOTE: Final = "select value from ioc_meta where key = 'communes'"
COMMUNES_CLEAR: Final = "delete from commune"
COMMUNE_ADD: Final = """
insert into commune (code, name_vi, name_en, kind, approximate, label_lon, label_lat, geom)
values (%(code)s, %(name_vi)s, %(name_en)s, %(kind)s, %(approximate)s, %(lon)s, %(lat)s,
    st_multi(st_collectionextract(st_makevalid(st_geomfromwkb(%(wkb)s, 4326)), 3)))
"""
COMMUNES_REMEMBER: Final = """
insert into ioc_meta (key, value) values ('communes', %s)
on conflict (key) do update set value = excluded.value
"""
# Events that lie elsewhere now, and the hours whose figures that changes.
NO_DECOMPRESSION_LIMIT: Final = """
select set_config('timescaledb.max_tuples_decompressed_per_dml_transaction', '0', true)
"""

COMMUNES_OF_EVENTS: Final = """
with place as materialized (
    select p.lon, p.lat, (
        select c.code from commune as c
        where st_covers(c.geom, st_setsrid(st_makepoint(p.lon, p.lat), 4326))
        order by c.code limit 1
    ) as commune
    from (select distinct lon, lat from event where lon is not null) as p
), moved as (
    update event as e set commune = place.commune from place
    where (e.lon, e.lat) = (place.lon, place.lat)
        and e.commune is distinct from place.commune
    returning e.time
)
insert into rollup_dirty (bucket) select distinct date_trunc('hour', time, 'UTC') from moved
"""
COMMUNES_GEOJSON: Final = """
select coalesce(jsonb_agg(jsonb_build_object(
    'type', 'Feature',
    'id', code,
    'geometry', st_asgeojson(geom, 5)::jsonb,
    'properties', jsonb_build_object(
        'code', code, 'name_vi', name_vi, 'name_en', name_en, 'kind', kind,
        'approximate', approximate, 'label', jsonb_build_array(label_lon, label_lat)
    )
) order by code), '[]') from commune
"""

# One shape for list, detail and stream. `stored` pictures are looked up by the page.
_EVENT: Final = """
select
    e.id, e.time, e.received_at, e.box, e.kind, e.camera, e.lon, e.lat, e.plate, e.simulated,
    e.replayed, e.clock_suspect, e.signature, e.body, e.change,
    c.code, c.name_vi, c.name_en
from event as e left join commune as c on c.code = e.commune
"""
# A parameter that is null turns its condition off.
EVENTS: Final = (
    _EVENT
    + """
where (%(from)s::timestamptz is null or e.time >= %(from)s)
    and (%(to)s::timestamptz is null or e.time < %(to)s)
    and (%(kind)s::text is null or e.kind = %(kind)s)
    and (%(box)s::text is null or e.box = %(box)s)
    and (%(camera)s::text is null or e.camera = %(camera)s)
    and (%(commune)s::text is null or e.commune = %(commune)s)
    and (%(plate_key)s::text is null or e.plate_key = %(plate_key)s)
    and (%(simulated)s::boolean is null or e.simulated = %(simulated)s)
    and (%(west)s::float8 is null or (
        e.lon between %(west)s and %(east)s and e.lat between %(south)s and %(north)s))
    and (%(before)s::timestamptz is null or (e.time, e.id) < (%(before)s, %(before_id)s::uuid))
order by e.time desc, e.id desc
limit %(limit)s
"""
)
EVENT: Final = _EVENT + "where e.id = %(id)s and e.time = to_timestamp(%(ms)s / 1000.0)"
EVENTS_OF_CHANGES: Final = (
    _EVENT
    + """
join unnest(%(ids)s::uuid[], %(times)s::timestamptz[]) as r (id, time)
    on r.id = e.id and r.time = e.time
"""
)
STORED: Final = "select encode(sha256, 'hex') from evidence where sha256 = any(%s)"
CURSOR_KEY: Final = "select value #>> '{}' from ioc_meta where key = 'cursor_key'"

CAMERAS: Final = """
select
    c.id, c.box, c.title_vi, c.title_en, c.lon, c.lat, c.simulated, c.state,
    coalesce(b.online, false), c.last_seen_at, c.last_event_at, c.counts, c.fps, c.change
from camera as c left join box as b on b.id = c.box
where not c.retired and c.lon is not null
    and (%(boxes)s::text[] is null or (c.box, c.id) in (
        select * from unnest(%(boxes)s::text[], %(cameras)s::text[])))
order by c.box, c.id
"""
BOXES: Final = """
select id, online, status_at, last_seen_at, epoch, versions, public_key is not null, change
from box
where (%(boxes)s::text[] is null or id = any(%(boxes)s))
order by id
"""
COUNTS: Final = """
select v.commune, v.kind, sum(v.n)::bigint,
    coalesce(sum(v.n) filter (where v.simulated), 0)::bigint
from v_event_hour as v
where v.bucket >= date_trunc('hour', now() - make_interval(hours => %(hours)s), 'UTC')
group by v.commune, v.kind
order by v.commune nulls last, v.kind
"""

CHANGES_NOW: Final = "select coalesce(max(seq), 0) from change_log"
CHANGES_OLDEST: Final = "select min(seq) from change_log"
CHANGES: Final = """
select seq, kind, box, camera, event_id, event_time
from change_log where seq > %(after)s order by seq limit %(limit)s
"""

EVIDENCE_ADD: Final = """
insert into evidence (sha256, bytes, media_type, box) values (%s, %s, %s, %s)
on conflict do nothing
"""
# Only pictures that an event names are shown to anybody; one that any event calls
# restricted is restricted.
EVIDENCE_OF_EVENT: Final = """
select v.bytes, v.media_type, n.event_id, exists (
    select 1 from event_evidence as m
    join event as e on (e.id, e.time) = (m.event_id, m.event_time)
    cross join lateral jsonb_array_elements(e.body -> 'evidence') as ref
    where m.sha256 = v.sha256
        and ref ->> 'sha256' = encode(v.sha256, 'hex')
        and starts_with(ref ->> 'role', 'restricted_')
)
from evidence as v
join event_evidence as n using (sha256)
where v.sha256 = %s
order by n.event_time desc limit 1
"""
COUNT_AT_DOOR: Final = """
insert into door_count as d (door, reason, n, last_at) values (%s, %s, 1, now())
on conflict (door, reason) do update set n = d.n + 1, last_at = excluded.last_at
"""

STATUS_THINGS: Final = "select ns, count(*) from thing group by ns order by ns"
STATUS_POLICIES: Final = "select count(*) from policy"
STATUS_META: Final = "select key, value from ioc_meta where key in ('storage_tier', 'communes')"
STATUS_VERSIONS: Final = """
select current_setting('server_version'), postgis_lib_version(),
    (select extversion from pg_extension where extname = 'timescaledb'),
    (select max(version) from schema_migration)
"""
STATUS_EVENTS: Final = """
select coalesce(sum(n), 0)::bigint, coalesce(bool_or(simulated), false),
    coalesce(sum(n) filter (where simulated), 0)::bigint
from v_event_hour
"""
STATUS_KINDS: Final = "select kind, sum(n)::bigint from v_event_hour group by kind order by kind"
STATUS_CAMERAS: Final = """
select box, id, title_vi, simulated, state, retired, last_seen_at, last_event_at, fps,
    skipped_frames, spool_events, evidence_pending, counts
from camera order by box, id
"""
STATUS_LAST: Final = """
select max(at) from (
    select at from change_log where kind = 'event' order by seq desc limit 1
) as newest
"""
STATUS_PARKED: Final = """
select reason, sum(times)::bigint, count(*), max(last_at)
from parked group by reason order by reason
"""
STATUS_SEQUENCES: Final = """
select s.box, s.epoch, upper(s.seen) - 1 as last,
    upper(s.seen) - 1 - (select sum(upper(r) - lower(r)) from unnest(s.seen) as r) as missing
from box_sequence as s order by s.box, s.first_at
"""
STATUS_DOORS: Final = "select door, reason, n, last_at from door_count order by door, reason"
STATUS_EVIDENCE: Final = "select count(*), coalesce(sum(bytes), 0)::bigint from evidence"
