-- Weekly native partitions for the twin's series, as for events.
create table thing_event (like thing_event_shape including all) partition by range (time);
create table thing_event_default partition of thing_event default;
create table ts_point (like ts_point_shape including all) partition by range (time);
create table ts_point_default partition of ts_point default;
drop table thing_event_shape, ts_point_shape;

create or replace function ioc_make_partition(parent text, week timestamptz) returns boolean
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    part text := ioc_partition_name(parent, week);
    rest text := parent || '_default';
    names text;
begin
    if not exists (select from series where name = parent) then
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

create or replace function ioc_premake(weeks_ahead int) returns int
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    this_week timestamptz := date_trunc('week', now(), 'UTC');
    parent text;
    week timestamptz;
    made int := 0;
begin
    for parent in select name from series loop
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

create or replace function ioc_drop_old(parent text, keep interval) returns int
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    part text;
    dropped int := 0;
begin
    if not exists (select from series where name = parent) then
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

select ioc_premake(4);
grant select, insert on thing_event, ts_point to ioc_api, ioc_ingest;
