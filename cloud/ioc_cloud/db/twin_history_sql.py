"""Statements that look into the twin's past."""

from typing import Final

# The newest snapshot not after the wanted point, and what happened between the two.
SNAPSHOT_AT_REVISION: Final = """
select revision, time, doc::text from thing_snapshot
where thing_id = %(id)s and revision <= %(revision)s order by revision desc limit 1
"""
SNAPSHOT_AT_TIME: Final = """
select revision, time, doc::text from thing_snapshot
where thing_id = %(id)s and time <= %(time)s order by revision desc limit 1
"""
# `since` bounds the partitions that are looked at; times rise with revisions.
_EVENTS: Final = """
select revision, time, action, path, value::text, policy_id, seq, correlation_id, metadata::text
from thing_event
where thing_id = %(id)s and revision > %(after)s
"""
EVENTS_TO_REVISION: Final = (
    _EVENTS + " and time >= %(since)s and revision <= %(revision)s order by revision limit %(most)s"
)
EVENTS_TO_TIME: Final = (
    _EVENTS + " and time >= %(since)s and time <= %(time)s order by revision limit %(most)s"
)
EVENTS_BETWEEN: Final = (
    _EVENTS + " and revision <= %(upto)s"
    " and (%(since)s::timestamptz is null or time >= %(since)s)"
    " and (%(until)s::timestamptz is null or time <= %(until)s)"
    " order by revision limit %(most)s"
)
FIRST_EVENT: Final = """
select time, policy_id from thing_event where thing_id = %(id)s order by revision limit 1
"""
LAST_EVENT: Final = """
select revision, time, policy_id from thing_event
where thing_id = %(id)s order by revision desc limit 1
"""
POLICY_AT_REVISION: Final = """
select revision, time, doc::text from policy_revision
where policy_id = %(id)s and revision = %(revision)s
"""
POLICY_AT_TIME: Final = """
select revision, time, doc::text from policy_revision
where policy_id = %(id)s and time <= %(time)s order by revision desc limit 1
"""
POLICY_EPOCHS: Final = "select id, epoch from policy where id = any(%s)"
