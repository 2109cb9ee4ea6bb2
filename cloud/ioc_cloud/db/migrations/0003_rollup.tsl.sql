-- Community edition keeps the same figures in a real-time continuous aggregate.
drop view v_event_hour;
create materialized view event_hour
with (timescaledb.continuous, timescaledb.materialized_only = false) as
select time_bucket(interval '1 hour', time) as bucket, commune, kind, simulated, count(*) as n
from event
group by 1, 2, 3, 4
with no data;
select add_continuous_aggregate_policy('event_hour', start_offset => interval '400 days',
    end_offset => interval '1 hour', schedule_interval => interval '5 minutes');
create view v_event_hour as select bucket, commune, kind, simulated, n from event_hour;

create or replace function ioc_refresh_rollup(hours int) returns int
language sql security definer set search_path = public, pg_temp as $$
    with taken as (delete from rollup_dirty returning bucket)
    select count(distinct bucket)::int from taken
$$;
