"""Statements over the twin's time series and over communes across boundaries."""

from typing import Final, LiteralString

_POINT: Final = "ioc_point_value(p.num, p.txt, p.bool)"
_FIRST: Final = f"(array_agg({_POINT} order by p.time, p.revision))[1]"
_LAST: Final = f"(array_agg({_POINT} order by p.time desc, p.revision desc))[1]"
# Of a bucket's points. What is no number counts for count, first and last alone; a bucket
# without a value for the aggregate is left out.
OF_POINTS: Final[dict[str, LiteralString]] = {
    "avg": "to_jsonb(avg(p.num))",
    "min": "to_jsonb(min(p.num))",
    "max": "to_jsonb(max(p.num))",
    "sum": "to_jsonb(sum(p.num))",
    "count": "to_jsonb(count(*))",
    "first": _FIRST,
    "last": _LAST,
    "stddev": "to_jsonb(stddev_samp(p.num))",
    "percentile": "to_jsonb(percentile_cont(%(rank)s) within group (order by p.num))",
}
# The same of a bucket's hours. Deviations combine as in Chan, Golub and LeVeque (1979).
OF_HOURS: Final[dict[str, LiteralString]] = {
    "avg": "to_jsonb(sum(p.total) / nullif(sum(p.numbers), 0))",
    "min": "to_jsonb(min(p.low))",
    "max": "to_jsonb(max(p.high))",
    "sum": "to_jsonb(sum(p.total))",
    "count": "to_jsonb(sum(p.n))",
    "first": "(array_agg(p.first_value order by p.bucket))[1]",
    "last": "(array_agg(p.last_value order by p.bucket desc))[1]",
    "stddev": (
        "to_jsonb(case when sum(p.numbers) > 1 then sqrt("
        "(sum(p.m2) + sum(p.numbers * (p.mean - p.middle) ^ 2)) / (sum(p.numbers) - 1)) end)"
    ),
}
NUMERIC: Final = frozenset({"avg", "min", "max", "sum", "stddev", "percentile"})
_HAVING: Final[dict[str, LiteralString]] = {
    "points": "count(p.num) > 0",
    "hours": "sum(p.numbers) > 0",
}

RAW: Final = """
select p.time, p.revision, ioc_point_value(p.num, p.txt, p.bool)::text
from ts_point as p
where p.thing_id = %(thing)s and p.path = %(path)s
    and p.time >= %(from)s and p.time < %(to)s
"""
_ASCENDING: Final = " order by p.time, p.revision limit %(most)s"
_DESCENDING: Final = " order by p.time desc, p.revision desc limit %(most)s"
RAW_ASC: Final = RAW + _ASCENDING
RAW_DESC: Final = RAW + _DESCENDING
RAW_AFTER: Final = RAW + " and (p.time, p.revision) > (%(time)s, %(revision)s)" + _ASCENDING
RAW_BEFORE: Final = RAW + " and (p.time, p.revision) < (%(time)s, %(revision)s)" + _DESCENDING
NUMBERS: Final = """
select p.time, p.num from ts_point as p
where p.thing_id = %(thing)s and p.path = %(path)s and p.num is not null
    and p.time >= %(from)s and p.time < %(to)s
order by p.time, p.revision limit %(most)s
"""
WHOLE_RANGE_PERCENTILE: Final = """
select percentile_cont(%(rank)s) within group (order by p.num)
from ts_point as p
where p.thing_id = %(thing)s and p.path = %(path)s
    and p.time >= %(from)s and p.time < %(to)s
"""

_BUCKETS_OF_POINTS: Final = """
select ioc_bucket(%(step)s, p.time, %(zone)s) as at, ({value})::text
from ts_point as p
where p.thing_id = %(thing)s and p.path = %(path)s
    and p.time >= %(from)s and p.time < %(to)s
group by at {having} order by at limit %(most)s
"""
_GROUPS_OF_POINTS: Final = """
select k.g, ioc_bucket(%(step)s, p.time, %(zone)s) as at, ({value})::text
from unnest(%(ids)s::text[], %(groups)s::int[]) as k (id, g)
join ts_point as p on p.thing_id = k.id and p.path = %(path)s
    and p.time >= %(from)s and p.time < %(to)s
group by k.g, at {having} order by k.g, at limit %(most)s
"""
# Whole hours from the rollup; what a range begins or ends with in the middle of one, from
# its points. `offset 0` keeps the thing's id inside: as a join it would not reach the
# index through the view's two halves.
_HOURS: Final = """
select k.g, h.*
from k cross join lateral (
    select v.bucket, v.n, v.numbers, v.total, v.mean, v.m2, v.low, v.high, v.first_value,
        v.last_value
    from v_ts_hour as v
    where v.thing_id = k.id and v.path = %(path)s
        and v.bucket >= %(inner_from)s and v.bucket < %(inner_to)s
    offset 0
) as h
"""
_EDGE: Final = """
select k.g, date_trunc('hour', p.time, 'UTC'), count(*), count(p.num), sum(p.num), avg(p.num),
    regr_sxx(p.num, p.num), min(p.num), max(p.num), {first}, {last}
from k join ts_point as p on p.thing_id = k.id and p.path = %(path)s
    and p.time >= %({since})s and p.time < %({until})s
group by k.id, k.g, date_trunc('hour', p.time, 'UTC')
"""
_GROUPS_OF_HOURS: Final = """
with k as (
    select * from unnest(%(ids)s::text[], %(groups)s::int[]) as k (id, g)
), hours as (
    {hours} union all {begin} union all {end}
)
select p.g, p.at, ({value})::text
from (
    select h.*, sum(h.total) over same / nullif(sum(h.numbers) over same, 0) as middle
    from (select hours.*, ioc_bucket(%(step)s, bucket, %(zone)s) as at from hours) as h
    window same as (partition by h.g, h.at)
) as p
group by p.g, p.at {having} order by p.g, p.at limit %(most)s
"""
# Across things the hours' first and last values have no order among each other.
ORDERED: Final = frozenset({"first", "last"})


def buckets(aggregate: str) -> LiteralString:
    """One thing's buckets, from its points."""
    having = f"having {_HAVING['points']}" if aggregate in NUMERIC else ""
    return _BUCKETS_OF_POINTS.format(value=OF_POINTS[aggregate], having=having)


def groups(aggregate: str, *, hours: bool) -> LiteralString:
    """Buckets of groups of things, from their points or from their hours."""
    having = f"having {_HAVING['hours' if hours else 'points']}" if aggregate in NUMERIC else ""
    if not hours:
        return _GROUPS_OF_POINTS.format(value=OF_POINTS[aggregate], having=having)
    return _GROUPS_OF_HOURS.format(
        value=OF_HOURS[aggregate],
        having=having,
        hours=_HOURS,
        begin=_EDGE.format(first=_FIRST, last=_LAST, since="from", until="inner_from"),
        end=_EDGE.format(first=_FIRST, last=_LAST, since="inner_to", until="to"),
    )


# Who has points of these paths in this time; things that are gone have no policy any more.
CONTRIBUTORS: Final = """
select k.path, t.id, t.policy_id, p.epoch
from unnest(%(paths)s::text[]) as k (path)
cross join thing as t
left join policy as p on p.id = t.policy_id
where t.ns = %(namespace)s and exists (
    select from ts_point as x
    where x.thing_id = t.id and x.path = k.path and x.time >= %(from)s and x.time < %(to)s
)
order by t.id limit %(most)s
"""
# Things that a caller's filter names: `{where}` comes compiled, with his rights inside.
MATCHING: Final = """
select t.id from thing as t
where t.id = any(%(candidates)s) and {where}
"""
ATTRIBUTES: Final = """
select t.id, t.doc -> 'attributes' from thing as t where t.id = any(%(ids)s)
"""

REFRESH: Final = "select ioc_refresh_ts(%s)"

# --- communes across boundaries -------------------------------------------------------

CLEAR_AREAS: Final = "delete from commune_area"
ADD_AREAS: Final = """
insert into commune_area (
    code, name_vi, kind, level, district_vi, province_vi, valid_from, valid_to
)
select * from jsonb_to_recordset(%s::jsonb) as r (
    code text, name_vi text, kind text, level text, district_vi text, province_vi text,
    valid_from date, valid_to date
)
"""
ADD_CROSSWALK: Final = """
insert into commune_crosswalk (old_code, new_code, relation, weight, weight_source)
select * from jsonb_to_recordset(%s::jsonb) as r (
    old_code text, new_code text, relation text, weight float8, weight_source text
)
"""
AREAS: Final = "select code, name_vi, kind, district_vi, province_vi, valid_to from commune_area"
CROSSWALK: Final = (
    "select old_code, new_code, relation, weight, weight_source from commune_crosswalk"
)
EVENTS_BY_COMMUNE: Final = """
select ioc_bucket(%(step)s, bucket, %(zone)s) as at, commune, sum(n)::float8, bool_or(simulated)
from v_event_hour
where bucket >= %(from)s and bucket < %(to)s and kind = %(kind)s
group by at, commune order by at, commune nulls last limit %(most)s
"""
# Things that stand for a commune, by the first of three attributes that may be read.
COMMUNE_THINGS: Final = """
select * from (
    select t.id, t.policy_id, coalesce(
        case when {may_0} and jsonb_typeof(t.doc #> '{{attributes,commune}}') = 'string'
            then t.doc #>> '{{attributes,commune}}' end,
        case when {may_1} and jsonb_typeof(t.doc #> '{{attributes,containedInPlace}}') = 'string'
            then t.doc #>> '{{attributes,containedInPlace}}' end,
        case when {may_2} and jsonb_typeof(t.doc #> '{{attributes,partOf}}') = 'string'
            then t.doc #>> '{{attributes,partOf}}' end
    ) as commune
    from thing as t
    where {where}
) as found
where commune is not null order by id limit %(most)s
"""
