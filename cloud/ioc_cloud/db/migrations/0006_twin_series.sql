-- Series of the twin by the hour, the end of its past, and communes across boundaries.
--
-- Points come late: a box that was away sends yesterday's. So every writer puts the hours
-- that it touched on `ts_dirty` in its own transaction, and `v_ts_hour` takes those from
-- the points themselves: the view is exact at every moment, the refresher only makes it
-- quick (compare 0003_rollup.sql). The siblings of this file make `ioc_bucket`; on the
-- community edition a continuous aggregate takes the place of `ts_rollup_hour`.
create table ts_dirty (
    n bigint generated always as identity primary key,
    thing_id text collate "C" not null,
    path text collate "C" not null,
    bucket timestamptz not null
);
create index on ts_dirty (thing_id, path, bucket);

-- A point's value as JSON, of whatever type it is.
create function ioc_point_value(num float8, txt text, bool boolean) returns jsonb
language sql immutable parallel safe as $$
    select case
        when num is not null then to_jsonb(num)
        when txt is not null then to_jsonb(txt)
        else to_jsonb(bool)
    end
$$;

-- n counts points of any type, `numbers` those that are numbers; m2 is the sum of squared
-- distances from the mean, from which deviations of longer buckets follow without
-- cancellation.
create table ts_rollup_hour (
    thing_id text collate "C" not null,
    path text collate "C" not null,
    bucket timestamptz not null,
    n bigint not null,
    numbers bigint not null,
    total float8,
    mean float8,
    m2 float8,
    low float8,
    high float8,
    first_value jsonb,
    last_value jsonb,
    primary key (thing_id, path, bucket)
);

-- One hour of one series, from its points.
create function ioc_hour_of(wanted_thing text, wanted_path text, hour timestamptz)
returns table (
    n bigint, numbers bigint, total float8, mean float8, m2 float8, low float8, high float8,
    first_value jsonb, last_value jsonb
)
language sql stable parallel safe as $$
    select
        count(*), count(p.num), sum(p.num), avg(p.num), regr_sxx(p.num, p.num), min(p.num),
        max(p.num),
        (array_agg(ioc_point_value(p.num, p.txt, p.bool) order by p.time, p.revision))[1],
        (array_agg(
            ioc_point_value(p.num, p.txt, p.bool) order by p.time desc, p.revision desc
        ))[1]
    from ts_point as p
    where p.thing_id = wanted_thing and p.path = wanted_path
        and p.time >= hour and p.time < hour + interval '1 hour'
    having count(*) > 0
$$;

create view v_ts_hour as
select r.*
from ts_rollup_hour as r
where not exists (
    select from ts_dirty as d
    where d.thing_id = r.thing_id and d.path = r.path and d.bucket = r.bucket
)
union all
select d.thing_id, d.path, d.bucket, h.*
from (select distinct thing_id, path, bucket from ts_dirty) as d
cross join lateral ioc_hour_of(d.thing_id, d.path, d.bucket) as h;

-- Takes dirty hours off the list first: a point that commits in between puts its hour
-- back on it, so none is ever missed.
create function ioc_refresh_ts(most int) returns int
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    things text[];
    paths text[];
    buckets timestamptz[];
begin
    with picked as (
        select distinct thing_id, path, bucket from (
            select thing_id, path, bucket from ts_dirty order by n limit most
        ) as oldest
    ), taken as (
        delete from ts_dirty as d using picked as p
        where d.thing_id = p.thing_id and d.path = p.path and d.bucket = p.bucket
        returning d.thing_id, d.path, d.bucket
    )
    select array_agg(t.thing_id), array_agg(t.path), array_agg(t.bucket)
    into things, paths, buckets
    from (select distinct * from taken) as t;
    if things is null then
        return 0;
    end if;
    insert into ts_rollup_hour
    select k.thing_id, k.path, k.bucket, h.*
    from unnest(things, paths, buckets) as k (thing_id, path, bucket)
    cross join lateral ioc_hour_of(k.thing_id, k.path, k.bucket) as h
    on conflict (thing_id, path, bucket) do update set
        n = excluded.n, numbers = excluded.numbers, total = excluded.total,
        mean = excluded.mean, m2 = excluded.m2, low = excluded.low, high = excluded.high,
        first_value = excluded.first_value, last_value = excluded.last_value;
    return cardinality(things);
end
$$;

-- Forgets the past before `keep`: of each thing only the newest state before that moment
-- stays, and nothing of things that were gone by then. Whoever calls it has first written
-- a snapshot of what things were at that moment, null for those that were gone
-- (`twin.ioc.asof.prune`): the events before it are dropped too.
create function ioc_prune_twin(keep interval) returns bigint
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    -- Whole weeks, as the events go; a cut that moved with the clock would write every
    -- thing's state anew at every round.
    cutoff timestamptz := date_trunc('week', now() - keep, 'UTC');
    pruned bigint;
begin
    delete from thing_snapshot as s
    using (
        select thing_id, max(revision) as kept from thing_snapshot
        where time <= cutoff group by thing_id
    ) as k
    where s.thing_id = k.thing_id and s.revision < k.kept;
    get diagnostics pruned = row_count;
    delete from thing_snapshot where doc is null and time <= cutoff;
    insert into ioc_meta (key, value) values ('twin_history_from', to_jsonb(cutoff))
    on conflict (key) do update set value = excluded.value
    where (ioc_meta.value #>> '{}')::timestamptz < (excluded.value #>> '{}')::timestamptz;
    return pruned;
end
$$;

-- Since when every moment can be shown; null: since the beginning.
create function ioc_twin_history_from() returns timestamptz
language sql stable security definer set search_path = public, pg_temp as $$
    select (value #>> '{}')::timestamptz from ioc_meta where key = 'twin_history_from'
$$;

-- Communes of today and of before 2025-07-01, and which became which.
create table commune_area (
    code text collate "C" primary key,
    name_vi text not null,
    kind text not null,
    level text not null check (level in ('province', 'district', 'commune')),
    district_vi text,
    province_vi text,
    valid_from date,
    -- The first day on which it was no more; null: it is.
    valid_to date
);
create table commune_crosswalk (
    old_code text collate "C" not null references commune_area (code) on delete cascade,
    new_code text collate "C" not null references commune_area (code) on delete cascade,
    relation text not null,
    -- The share of the old commune that lies in the new one; shares of an old one add up to 1.
    weight float8 not null check (weight > 0 and weight <= 1),
    -- What the share was measured by: `whole` where nothing was divided.
    weight_source text not null,
    primary key (old_code, new_code)
);
create index on commune_crosswalk (new_code);

revoke execute on function ioc_refresh_ts(int) from public;
revoke execute on function ioc_prune_twin(interval) from public;
revoke execute on function ioc_twin_history_from() from public;
grant execute on function ioc_twin_history_from() to ioc_ingest, ioc_api;
grant execute on function ioc_refresh_ts(int) to ioc_ingest;
grant execute on function ioc_prune_twin(interval) to ioc_ingest;
grant insert on ts_dirty to ioc_api, ioc_ingest;
grant select on v_ts_hour, commune_area, commune_crosswalk to ioc_api;
grant select on thing_snapshot, thing_event to ioc_ingest;
