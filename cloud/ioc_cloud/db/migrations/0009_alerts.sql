-- Alerts and tasks: what is wrong, whose it is, until when, and every step that was taken.
create table sop (
    sha256 text primary key,
    kind text not null,
    body jsonb not null,
    first_seen_at timestamptz not null
);

create table alert (
    id bigint generated always as identity primary key,
    kind text not null check (kind in (
        'threshold', 'anomaly', 'data_task', 'provider_down', 'vessel_silent', 'camera_offline'
    )),
    severity text not null check (severity in ('warn', 'danger')),
    -- What it is about: an indicator's code, a feed, a feed with its provider, a camera.
    subject text not null,
    feed text,
    indicator text,
    area text not null,
    lon float8,
    lat float8,
    geog geography (point, 4326) generated always as (
        st_setsrid(st_makepoint(lon, lat), 4326)::geography
    ) stored,
    -- The newest figure that it was judged by; `figure_version` tells a correction from a repeat.
    period text not null default '',
    period_start timestamptz,
    figure_version int,
    value float8,
    detail jsonb not null default '{}',
    reason_vi text not null,
    reason_en text not null,
    as_of timestamptz not null,
    received_at timestamptz not null,
    provenance text not null check (provenance in ('api', 'file', 'manual', 'derived', 'simulated')),
    opened_at timestamptz not null,
    -- Whose duty it is: of the contract at first, later whoever it was handed to.
    owner_role text not null,
    owner_account text not null default '',
    owner_name text not null default '',
    owner_post_vi text not null default '',
    owner_post_en text not null default '',
    due_at timestamptz not null,
    escalated text check (escalated in ('owner', 'deputy', 'head')),
    state text not null default 'open' check (
        state in ('open', 'acknowledged', 'handed_over', 'closed', 'false_alarm')
    ),
    -- Set while somebody holds an alert whose cause has gone.
    cleared_at timestamptz,
    closed_at timestamptz,
    result text not null default '',
    sop_kind text not null,
    sop_sha256 text not null references sop (sha256),
    version int not null default 1
);
-- One at a time; the same trouble again makes the open one worse, not more.
create unique index alert_unfinished on alert (kind, subject, area)
where state not in ('closed', 'false_alarm');
create index alert_of on alert (kind, subject, area, id desc);
create index alert_opened on alert (opened_at desc, id desc);
create index alert_geog on alert using gist (geog) where geog is not null;

create table alert_step (
    alert bigint not null references alert (id),
    n int not null,
    at timestamptz not null,
    by text not null,
    action text not null check (action in (
        'opened', 'escalated', 'worse', 'cleared', 'returned', 'acknowledged', 'handed_over',
        'sop', 'note', 'closed', 'false_alarm', 'reopened'
    )),
    note text not null default '',
    from_state text,
    to_state text not null,
    detail jsonb not null default '{}',
    primary key (alert, n)
);
create function alert_step_is_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'steps of alerts are never changed or removed' using errcode = '42501';
end
$$;
create trigger alert_step_append_only before update or delete on alert_step
for each row execute function alert_step_is_append_only();
create trigger alert_step_no_truncate before truncate on alert_step
for each statement execute function alert_step_is_append_only();

-- What people said of alerts; the threshold of an indicator's anomalies follows from it.
create table alert_feedback (
    id bigint generated always as identity primary key,
    alert bigint not null references alert (id),
    kind text not null,
    indicator text not null,
    was_right boolean not null,
    said_by text not null,
    said_at timestamptz not null,
    reason text not null default '',
    -- Set when the alert was opened again.
    withdrawn_at timestamptz
);
create index alert_feedback_of on alert_feedback (indicator, id) where withdrawn_at is null;

-- How far figures have been judged.
create table alert_run (
    only_one boolean primary key default true check (only_one),
    at timestamptz not null
);

grant select, insert on sop, alert, alert_step, alert_feedback to ioc_api, ioc_feeds;
grant update (
    severity, period, period_start, figure_version, value, detail, reason_vi, reason_en, as_of,
    received_at, provenance, owner_role, owner_account, owner_name, owner_post_vi, owner_post_en,
    due_at, escalated, state, cleared_at, closed_at, result, version
) on alert to ioc_api, ioc_feeds;
grant update (withdrawn_at) on alert_feedback to ioc_api;
grant select, insert, update on alert_run to ioc_feeds;
grant usage on schema public to ioc_feeds;
grant select on camera, commune, box to ioc_feeds;
