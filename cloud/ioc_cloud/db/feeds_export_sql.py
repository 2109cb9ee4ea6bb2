"""SQL of exports, of typed landing views and of what a catalogue says about its feeds."""

from collections.abc import Sequence
from typing import Final

from psycopg import sql

ROWS: Final = """
select r.period_start, r.period, r.area, r.key, r.cells, r.version, r.as_of, r.received_at,
    r.provenance, r.batch_id
from feed_row_now as r
where r.feed = %(feed)s and r.tbl = %(table)s
    and (%(since)s::timestamptz is null or r.period_start >= %(since)s)
    and (%(until)s::timestamptz is null or r.period_start < %(until)s)
    and (%(areas)s::text[] is null or r.area = any(%(areas)s))
    and r.cells @> %(equal)s
order by r.period_start, r.area, r.key
limit %(most)s
"""
FIGURES: Final = """
select f.indicator, f.area, f.period, f.period_start, f.period_end, f.value, f.numerator,
    f.denominator, f.covered, f.expected, f.version, f.as_of, f.received_at, f.provenance,
    f.batch_id
from figure_now as f
where f.indicator = any(%(indicators)s) and f.value is not null
    and (%(since)s::timestamptz is null or f.period_start >= %(since)s)
    and (%(until)s::timestamptz is null or f.period_start < %(until)s)
    and (%(areas)s::text[] is null or f.area = any(%(areas)s))
order by f.indicator, f.period_start, f.area
limit %(most)s
"""
GRADES: Final = """
select distinct on (feed) feed, grade, day from feed_quality
order by feed, day desc, version desc
"""
# Outlines to about 50 m: a feature a row would otherwise carry the whole coast each time. Where
# only cells around a centre are known, the centre is all that is said.
GEOMETRIES: Final = """
select code, approximate,
    st_asgeojson(
        case when approximate then st_setsrid(st_makepoint(label_lon, label_lat), 4326)
        else st_simplifypreservetopology(geom, 0.0005) end,
        5
    )
from commune
union all
select %(province)s, bool_or(approximate),
    st_asgeojson(
        case when bool_or(approximate)
        then st_setsrid(st_makepoint(avg(label_lon), avg(label_lat)), 4326)
        else st_simplifypreservetopology(st_union(geom), 0.0005) end,
        5
    )
from commune having count(*) > 0
"""
COVERAGE: Final = """
select feed, tbl, min(period_start), max(period_start), max(received_at), count(*)
from feed_row group by feed, tbl
"""
EXTENT: Final = """
select st_xmin(box), st_ymin(box), st_xmax(box), st_ymax(box)
from (select st_extent(geom) as box from commune) as whole
where box is not null
"""

LANDING: Final = "landing"
# Marks the views that are ours to drop; what follows it is the wording they were made from.
MARK: Final = "ioc-feed "
READERS: Final = ("ioc_api", "ioc_feeds")

MAKE_SCHEMA: Final = sql.SQL("create schema if not exists {}").format(sql.Identifier(LANDING))
OPEN_SCHEMA: Final = sql.SQL("grant usage on schema {} to {}").format(
    sql.Identifier(LANDING), sql.SQL(", ").join(map(sql.Identifier, READERS))
)
LANDED: Final = """
select c.relname, coalesce(obj_description(c.oid, 'pg_class'), '')
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = %s and c.relkind = 'v'
"""

# A cell whose type was another under an earlier contract is null, rather than a failing view.
_TYPED: Final = {
    "integer": "case when jsonb_typeof({0}) = 'number' then trunc(({0})::numeric)::bigint end",
    "number": "case when jsonb_typeof({0}) = 'number' then ({0})::numeric::float8 end",
    "text": "case when jsonb_typeof({0}) = 'string' then {0} #>> '{{}}' end",
    "code": "case when jsonb_typeof({0}) = 'string' then {0} #>> '{{}}' end",
    "date": (
        "case when {0} #>> '{{}}' ~ '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}$'"
        " then ({0} #>> '{{}}')::date end"
    ),
    "moment": (
        "case when {0} #>> '{{}}' ~ '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T'"
        " then ({0} #>> '{{}}')::timestamptz end"
    ),
    "flag": "case when jsonb_typeof({0}) = 'boolean' then ({0})::boolean end",
}


def view(name: str, feed: str, table: str, fields: Sequence[tuple[str, str, str]]) -> sql.Composed:
    """The view of one table: code, type and name of each field, beside what every row has."""
    typed = [
        sql.SQL("{} as {}").format(
            sql.SQL(_TYPED[kind]).format(sql.SQL("cells -> {}").format(sql.Literal(code))),
            sql.Identifier(column),
        )
        for code, kind, column in fields
    ]
    return sql.SQL(
        "create view {} as select period, period_start, area, key, {}, version, as_of,"
        " received_at, provenance, batch_id as batch from feed_row_now"
        " where feed = {} and tbl = {}"
    ).format(
        sql.Identifier(LANDING, name),
        sql.SQL(", ").join(typed),
        sql.Literal(feed),
        sql.Literal(table),
    )


def drop_view(name: str) -> sql.Composed:
    """Without what depends on it: whoever built upon a view hears of it."""
    return sql.SQL("drop view {}").format(sql.Identifier(LANDING, name))


def mark_view(name: str, wording: str) -> sql.Composed:
    """Say that a view is ours and what it was made from."""
    return sql.SQL("comment on view {} is {}").format(
        sql.Identifier(LANDING, name), sql.Literal(MARK + wording)
    )


def explain_column(name: str, column: str, words: str) -> sql.Composed:
    """Say what a column is."""
    return sql.SQL("comment on column {} is {}").format(
        sql.Identifier(LANDING, name, column), sql.Literal(words)
    )


def open_view(name: str) -> sql.Composed:
    """Let the product's readers read it."""
    return sql.SQL("grant select on {} to {}").format(
        sql.Identifier(LANDING, name), sql.SQL(", ").join(map(sql.Identifier, READERS))
    )
