-- Where a time's bucket begins. Whole days follow the calendar of the zone, so one may
-- have 23 or 25 hours; shorter steps are counted from 2000-01-01 in the zone.
create function ioc_bucket(step interval, at timestamptz, zone text) returns timestamptz
language sql stable parallel safe as $$
    select case
        when extract(epoch from step)::bigint % 86400 = 0
            then date_bin(step, at at time zone zone, timestamp '2000-01-01') at time zone zone
        else date_bin(step, at, timestamp '2000-01-01' at time zone zone)
    end
$$;
