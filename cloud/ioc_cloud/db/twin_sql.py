"""Statements of the twin's reader and writer."""

from typing import Final

LOCK: Final = "select pg_advisory_xact_lock(%s)"

_THING: Final = """
select t.id, t.policy_id, t.doc::text, t.metadata::text, t.revision, t.created, t.modified, p.epoch
from thing as t left join policy as p on p.id = t.policy_id
where t.id = any(%s)
"""
THINGS: Final = _THING
THINGS_TO_WRITE: Final = _THING + " order by t.id for update of t"
GONE: Final = "select id, revision from thing_gone where id = any(%s)"
POLICIES: Final = """
select id, doc::text, revision, epoch, created, modified from policy where id = any(%s)
"""
POLICIES_TO_WRITE: Final = POLICIES + " order by id for update"
POLICY_LAST_REVISION: Final = (
    "select coalesce(max(revision), 0) from policy_revision where policy_id = %s"
)

PUT_THINGS: Final = """
insert into thing as t (id, policy_id, doc, metadata, revision, created, modified)
select r.id, r.policy_id, r.doc, r.metadata, r.revision, r.created, r.modified
from unnest(
    %(ids)s::text[], %(policies)s::text[], %(docs)s::jsonb[], %(metadata)s::jsonb[],
    %(revisions)s::bigint[], %(created)s::timestamptz[], %(modified)s::timestamptz[]
) as r (id, policy_id, doc, metadata, revision, created, modified)
on conflict (id) do update set
    policy_id = excluded.policy_id, doc = excluded.doc, metadata = excluded.metadata,
    revision = excluded.revision, modified = excluded.modified
"""
UNDO_GONE: Final = "delete from thing_gone where id = any(%s)"
DELETE_THINGS: Final = """
with gone as (delete from thing where id = any(%(ids)s) returning id)
insert into thing_gone (id, revision, at)
select r.id, r.revision, %(now)s
from unnest(%(ids)s::text[], %(revisions)s::bigint[]) as r (id, revision)
on conflict (id) do update set revision = excluded.revision, at = excluded.at
"""
ADD_EVENTS: Final = """
insert into thing_event (
    time, thing_id, revision, policy_id, action, path, value, metadata, actor, correlation_id
)
select r.time, r.id, r.revision, r.policy_id, r.action, r.path, r.value, r.metadata, r.actor,
    r.correlation_id
from unnest(
    %(times)s::timestamptz[], %(ids)s::text[], %(revisions)s::bigint[], %(policies)s::text[],
    %(actions)s::text[], %(paths)s::text[], %(values)s::jsonb[], %(metadata)s::jsonb[],
    %(actors)s::text[], %(correlations)s::text[]
) with ordinality as r (
    time, id, revision, policy_id, action, path, value, metadata, actor, correlation_id, n
)
order by r.n
"""
ADD_SNAPSHOTS: Final = """
insert into thing_snapshot (thing_id, revision, time, doc)
select * from unnest(
    %(ids)s::text[], %(revisions)s::bigint[], %(times)s::timestamptz[], %(docs)s::jsonb[]
)
"""
# The hours that new points fall into are counted anew; see `v_ts_hour`.
ADD_POINTS: Final = """
with added as (
    insert into ts_point (thing_id, path, time, revision, num, txt, bool)
    select * from unnest(
        %(ids)s::text[], %(paths)s::text[], %(times)s::timestamptz[], %(revisions)s::bigint[],
        %(num)s::float8[], %(txt)s::text[], %(bool)s::boolean[]
    )
    on conflict do nothing
    returning thing_id, path, time
)
insert into ts_dirty (thing_id, path, bucket)
select distinct thing_id, path, date_trunc('hour', time, 'UTC') from added
"""
ADD_TO_OUTBOX: Final = """
insert into twin_outbox (seq, kind, id, revision, doc)
select nextval('change_seq'), r.kind, r.id, r.revision, r.doc
from unnest(%(kinds)s::text[], %(ids)s::text[], %(revisions)s::bigint[], %(docs)s::jsonb[])
    with ordinality as r (kind, id, revision, doc, n)
order by r.n
"""
NOTIFY: Final = "select pg_notify('ioc_twin', %s)"

PUT_POLICY: Final = """
insert into policy as p (id, doc, revision, epoch, created, modified)
values (%(id)s, %(doc)s::jsonb, %(revision)s, nextval('change_seq'), %(created)s, %(modified)s)
on conflict (id) do update set
    doc = excluded.doc, revision = excluded.revision, epoch = excluded.epoch,
    modified = excluded.modified
returning epoch
"""
DELETE_POLICY: Final = "delete from policy where id = %s"
# Whoever imports it has changed with it.
TOUCH_IMPORTERS: Final = """
update policy set epoch = nextval('change_seq')
where id in (select policy_id from policy_import where imported = %s)
"""
CLEAR_POLICY_INDEX: Final = """
with subjects as (delete from policy_subject where policy_id = %(id)s)
delete from policy_import where policy_id = %(id)s
"""
ADD_POLICY_SUBJECTS: Final = """
insert into policy_subject (policy_id, subject, expires_at)
select %(id)s, * from unnest(%(subjects)s::text[], %(expiries)s::timestamptz[])
"""
ADD_POLICY_IMPORTS: Final = """
insert into policy_import (policy_id, imported) select %(id)s, unnest(%(imported)s::text[])
"""
ADD_POLICY_REVISION: Final = """
insert into policy_revision (policy_id, revision, time, action, path, value, doc, actor)
values (%(id)s, %(revision)s, %(time)s, %(action)s, %(path)s, %(value)s::jsonb, %(doc)s::jsonb,
    %(actor)s)
"""

# Policies that name the caller, or import one that does, by what they say.
POLICIES_OF_CALLER: Final = """
with named as (
    select policy_id from policy_subject
    where subject = any(%(subjects)s) and (expires_at is null or expires_at > now())
), reached as (
    select policy_id from named
    union
    select i.policy_id from policy_import as i join named as n on n.policy_id = i.imported
)
select min(p.id), array_agg(p.id)
from policy as p join reached as r on r.policy_id = p.id
group by p.digest
"""
NAMESPACES_OF_POLICIES: Final = "select distinct ns from thing where policy_id = any(%s)"
EPOCH: Final = "select epoch from policy where id = %s"
POLICY_OF_THING: Final = "select policy_id from thing where id = %s"
POLICY_DOC: Final = "select doc::text from policy where id = %s"
