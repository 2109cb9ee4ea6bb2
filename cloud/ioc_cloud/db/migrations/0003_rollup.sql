-- Events by hour, commune and kind; `v_event_hour` is what walls read.
--
-- Every batch writes the hours it touched to `rollup_dirty` in its own transaction.
-- The view takes dirty hours from the rows themselves, so it is exact at all times,
-- for late events too; the refresher keeps the dirty list short.
create table rollup_event_hour (
    bucket timestamptz not null,
    commune text,
    kind text not null,
    simulated boolean not null,
    n bigint not null,
    unique nulls not distinct (bucket, commune, kind, simulated)
);
create table rollup_dirty (
    bucket timestamptz not null,
    at timestamptz not null default now()
);
create index rollup_dirty_bucket on rollup_dirty (bucket);

create view v_event_hour as
select bucket, commune, kind, simulated, n
from rollup_event_hour as r
where not exists (select from rollup_dirty as d where d.bucket = r.bucket)
union all
select d.bucket, e.commune, e.kind, e.simulated, count(*) as n
from (select distinct bucket from rollup_dirty) as d
cross join lateral (
    select commune, kind, simulated from event
    where time >= d.bucket and time < d.bucket + interval '1 hour'
) as e
group by d.bucket, e.commune, e.kind, e.simulated;

-- Takes dirty hours off the list first: an event that commits in between puts its
-- hour back on it, so no count is ever missed.
create function ioc_refresh_rollup(hours int) returns int
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    hour timestamptz;
    done int := 0;
begin
    for hour in
        with picked as (
            select distinct bucket from rollup_dirty order by bucket limit hours
        ), taken as (
            delete from rollup_dirty where bucket in (select bucket from picked) returning bucket
        )
        select distinct bucket from taken
    loop
        delete from rollup_event_hour where bucket = hour;
        insert into rollup_event_hour (bucket, commune, kind, simulated, n)
        select hour, commune, kind, simulated, count(*) from event
        where time >= hour and time < hour + interval '1 hour'
        group by commune, kind, simulated;
        done := done + 1;
    end loop;
    return done;
end
$$;
