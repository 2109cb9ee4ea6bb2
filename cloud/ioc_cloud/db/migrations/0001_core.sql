-- Tables that are the same on every tier. Times are UTC; longitude comes first.
create extension if not exists postgis;

do $$
begin
    if not exists (select from pg_roles where rolname = 'ioc_ingest') then
        create role ioc_ingest nologin;
    end if;
    if not exists (select from pg_roles where rolname = 'ioc_api') then
        create role ioc_api nologin;
    end if;
end
$$;

create table commune (
    code text primary key,
    name_vi text not null,
    name_en text not null,
    kind text not null,
    approximate boolean not null,
    label_lon float8 not null,
    label_lat float8 not null,
    geom geometry (multipolygon, 4326) not null
);
create index commune_geom on commune using gist (geom);

create table box (
    id text primary key,
    public_key text,
    registered_at timestamptz,
    online boolean not null default false,
    status_at timestamptz,
    boot uuid,
    epoch uuid,
    versions jsonb not null default '{}',
    config_sha256 text,
    last_seen_at timestamptz,
    change bigint
);

-- What has arrived of each spool: the holes in `seen` are what is missing.
create table box_sequence (
    box text not null,
    epoch uuid not null,
    seen int8multirange not null,
    first_at timestamptz not null default now(),
    last_at timestamptz not null default now(),
    primary key (box, epoch)
);

-- A camera's twin: counters and the last event; it only moves forward by (time, seq).
create table camera (
    box text not null,
    id text not null,
    title_vi text not null,
    title_en text not null default '',
    lon float8,
    lat float8,
    simulated boolean not null default false,
    declared boolean not null default false,
    retired boolean not null default false,
    state text not null default 'starting',
    state_at timestamptz,
    last_seen_at timestamptz,
    last_event_id uuid,
    last_event_at timestamptz,
    last_event_seq bigint,
    counts jsonb not null default '{}',
    fps float8,
    skipped_frames bigint,
    spool_events bigint,
    evidence_pending bigint,
    change bigint,
    primary key (box, id)
) with (fillfactor = 70);

-- Refused at the broker's door, whole; `times` counts repeats of the same bytes.
create table parked (
    id bigint generated always as identity primary key,
    topic text not null,
    box text,
    reason text not null,
    detail text not null,
    sha256 bytea not null,
    payload bytea not null,
    epoch uuid,
    seq bigint,
    times bigint not null default 1,
    first_at timestamptz not null default now(),
    last_at timestamptz not null default now(),
    unique (topic, sha256, reason)
);
create index parked_last on parked (last_at desc);

create table door_count (
    door text not null,
    reason text not null,
    n bigint not null,
    last_at timestamptz not null,
    primary key (door, reason)
);

create table evidence (
    sha256 bytea primary key,
    bytes bigint not null,
    media_type text not null,
    box text not null,
    stored_at timestamptz not null default now()
);

-- Which event a picture belongs to; a picture that no event names is not served.
create table event_evidence (
    sha256 bytea not null,
    event_id uuid not null,
    event_time timestamptz not null,
    primary key (sha256, event_id)
);
create index event_evidence_time on event_evidence (event_time);

-- Numbers rise in commit order (writers hold one advisory lock), so a reader that
-- has seen n has seen all below n.
create sequence change_seq;
create table change_log (
    seq bigint primary key default nextval('change_seq'),
    at timestamptz not null default now(),
    kind text not null check (kind in ('event', 'camera', 'box')),
    box text not null,
    camera text,
    event_id uuid,
    event_time timestamptz
);
create index change_log_at on change_log using brin (at);

create table api_key (
    id text primary key,
    name text not null,
    sha256 bytea not null,
    scopes text[] not null,
    box text,
    created_at timestamptz not null default now(),
    last_used_at timestamptz,
    revoked_at timestamptz
);

create table app_user (
    name text primary key,
    password_hash text not null,
    scopes text[] not null,
    created_at timestamptz not null default now(),
    disabled_at timestamptz
);

create table app_session (
    sha256 bytea primary key,
    name text not null references app_user (name) on delete cascade,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null
);

create table login_failure (
    at timestamptz not null default now(),
    name text not null,
    address text not null
);
create index login_failure_at on login_failure (at);

create table audit (
    seq bigint generated always as identity primary key,
    at timestamptz not null default now(),
    actor text not null,
    action text not null,
    object text not null,
    detail jsonb not null default '{}'
);
create index audit_at on audit using brin (at);

create function audit_is_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'audit rows are never changed or removed' using errcode = '42501';
end
$$;
create trigger audit_append_only before update or delete on audit
for each row execute function audit_is_append_only();
create trigger audit_no_truncate before truncate on audit
for each statement execute function audit_is_append_only();

-- Two random UUIDs: 244 bits that no client knows, to sign page cursors with.
insert into ioc_meta (key, value)
values ('cursor_key', to_jsonb(gen_random_uuid()::text || gen_random_uuid()::text));
