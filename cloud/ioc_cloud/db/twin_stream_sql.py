"""Statements of the twin's live line: what happened after a change, and under which policy."""

from typing import Final

_EVENTS: Final = """
select seq, time, thing_id, revision, policy_id, action, path, value::text, metadata::text,
    correlation_id
from thing_event where seq > %(after)s
"""
# `since` bounds the partitions that are looked at; change numbers rise in commit order.
EVENTS_LIVE: Final = _EVENTS + " and time > %(since)s order by seq limit %(limit)s"
EVENTS_PAST: Final = _EVENTS + " and seq <= %(upto)s order by seq limit %(limit)s"
NEWEST: Final = "select max(seq) from thing_event where time > now() - interval '7 days'"
# Nothing for a week: look at all of it, once.
NEWEST_EVER: Final = "select coalesce(max(seq), 0) from thing_event"
POLICY_EPOCHS: Final = "select id, epoch from policy where id = any(%s)"
THINGS_NOW: Final = """
select t.id, t.doc::text, t.policy_id, p.epoch, t.revision
from thing as t left join policy as p on p.id = t.policy_id where t.id = any(%s)
"""
