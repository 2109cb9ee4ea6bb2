"""Statements of the courier between the twin's outbox and a real Ditto, and of the export."""

from typing import Final

TRY_LOCK: Final = "select pg_try_advisory_lock(%s)"

# The newest word on each of the entities that have waited longest. `last_error` parks a row.
WAITING: Final = """
with head as (
    select o.kind, o.id, min(o.seq) as first
    from (
        select kind, id, seq from twin_outbox as o
        where last_error is null and not exists (
            select from unnest(%(held_kinds)s::text[], %(held_ids)s::text[]) as h (kind, id)
            where h.kind = o.kind and h.id = o.id
        )
        order by seq limit %(most)s
    ) as o
    group by o.kind, o.id
)
select distinct on (o.kind, o.id) o.seq, o.kind, o.id, o.doc
from twin_outbox as o join head as h on h.kind = o.kind and h.id = o.id
order by o.kind, o.id, o.seq desc
"""
# A thing or policy may rest on a policy whose own word comes later in the line.
WAITING_POLICIES: Final = """
select distinct on (id) seq, kind, id, doc from twin_outbox
where kind = 'policy' and last_error is null and id = any(%s)
order by id, seq desc
"""
SENT: Final = """
delete from twin_outbox as o
using unnest(%(kinds)s::text[], %(ids)s::text[], %(seqs)s::bigint[]) as r (kind, id, seq)
where o.kind = r.kind and o.id = r.id and o.seq <= r.seq
"""
FAILED: Final = """
update twin_outbox as o set attempts = o.attempts + 1, last_error = r.reason
from unnest(%(seqs)s::bigint[], %(reasons)s::text[]) as r (seq, reason)
where o.seq = r.seq
"""
# What came before a refused word must not be sent after it.
SUPERSEDED: Final = """
delete from twin_outbox as o
using unnest(%(kinds)s::text[], %(ids)s::text[], %(seqs)s::bigint[]) as r (kind, id, seq)
where o.kind = r.kind and o.id = r.id and o.seq < r.seq
"""
# Things that were refused for want of a policy that has arrived now.
UNPARK_THINGS: Final = """
update twin_outbox set last_error = null
where kind = 'thing' and last_error is not null and doc ->> 'policyId' = any(%s)
"""
UNPARK_ALL: Final = "update twin_outbox set last_error = null where last_error is not null"
THINGS_BEFORE: Final = """
select exists (
    select from twin_outbox where kind = 'thing' and last_error is null and seq < %s
)
"""
BACKLOG: Final = """
select count(*) filter (where last_error is null), count(*) filter (where last_error is not null),
    min(at) filter (where last_error is null)
from twin_outbox
"""

COUNT_ALL: Final = "select (select count(*) from policy), (select count(*) from thing)"
# Those that import others after those that do not.
ALL_POLICIES: Final = """
select id, doc from policy as p
order by exists (select from policy_import as i where i.policy_id = p.id), id
"""
ALL_THINGS: Final = "select id, doc from thing order by id"
