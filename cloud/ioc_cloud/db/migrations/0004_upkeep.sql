-- Housekeeping that the ingest role may start but not shape, and the grants.

-- Forgets changes that no wall will ask for again, old telemetry, dead sessions.
create function ioc_prune(keep_events interval, keep_changes interval) returns bigint
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    gone bigint;
begin
    delete from change_log where at < now() - keep_changes;
    get diagnostics gone = row_count;
    delete from event_evidence where event_time < now() - keep_events;
    delete from app_session where expires_at < now();
    delete from login_failure where at < now() - interval '1 day';
    return gone;
end
$$;

revoke execute on function ioc_premake(int) from public;
revoke execute on function ioc_drop_old(text, interval) from public;
revoke execute on function ioc_refresh_rollup(int) from public;
revoke execute on function ioc_prune(interval, interval) from public;

-- Adds two objects of counters key by key.
create function ioc_add_counts(one jsonb, other jsonb) returns jsonb
language sql immutable as $$
    select coalesce(jsonb_object_agg(key, n), '{}') from (
        select key, sum(value::bigint) as n from (
            select * from jsonb_each_text(one) union all select * from jsonb_each_text(other)
        ) as both_sides group by key
    ) as sums
$$;

grant usage on schema public to ioc_ingest, ioc_api;
grant execute on function ioc_premake(int) to ioc_ingest;
grant execute on function ioc_drop_old(text, interval) to ioc_ingest;
grant execute on function ioc_refresh_rollup(int) to ioc_ingest;
grant execute on function ioc_prune(interval, interval) to ioc_ingest;

grant select, insert on event, camera_telemetry, event_evidence to ioc_ingest;
grant select, insert, update on camera, box, box_sequence, parked, door_count to ioc_ingest;
grant insert on rollup_dirty, change_log to ioc_ingest;
grant select on commune, change_log to ioc_ingest;
grant usage on sequence change_seq to ioc_ingest;

grant select on event, camera, box, box_sequence, camera_telemetry, commune, change_log,
    v_event_hour, event_evidence, ioc_meta, schema_migration, app_user, api_key to ioc_api;
-- Parked payloads may hold plates: the API counts them, it does not read them.
grant select (id, box, reason, times, last_at) on parked to ioc_api;
grant select, insert on evidence to ioc_api;
grant select, insert, update on door_count to ioc_api;
grant update (last_used_at) on api_key to ioc_api;
grant select, insert, delete on app_session, login_failure to ioc_api;
grant insert on audit to ioc_api;
