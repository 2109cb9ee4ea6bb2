-- Rows by time. The siblings of this file make the real tables of these shapes:
-- natively partitioned by week, or hypertables.
--
-- `time` is `seen_at` cut to milliseconds, which is exactly what the UUIDv7 carries:
-- the same id always means the same (id, time), so the primary key finds repeats.
create table event_shape (
    id uuid not null,
    time timestamptz not null,
    received_at timestamptz not null default now(),
    box text not null,
    epoch uuid not null,
    seq bigint not null,
    kind text not null,
    camera text,
    lon float8,
    lat float8,
    geog geography (point, 4326) generated always as (
        st_setsrid(st_makepoint(lon, lat), 4326)::geography
    ) stored,
    commune text,
    plate text,
    plate_key text,
    simulated boolean not null,
    replayed boolean not null,
    clock_suspect boolean not null,
    signature text not null check (signature in ('valid', 'unsigned', 'unknown_key')),
    sha256 bytea not null,
    body jsonb not null,
    change bigint not null default nextval('change_seq'),
    primary key (id, time)
);
create index on event_shape (time desc, id desc);
create index on event_shape (epoch, seq);
create index on event_shape (plate_key, time desc) where plate_key is not null;
create index on event_shape (commune, kind, time desc);
create index on event_shape (camera, time desc);
create index on event_shape using gist (geog);

create table camera_telemetry_shape (
    time timestamptz not null,
    box text not null,
    camera text not null,
    state text not null,
    fps float8 not null,
    skipped_frames bigint not null,
    spool_events bigint not null,
    evidence_pending bigint not null,
    clock_offset_ms float8 not null,
    temperature_c float8,
    primary key (box, camera, time)
);
create index on camera_telemetry_shape (time desc);
