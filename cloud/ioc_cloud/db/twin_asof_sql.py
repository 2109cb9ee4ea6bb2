"""Statements that put together what all things were at one moment."""

from typing import Final

# Each thing's newest snapshot before the moment, and whose rules stand over it now: the
# policy of the thing that is there, else of the last change of one that was. `{visible}`
# is a condition on things that are there; those that are gone are looked at one by one.
STATES: Final = """
with held as materialized (
    select distinct on (s.thing_id) s.thing_id, s.revision, s.time, s.doc::text as doc
    from thing_snapshot as s left join thing as t on t.id = s.thing_id
    where s.thing_id > %(after)s and s.time <= %(time)s
        and (
            %(namespaces)s::text[] is null
            or split_part(s.thing_id, ':', 1) = any(%(namespaces)s::text[])
        )
        and (t.id is null or {visible})
    order by s.thing_id, s.revision desc
    limit %(most)s
)
select h.thing_id, h.revision, h.time, h.doc, owned.policy_id, p.epoch,
    case when t.created <= %(time)s then t.created else (
        select b.time from thing_snapshot as b
        where b.thing_id = h.thing_id order by b.revision limit 1
    ) end
from held as h
left join thing as t on t.id = h.thing_id
cross join lateral (
    select coalesce(t.policy_id, (
        select e.policy_id from thing_event as e
        where e.thing_id = h.thing_id order by e.revision desc limit 1
    )) as policy_id
) as owned
left join policy as p on p.id = owned.policy_id
order by h.thing_id
"""
CHANGES: Final = """
select e.revision, e.time, e.action, e.path, e.value::text, e.policy_id, e.seq,
    null::text, null::text, e.thing_id
from unnest(%(ids)s::text[], %(revisions)s::bigint[], %(times)s::timestamptz[])
    as k (id, revision, since)
join thing_event as e on e.thing_id = k.id and e.revision > k.revision
    and e.time >= k.since and e.time >= %(oldest)s and e.time <= %(time)s
order by e.thing_id, e.revision
"""
ADD_SNAPSHOT: Final = """
insert into thing_snapshot (thing_id, revision, time, doc)
select * from unnest(
    %(ids)s::text[], %(revisions)s::bigint[], %(times)s::timestamptz[], %(docs)s::jsonb[]
)
on conflict do nothing
"""
HISTORY_FROM: Final = "select ioc_twin_history_from()"
PRUNE: Final = "select ioc_prune_twin(%s)"
CUTOFF: Final = "select date_trunc('week', now() - %s::interval, 'UTC')"
# Whole weeks that ended before the cut; see `ioc_prune_twin`.
DROP_BEFORE: Final = "select ioc_drop_old(%s, now() - %s::timestamptz)"
