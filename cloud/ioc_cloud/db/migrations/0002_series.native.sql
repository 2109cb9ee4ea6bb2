-- Weekly native partitions, cut at Monday 00:00 UTC. Rows of weeks that nobody has
-- made yet (a box that replays last year) land in the DEFAULT partition and move to
-- their own at the next round of maintenance.
create table event (like event_shape including all) partition by range (time);
create table event_default partition of event default;
create table camera_telemetry (like camera_telemetry_shape including all)
partition by range (time);
create table camera_telemetry_default partition of camera_telemetry default;
drop table event_shape, camera_telemetry_shape;

create function ioc_partition_name(parent text, week timestamptz) returns text
language sql immutable as $$
    select parent || '_' || to_char(week at time zone 'UTC', 'YYYYMMDD')
$$;

-- Makes the partition of one week and moves its rows out of the DEFAULT partition.
create function ioc_make_partition(parent text, week timestamptz) returns boolean
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    part text := ioc_partition_name(parent, week);
    rest text := parent || '_default';
    names text;
begin
    if parent not in ('event', 'camera_telemetry') then
        raise exception 'no series named %', parent;
    end if;
    if to_regclass(part) is not null then
        return false;
    end if;
    select string_agg(quote_ident(attname), ', ' order by attnum) into names
    from pg_attribute
    where attrelid = parent::regclass and attnum > 0 and not attisdropped and attgenerated = '';
    execute format('lock table %I in access exclusive mode', rest);
    execute format('create table %I (like %I including all)', part, parent);
    execute format(
        'with moved as (delete from %1$I where time >= %2$L and time < %3$L returning *)'
        ' insert into %4$I (%5$s) select %5$s from moved',
        rest, week, week + interval '7 days', part, names);
    execute format(
        'alter table %I attach partition %I for values from (%L) to (%L)',
        parent, part, week, week + interval '7 days');
    return true;
end
$$;

-- Keeps weeks ready ahead of time and gives each week in DEFAULT its own partition.
create function ioc_premake(weeks_ahead int) returns int
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    this_week timestamptz := date_trunc('week', now(), 'UTC');
    parent text;
    week timestamptz;
    made int := 0;
begin
    foreach parent in array array['event', 'camera_telemetry'] loop
        for week in
            select this_week + n * interval '7 days' from generate_series(-1, weeks_ahead) as n
        loop
            made := made + ioc_make_partition(parent, week)::int;
        end loop;
        for week in execute format(
            'select distinct date_trunc(''week'', time, ''UTC'') from %I_default', parent)
        loop
            made := made + ioc_make_partition(parent, week)::int;
        end loop;
    end loop;
    return made;
end
$$;

-- Drops whole weeks that ended longer ago than `keep`.
create function ioc_drop_old(parent text, keep interval) returns int
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    part text;
    dropped int := 0;
begin
    if parent not in ('event', 'camera_telemetry') then
        raise exception 'no series named %', parent;
    end if;
    for part in
        select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = parent::regclass and c.relname ~ ('^' || parent || '_\d{8}$')
            and to_date(right(c.relname, 8), 'YYYYMMDD') + 7 < (now() - keep)::date
    loop
        execute format('drop table %I', part);
        dropped := dropped + 1;
    end loop;
    return dropped;
end
$$;

revoke execute on function ioc_make_partition(text, timestamptz) from public;
select ioc_premake(4);
