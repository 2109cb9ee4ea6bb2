-- The twin: things and policies as Ditto's API shows them, their history, their series.
--
-- One writer at a time holds the change lock to its commit (see `twin.write`), so
-- `thing_event.seq` rises in commit order and a reader that has seen n has seen all below.
alter table app_user add column roles text[] not null default '{}';
alter table api_key add column roles text[] not null default '{}';

create table policy (
    id text collate "C" primary key,
    ns text collate "C" generated always as (split_part(id, ':', 1)) stored,
    doc jsonb not null,
    -- Policies that say the same are asked once for all of them.
    digest text not null generated always as (md5((doc - 'policyId')::text)) stored,
    revision bigint not null,
    -- Changes whenever this policy or one that it imports does.
    epoch bigint not null,
    created timestamptz not null,
    modified timestamptz not null
);

-- Which policies name a subject at all; search begins here.
create table policy_subject (
    policy_id text collate "C" not null references policy on delete cascade,
    subject text collate "C" not null,
    expires_at timestamptz,
    primary key (subject, policy_id)
);
create index on policy_subject (policy_id);
create table policy_import (
    policy_id text collate "C" not null references policy on delete cascade,
    imported text collate "C" not null,
    primary key (policy_id, imported)
);
create index on policy_import (imported);

create table policy_revision (
    policy_id text collate "C" not null,
    revision bigint not null,
    time timestamptz not null,
    action text not null,
    path text not null,
    value jsonb,
    doc jsonb,
    actor text not null,
    primary key (policy_id, revision)
);

-- A number for comparison, or null: search must not fail on what is no number.
create function twin_number(value jsonb) returns float8
language sql immutable parallel safe as $$
    select case when jsonb_typeof(value) = 'number' then value::float8 end
$$;
-- The least and the greatest number at a path, through lists.
create function twin_least(doc jsonb, at jsonpath) returns float8
language sql immutable parallel safe as $$
    select min(twin_number(found)) from jsonb_path_query(doc, at) as found
$$;
create function twin_most(doc jsonb, at jsonpath) returns float8
language sql immutable parallel safe as $$
    select max(twin_number(found)) from jsonb_path_query(doc, at) as found
$$;
create table thing (
    id text collate "C" primary key,
    ns text collate "C" generated always as (split_part(id, ':', 1)) stored,
    policy_id text collate "C" not null,
    doc jsonb not null,
    metadata jsonb,
    revision bigint not null,
    created timestamptz not null,
    modified timestamptz not null,
    -- The numbers of attributes.geo, and all of them as one box; set by the trigger.
    lat_least float8,
    lat_most float8,
    long_least float8,
    long_most float8,
    geo_box geometry (geometry, 4326),
    -- attributes.location where it is GeoJSON, else attributes.geo; set by the trigger.
    geom geometry (geometry, 4326)
) with (fillfactor = 80);
create index on thing (policy_id);
create index on thing (ns, id);
create index on thing (modified, id);
create index thing_doc on thing using gin (doc jsonb_path_ops) with (fastupdate = off);
create index thing_geom on thing using gist (geom);
create index thing_box on thing using gist (geo_box);
create index on thing (lat_most);
create index on thing (long_most);
create index on thing (((doc ->> 'definition') collate "C"));

-- Where a thing is. What PostGIS cannot read leaves the thing without a place: a twin
-- may hold anything, geography only what is geometry.
create function twin_place(doc jsonb) returns geometry
language plpgsql immutable parallel safe as $$
declare
    lon float8 := twin_number(doc #> '{attributes,geo,long}');
    lat float8 := twin_number(doc #> '{attributes,geo,lat}');
    place geometry;
begin
    if doc #>> '{attributes,location,type}' is not null
        and jsonb_typeof(doc #> '{attributes,location,coordinates}') = 'array' then
        begin
            place := st_setsrid(st_geomfromgeojson(doc #> '{attributes,location}'), 4326);
            if st_xmin(place) >= -180 and st_xmax(place) <= 180
                and st_ymin(place) >= -90 and st_ymax(place) <= 90 then
                return place;
            end if;
        exception when others then
            null;
        end;
    end if;
    if lon between -180 and 180 and lat between -90 and 90 then
        return st_setsrid(st_makepoint(lon, lat), 4326);
    end if;
    return null;
end
$$;
create function thing_set_place() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT'
        or new.doc #> '{attributes,location}' is distinct from old.doc #> '{attributes,location}'
        or new.doc #> '{attributes,geo}' is distinct from old.doc #> '{attributes,geo}' then
        new.geom := twin_place(new.doc);
        new.lat_least := twin_least(new.doc, '$.attributes.geo.lat[*][*]');
        new.lat_most := twin_most(new.doc, '$.attributes.geo.lat[*][*]');
        new.long_least := twin_least(new.doc, '$.attributes.geo.long[*][*]');
        new.long_most := twin_most(new.doc, '$.attributes.geo.long[*][*]');
        new.geo_box := st_makeenvelope(
            new.long_least, new.lat_least, new.long_most, new.lat_most, 4326);
    end if;
    return new;
end
$$;
create trigger thing_place before insert or update on thing
for each row execute function thing_set_place();

-- A deleted thing's last revision: one that is made again goes on counting.
create table thing_gone (
    id text collate "C" primary key,
    revision bigint not null,
    at timestamptz not null
);

-- A state to replay from: at creation and every fifty revisions.
create table thing_snapshot (
    thing_id text collate "C" not null,
    revision bigint not null,
    time timestamptz not null,
    doc jsonb,
    primary key (thing_id, revision)
);
create index on thing_snapshot (time);

create table thing_event_shape (
    seq bigint not null default nextval('change_seq'),
    time timestamptz not null,
    thing_id text collate "C" not null,
    revision bigint not null,
    policy_id text collate "C" not null,
    action text not null,
    path text not null,
    value jsonb,
    metadata jsonb,
    actor text not null,
    correlation_id text,
    primary key (thing_id, revision, time)
);
create index on thing_event_shape (seq);
create index on thing_event_shape (thing_id, time desc);

create table ts_point_shape (
    thing_id text collate "C" not null,
    path text collate "C" not null,
    time timestamptz not null,
    revision bigint not null,
    num float8,
    txt text,
    bool boolean,
    primary key (thing_id, path, time, revision)
);
create index on ts_point_shape (path, time desc);

-- How far what boxes reported has been carried into things.
create table twin_mirror (
    only_one boolean primary key default true check (only_one),
    change bigint not null
);
insert into twin_mirror (change) values (0);

-- What ioc_premake, ioc_make_partition and ioc_drop_old may touch.
create table series (name text primary key);
insert into series values ('event'), ('camera_telemetry'), ('thing_event'), ('ts_point');

-- Every twin change on its way to a real Ditto cluster, where one is configured.
create table twin_outbox (
    seq bigint primary key,
    kind text not null check (kind in ('thing', 'policy')),
    id text collate "C" not null,
    revision bigint not null,
    -- null: deleted
    doc jsonb,
    at timestamptz not null default now(),
    attempts int not null default 0,
    last_error text
);
create index on twin_outbox (kind, id, seq);

grant select, insert, update, delete on thing, policy, policy_subject, policy_import, thing_gone
    to ioc_api;
grant select, insert on policy_revision, thing_snapshot to ioc_api;
grant select on series to ioc_api;
grant select, insert, update, delete on twin_outbox to ioc_api;
grant usage on sequence change_seq to ioc_api;
grant select, insert, update, delete on thing, policy, policy_subject, policy_import, thing_gone
    to ioc_ingest;
grant select, insert on policy_revision, thing_snapshot, twin_outbox to ioc_ingest;
grant select, update on twin_mirror to ioc_ingest;
grant select on series to ioc_ingest;
