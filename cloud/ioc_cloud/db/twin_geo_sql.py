"""Statements that look at things by their place, their features and their relations."""

from typing import Final

# `{where}` holds the caller's rights; what they bind begins with `may_`.
_COLUMNS: Final = """
t.id, t.policy_id, t.doc::text, t.metadata::text, t.revision, t.created, t.modified,
st_asgeojson(t.geom)
"""
PLACES: Final = """
select [columns], null::float8
from thing as t
where t.geom is not null and {where} and t.id > %(after_id)s
order by t.id limit %(most)s
""".replace("[columns]", _COLUMNS)
# A box in degrees first, for the index; then metres on the spheroid.
NEAR: Final = """
select * from (
    select [columns],
        st_distance(
            t.geom::geography,
            st_setsrid(st_makepoint(%(lon)s, %(lat)s), 4326)::geography
        ) as metres
    from thing as t
    where t.geom && st_makeenvelope(%(west)s, %(south)s, %(east)s, %(north)s, 4326) and {where}
) as found
where metres <= %(metres)s and (metres, id) > (%(after_metres)s, %(after_id)s)
order by metres, id limit %(most)s
""".replace("[columns]", _COLUMNS)
IN_BOX: Final = "t.geom && st_makeenvelope(%(w)s, %(s)s, %(e)s, %(n)s, 4326)"
# `&&` alone compares boxes; a line may pass outside of a box that its own box meets.
MEETS_BOX: Final = (
    f"({IN_BOX} and st_intersects(t.geom, st_makeenvelope(%(w)s, %(s)s, %(e)s, %(n)s, 4326)))"
)
WITHIN: Final = "(t.geom && %(area)s::geometry and st_covers(%(area)s::geometry, t.geom))"
# Mends what crosses itself; what is left of it that has no area is no area.
AREA: Final = """
select st_asewkb(area), st_isempty(area) or st_area(area) = 0
from (
    select st_collectionextract(
        st_makevalid(st_setsrid(st_geomfromgeojson(%s), 4326), 'method=structure'), 3
    ) as area
) as mended
"""
# Which part of a thing its place came from: `thing.geom` is made of the location where
# there is a good one, else of `geo`.
PLACE_READABLE: Final = """
(({location} and {geo})
    or ({location} and t.geom = twin_place(t.doc #- '{{attributes,geo}}'))
    or ({geo} and t.geom = twin_place(t.doc #- '{{attributes,location}}')))
"""

# --- features -----------------------------------------------------------------------

# Each feature as the only one of a thing of its own, named `x`: so a filter over things
# becomes one over features.
FEATURES: Final = """
select t.id, t.policy_id, t.feature_id, t.feature::text
from (
    select t.id, t.ns, t.policy_id, t.revision, t.created, t.modified, f.id as feature_id,
        f.doc as feature,
        jsonb_build_object('features', jsonb_build_object('x', f.doc)) as doc
    from thing as t
    cross join lateral jsonb_each(
        case when jsonb_typeof(t.doc -> 'features') = 'object' then t.doc -> 'features' end
    ) as f (id, doc)
    where {things} and t.id >= %(after_id)s and jsonb_typeof(f.doc) = 'object'
        and (t.id, f.id collate "C") > (%(after_id)s, %(after_feature)s)
        and (%(feature)s::text is null or f.id = %(feature)s)
        and (%(definition)s::text is null or f.doc -> 'definition' ? %(definition)s)
) as t
where {features}
order by t.id, t.feature_id collate "C" limit %(most)s
"""

# --- tiles --------------------------------------------------------------------------

_TILE: Final = """
with bounds as (
    select st_tileenvelope(%(z)s, %(x)s, %(y)s) as box,
        st_transform(st_tileenvelope(%(z)s, %(x)s, %(y)s, margin => 0.0625), 4326) as wide
)
"""
COMMUNES_TILE: Final = """
[tile], cut as (
    select c.code, c.name_vi, c.name_en, c.kind, c.approximate,
        st_asmvtgeom(st_transform(c.geom, 3857), bounds.box, 4096, 256, true) as geom
    from commune as c, bounds
    where c.geom && bounds.wide
    order by c.code
)
select st_asmvt(cut, 'communes', 4096, 'geom') from cut where geom is not null
""".replace("[tile]", _TILE)
THINGS_TILE: Final = """
[tile], cut as (
    select t.id as "thingId", t.ns as namespace, {columns}, {simulated},
        st_asmvtgeom(st_transform(t.geom, 3857), bounds.box, 4096, 256, true) as geom
    from thing as t, bounds
    where t.geom && bounds.wide and {where}
    order by t.id limit %(most)s
)
select st_asmvt(cut, %(layer)s, 4096, 'geom') from cut where geom is not null
""".replace("[tile]", _TILE)
# Far out, things of one cell of a grid are one point in their middle; a thing alone in
# its cell keeps its name.
CLUSTERS_TILE: Final = """
[tile], seen as (
    select t.id, t.ns, {simulated},
        st_transform(
            case when geometrytype(t.geom) = 'POINT' then t.geom else st_pointonsurface(t.geom) end,
            3857
        ) as point
    from thing as t, bounds
    where t.geom && bounds.wide and {where}
), inside as (
    -- Cells lie in one tile each, so no thing is counted in two.
    select seen.* from seen, bounds
    where st_x(point) >= st_xmin(box) and st_x(point) < st_xmax(box)
        and st_y(point) >= st_ymin(box) and st_y(point) < st_ymax(box)
), cells as (
    select count(*)::int as count,
        case when count(*) = 1 then min(id) end as alone,
        min(id) as least,
        bool_or(simulated) as simulated,
        case when min(ns) = max(ns) then min(ns) end as namespace,
        st_makepoint(avg(st_x(point)), avg(st_y(point))) as middle
    from inside
    group by floor(st_x(point) / %(cell)s), floor(st_y(point) / %(cell)s)
), cut as (
    select c.count, c.alone as "thingId", c.namespace, one.title, one.state, c.simulated,
        st_asmvtgeom(st_setsrid(c.middle, 3857), bounds.box, 4096, 256, true) as geom
    from cells as c cross join bounds
    left join lateral (
        select {columns} from thing as t where t.id = c.alone and {where}
    ) as one on true
    order by c.least
)
select st_asmvt(cut, %(layer)s, 4096, 'geom') from cut where geom is not null
""".replace("[tile]", _TILE)
TILE_COLUMNS: Final = """
case when {title_may} and jsonb_typeof(t.doc #> '{{attributes,titleVi}}') = 'string'
    then t.doc #>> '{{attributes,titleVi}}' end as title,
case when {state_may} and jsonb_typeof(t.doc #> '{{features,health,properties,state}}') = 'string'
    then t.doc #>> '{{features,health,properties,state}}' end as state
"""
SIMULATED: Final = """
case when {may} then t.doc #> '{{attributes,simulated}}' = 'true'::jsonb end as simulated
"""

# --- relations ----------------------------------------------------------------------

# (id, depth) comes once, so the depth bounds a walk in circles too. Every step begins and
# ends at things that the caller may read, over attributes that he may read.
WALK: Final = """
with recursive walk (id, depth) as (
    select %(root)s::text collate "C", 0
    union
    select e.other, w.depth + 1
    from walk as w
    cross join lateral ({steps}) as e
    where w.depth < %(depth)s
), nearest as (
    select id, min(depth) as depth from walk group by id
)
select n.id, n.depth, t.policy_id, t.doc::text
from nearest as n join thing as t on t.id = n.id
where {where}
order by n.depth, n.id limit %(most)s
"""
# From a thing to those that it names.
STEP_OUT: Final = """
select o.id as other
from thing as t
cross join lateral (values {relations}) as r (name, held, readable)
cross join lateral jsonb_array_elements(
    case jsonb_typeof(r.held)
        when 'array' then r.held when 'string' then jsonb_build_array(r.held) else '[]' end
) as v (target)
cross join lateral (
    select t.id from thing as t where t.id = (v.target #>> '{{}}') collate "C" and {where}
) as o
where t.id = w.id and r.readable and {where}
"""
# From a thing to those that name it; the index on the document finds them.
STEP_IN: Final = """
select t.id as other
from (values {patterns}) as r (name, pattern)
join thing as t on t.doc @> r.pattern
where {where} and case r.name {readables} end
"""
EDGES: Final = """
select t.id, r.name, v.target #>> '{{}}'
from thing as t
cross join lateral (values {relations}) as r (name, held, readable)
cross join lateral jsonb_array_elements(
    case jsonb_typeof(r.held)
        when 'array' then r.held when 'string' then jsonb_build_array(r.held) else '[]' end
) as v (target)
where t.id = any(%(ids)s) and r.readable and (v.target #>> '{{}}') = any(%(ids)s) and {where}
order by t.id, r.name, v.target limit %(most)s
"""
