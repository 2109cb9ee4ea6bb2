-- Feeds: what was delivered, by whom, in which version; what was refused, with its reason;
-- figures made of it; four scores a day. Rows are added and never changed, so that what a
-- screen once showed can be shown again.
do $$
begin
    if not exists (select from pg_roles where rolname = 'ioc_feeds') then
        create role ioc_feeds nologin;
    end if;
end
$$;

alter table api_key add column feeds text[] not null default '{}';
alter table app_user add column feeds text[] not null default '{}';

-- Every wording of a contract that something was judged by.
create table feed_contract (
    feed text not null,
    sha256 text not null,
    rules_sha256 text not null,
    version int not null,
    body jsonb not null,
    first_seen_at timestamptz not null,
    primary key (feed, sha256)
);

create table feed_batch (
    id bigint generated always as identity primary key,
    feed text not null,
    door text not null check (door in ('rest', 'pull', 'folder', 'sftp', 'mqtt', 'upload', 'cli', 'events')),
    provenance text not null check (provenance in ('api', 'file', 'manual', 'derived', 'simulated')),
    sent_by text not null,
    idempotency_key text,
    -- Of what was said, for a key that comes again; of the original's bytes, for a file that does.
    content_sha256 bytea not null,
    original_sha256 bytea,
    original_name text,
    original_bytes bigint,
    media_type text,
    contract_sha256 text not null,
    status text not null check (status in ('accepted', 'partial', 'refused', 'undone')),
    rows_in int not null,
    rows_new int not null,
    rows_changed int not null,
    rows_same int not null,
    rows_parked int not null,
    -- Totals by table and field: as the source counted them, and of the rows that were taken.
    controls jsonb not null default '{}',
    taken jsonb not null default '{}',
    problems jsonb not null default '{}',
    changed_at timestamptz,
    received_at timestamptz not null,
    signed_by text,
    note text not null default '',
    undone_at timestamptz,
    undone_by text,
    undo_reason text,
    -- Set when scores were taken anew and its figures stand in the things.
    settled_at timestamptz,
    unique (feed, idempotency_key)
);
create index feed_batch_received on feed_batch (feed, received_at desc);
create index feed_batch_original on feed_batch (feed, original_sha256) where original_sha256 is not null;
create index feed_batch_unsettled on feed_batch (id) where settled_at is null;

create table feed_row (
    feed text not null,
    tbl text not null,
    period_start timestamptz not null,
    area text not null,
    -- Further parts of the key, joined by |; empty where the table has none.
    key text not null,
    version int not null,
    period text not null,
    batch_id bigint not null references feed_batch (id),
    row_no int not null,
    place text not null default '',
    cells jsonb not null,
    as_of timestamptz not null,
    received_at timestamptz not null,
    provenance text not null,
    primary key (feed, tbl, period_start, area, key, version)
);
create index feed_row_batch on feed_row (batch_id);

-- A version counts unless its batch was undone; then the one before counts again.
create view feed_row_now as
select distinct on (r.feed, r.tbl, r.period_start, r.area, r.key) r.*
from feed_row r
join feed_batch b on b.id = r.batch_id and b.undone_at is null
order by r.feed, r.tbl, r.period_start, r.area, r.key, r.version desc;

-- A row that was kept out, as it came.
create table feed_parked_row (
    id bigint generated always as identity primary key,
    batch_id bigint not null references feed_batch (id),
    feed text not null,
    tbl text not null,
    row_no int not null,
    place text not null default '',
    area text,
    period text,
    period_start timestamptz,
    key text,
    raw jsonb not null,
    received_at timestamptz not null
);
create index feed_parked_row_when on feed_parked_row (feed, tbl, period_start);
create index feed_parked_row_batch on feed_parked_row (batch_id);

create table feed_problem (
    batch_id bigint not null references feed_batch (id),
    n int not null,
    tbl text not null,
    row_no int not null,
    place text not null default '',
    field text,
    rule text not null,
    dimension text not null check (dimension in ('correct', 'complete', 'clean')),
    severity text not null check (severity in ('error', 'warning')),
    value text,
    vi text not null,
    en text not null,
    primary key (batch_id, n)
);

create table figure (
    indicator text not null,
    area text not null,
    period_start timestamptz not null,
    version int not null,
    feed text not null,
    period text not null,
    period_end timestamptz not null,
    -- Null where an earlier version was withdrawn and nothing took its place.
    value float8,
    numerator float8,
    denominator float8,
    -- Rows behind it, and rows that there should be; less means that the whole is a part.
    covered int not null,
    expected int,
    as_of timestamptz not null,
    received_at timestamptz not null,
    provenance text not null,
    -- Written in the transaction that wrote the batch, and no batch is ever deleted: a foreign key
    -- would take a quarter of a large delivery's time to find that out a row at a time.
    batch_id bigint,
    primary key (indicator, area, period_start, version)
);
create index figure_feed on figure (feed, period_start);

create view figure_now as
select distinct on (indicator, area, period_start) *
from figure
order by indicator, area, period_start, version desc;

create table feed_quality (
    feed text not null,
    day date not null,
    version int not null,
    correct float8,
    complete float8,
    clean float8,
    live float8,
    grade float8,
    n_rows int not null,
    n_expected int,
    owner text not null,
    rules_sha256 text not null,
    cause text not null check (cause in ('nightly', 'delivery', 'undo', 'asked')),
    detail jsonb not null,
    computed_at timestamptz not null,
    primary key (feed, day, version)
);
create view feed_quality_now as
select distinct on (feed, day) * from feed_quality order by feed, day, version desc;

-- What lowered a score, cell by cell.
create table feed_quality_cell (
    feed text not null,
    day date not null,
    version int not null,
    n int not null,
    dimension text not null check (dimension in ('correct', 'complete', 'clean', 'live')),
    tbl text not null,
    area text,
    period text,
    key text,
    field text,
    rule text not null,
    value text,
    batch_id bigint,
    place text not null default '',
    vi text not null,
    en text not null,
    primary key (feed, day, version, n),
    foreign key (feed, day, version) references feed_quality (feed, day, version)
);

create table feed_explanation (
    id bigint generated always as identity primary key,
    feed text not null,
    day date not null,
    said_by text not null,
    said_at timestamptz not null,
    text text not null
);
create index feed_explanation_day on feed_explanation (feed, day);

-- Null feed: the whole house stood still.
create table feed_maintenance (
    id bigint generated always as identity primary key,
    feed text,
    starts_at timestamptz not null,
    ends_at timestamptz not null check (ends_at > starts_at),
    reason text not null,
    entered_by text not null,
    entered_at timestamptz not null,
    cancelled_at timestamptz
);

-- Whom we told of what is due; once a stage.
create table feed_notice (
    id bigint generated always as identity primary key,
    feed text not null,
    tbl text not null,
    period text not null,
    stage text not null,
    addressee text not null check (addressee in ('owner', 'deputy', 'head')),
    account text not null default '',
    name text not null default '',
    due_at timestamptz not null,
    at timestamptz not null,
    vi text not null,
    en text not null,
    sent_at timestamptz,
    tried_at timestamptz,
    failures int not null default 0,
    failure text,
    read_at timestamptz,
    unique (feed, tbl, period, stage, addressee)
);

-- How each source that we ask stands.
create table feed_source (
    feed text primary key,
    cursor text,
    tried_at timestamptz,
    answered_at timestamptz,
    failures int not null default 0,
    failure text,
    next_at timestamptz
);

create function feed_is_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'rows of % are never changed', tg_table_name using errcode = '42501';
end
$$;
do $$
declare
    name text;
begin
    foreach name in array array[
        'feed_row', 'figure', 'feed_quality', 'feed_quality_cell', 'feed_explanation', 'feed_problem'
    ] loop
        execute format(
            'create trigger %I before update on %I for each row execute function feed_is_append_only()',
            name || '_append_only', name
        );
    end loop;
end
$$;

grant select, insert on feed_contract, feed_batch, feed_row, feed_parked_row, feed_problem, figure,
feed_quality, feed_quality_cell, feed_explanation, feed_maintenance, feed_notice, feed_source
to ioc_api, ioc_feeds;
grant select on feed_row_now, figure_now, feed_quality_now to ioc_api, ioc_feeds;
grant update (status, undone_at, undone_by, undo_reason, settled_at) on feed_batch to ioc_api, ioc_feeds;
grant update (cancelled_at) on feed_maintenance to ioc_api;
grant update (sent_at, tried_at, failures, failure, read_at) on feed_notice to ioc_api, ioc_feeds;
grant update on feed_source to ioc_feeds, ioc_api;

create index feed_notice_unsent on feed_notice (id) where sent_at is null;

-- Figures and scores are written into the things that show them.
grant select, insert, update, delete on thing, policy, policy_subject, policy_import, thing_gone
to ioc_feeds;
grant select, insert on policy_revision, thing_snapshot, twin_outbox, thing_event, ts_point
to ioc_feeds;
grant insert on ts_dirty to ioc_feeds;
grant usage on sequence change_seq to ioc_feeds;

-- What the doors of feeds read of our own events, and where they put what they cannot read.
grant select on event, camera, camera_telemetry, commune, change_log to ioc_feeds;
grant select, insert, update on parked, door_count to ioc_feeds;
