-- Hypertables for the twin's series, as for events.
create table thing_event (like thing_event_shape including all);
select create_hypertable('thing_event', 'time', chunk_time_interval => interval '7 days',
    create_default_indexes => false);
create table ts_point (like ts_point_shape including all);
select create_hypertable('ts_point', 'time', chunk_time_interval => interval '7 days',
    create_default_indexes => false);
drop table thing_event_shape, ts_point_shape;

create or replace function ioc_drop_old(parent text, keep interval) returns int
language plpgsql security definer set search_path = public, pg_temp as $$
begin
    if not exists (select from series where name = parent) then
        raise exception 'no series named %', parent;
    end if;
    return (select count(*) from drop_chunks(parent::regclass, older_than => keep));
end
$$;

grant select, insert on thing_event, ts_point to ioc_api, ioc_ingest;
