-- Hypertables with weekly chunks; chunks make themselves, so premake has nothing to do.
create table event (like event_shape including all);
select create_hypertable('event', 'time', chunk_time_interval => interval '7 days',
    create_default_indexes => false);
create table camera_telemetry (like camera_telemetry_shape including all);
select create_hypertable('camera_telemetry', 'time', chunk_time_interval => interval '7 days',
    create_default_indexes => false);
drop table event_shape, camera_telemetry_shape;

create function ioc_premake(weeks_ahead int) returns int language sql as $$ select 0 $$;

create function ioc_drop_old(parent text, keep interval) returns int
language plpgsql security definer set search_path = public, pg_temp as $$
begin
    if parent not in ('event', 'camera_telemetry') then
        raise exception 'no series named %', parent;
    end if;
    return (select count(*) from drop_chunks(parent::regclass, older_than => keep));
end
$$;
