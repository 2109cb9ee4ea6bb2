"""Statements that carry what boxes reported into things."""

from typing import Final

# Blocks a second mirror until this one has committed.
SEEN: Final = "select change from twin_mirror for update"
REMEMBER: Final = "update twin_mirror set change = %s"
CHANGED_BOXES: Final = """
select change, id, online, status_at, last_seen_at, boot, epoch, versions, config_sha256
from box where change > %s order by change limit %s
"""
CHANGED_CAMERAS: Final = """
select c.change, c.box, c.id, c.title_vi, c.title_en, c.lon, c.lat, c.simulated, c.state,
    c.state_at, c.last_seen_at, c.fps, c.skipped_frames, c.spool_events, c.evidence_pending,
    c.counts, c.last_event_id, c.last_event_at, c.last_event_seq, e.kind, m.code
from camera as c
left join event as e on e.id = c.last_event_id and e.time = c.last_event_at
left join commune as m
    on st_covers(m.geom, st_setsrid(st_makepoint(c.lon, c.lat), 4326))
where c.change > %s order by c.change limit %s
"""
# The newest word of each station among the latest changes.
OBSERVATIONS: Final = """
select distinct on (e.box) e.change, e.box, e.time, e.received_at, e.lon, e.lat, e.commune,
    e.simulated, e.body -> 'data' -> 'values'
from event as e join change_log as l on l.event_id = e.id and l.event_time = e.time
where l.seq > %s and l.seq <= %s and l.kind = 'event' and e.camera is null
    and e.kind not in ('plate', 'traffic', 'health', 'violation')
    and jsonb_typeof(e.body -> 'data' -> 'values') = 'object'
order by e.box, e.time desc, e.seq desc
"""
NEWEST: Final = "select coalesce(max(seq), 0) from change_log"
STATIONS: Final = """
select t.doc -> 'attributes' ->> 'box', t.id,
    t.doc #>> '{features,measurements,properties,measuredAt}'
from thing as t
where t.ns = 'vn.camau.station' and t.doc -> 'attributes' ->> 'box' = any(%s)
"""
