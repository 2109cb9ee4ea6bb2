-- Community edition: hours in a continuous aggregate. A job refreshes what is dirty and
-- then takes it off the list, so the view stays exact for late points too: until the
-- refresh has ended, their hours come from the points.
drop view v_ts_hour;
drop function ioc_refresh_ts(int);
drop table ts_rollup_hour;

-- Several changes in one transaction share their time; the revision tells which came last.
create function ioc_point_order(at timestamptz, revision bigint) returns numeric
language sql immutable parallel safe as $$
    select extract(epoch from at at time zone 'UTC') * 1000000 * 1e19 + revision
$$;

create materialized view ts_rollup_hour
with (timescaledb.continuous, timescaledb.materialized_only = true) as
select
    thing_id, path, time_bucket('1 hour', time) as bucket, count(*) as n, count(num) as numbers,
    sum(num) as total, avg(num) as mean, regr_sxx(num, num) as m2, min(num) as low,
    max(num) as high,
    first(ioc_point_value(num, txt, bool), ioc_point_order(time, revision)) as first_value,
    last(ioc_point_value(num, txt, bool), ioc_point_order(time, revision)) as last_value
from ts_point
group by thing_id, path, time_bucket('1 hour', time)
with no data;

create view v_ts_hour as
select r.thing_id, r.path, r.bucket, r.n, r.numbers, r.total, r.mean, r.m2, r.low, r.high,
    r.first_value, r.last_value
from ts_rollup_hour as r
where not exists (
    select from ts_dirty as d
    where d.thing_id = r.thing_id and d.path = r.path and d.bucket = r.bucket
)
union all
select d.thing_id, d.path, d.bucket, h.*
from (select distinct thing_id, path, bucket from ts_dirty) as d
cross join lateral ioc_hour_of(d.thing_id, d.path, d.bucket) as h;

-- A refresh needs transactions of its own, and the view's owner: so a job, not upkeep.
create procedure ioc_refresh_ts_job(job_id int, config jsonb) language plpgsql as $$
declare
    since timestamptz;
    until timestamptz;
    upto bigint;
begin
    -- Lines that come after this one may belong to points that the refresh does not see.
    select max(n) into upto from ts_dirty;
    -- Hours that follow one another are refreshed together, a week at most.
    for since, until in
        select min(bucket), max(bucket) + interval '1 hour'
        from (
            select bucket, bucket - row_number() over (order by bucket) * interval '1 hour' as run
            from (select distinct bucket from ts_dirty where n <= upto) as d
        ) as dirty
        group by run, date_trunc('week', bucket, 'UTC')
        order by 1
    loop
        call refresh_continuous_aggregate('ts_rollup_hour', since, until);
        delete from ts_dirty where n <= upto and bucket >= since and bucket < until;
        commit;
    end loop;
end
$$;
select add_job('ioc_refresh_ts_job', interval '1 minute');

create function ioc_refresh_ts(most int) returns int language sql as $$ select 0 $$;

revoke execute on function ioc_refresh_ts(int) from public;
revoke execute on procedure ioc_refresh_ts_job(int, jsonb) from public;
grant execute on function ioc_refresh_ts(int) to ioc_ingest;
grant select on v_ts_hour to ioc_api;
