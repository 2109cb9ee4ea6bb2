"""A query as a condition of PostgreSQL on table alias `t`.

Columns: `id`, `ns`, `policy_id` text, `doc`, `metadata` jsonb, `revision` bigint, `created`
and `modified` timestamptz, `lat_least`, `lat_most`, `long_least`, `long_most` float8,
`geo_box` geometry.
`eq` and `in` below `attributes` and `features/<id>` are `t.doc @? path`, which a GIN index
with `jsonb_path_ops` serves; what `HOT_PATHS` names is compared as a column or expression,
for plain indexes, and bounds of latitude and longitude together as a box.
"""

from collections.abc import Callable, Sequence
from typing import Final

from ioc_cloud.twin.pointer import Path
from ioc_cloud.twin.rql import jsonpath, like
from ioc_cloud.twin.rql.ast import And, Compare, Empty, Exists, In, Leaf, Not, Or, Query, Value
from ioc_cloud.twin.rql.guards import Everything, FeatureRule, Guard, LeafGuard
from ioc_cloud.twin.rql.jsonpath import Plain, storable
from ioc_cloud.twin.rql.properties import Property, check, of_leaf
from ioc_cloud.twin.rql.sorting import COLUMNS, TIME_TEXT, after, order_by, sort_values
from ioc_cloud.twin.rql.times import Clock, instant, plain, utc_now

__all__ = [
    "COLUMNS", "HOT_PATHS", "Everything", "FeatureRule", "Guard", "LeafGuard",
    "after", "compile_sql", "order_by", "sort_values",
]  # fmt: skip

# The least and the greatest number that stand there: a list holds something above a bound
# exactly when its greatest does, so one plain index serves numbers and lists alike.
_PLACES: Final[dict[Path, tuple[str, str]]] = {
    ("attributes", "geo", "lat"): ("t.lat_least", "t.lat_most"),
    ("attributes", "geo", "long"): ("t.long_least", "t.long_most"),
}
_DEFINITION: Final = "(t.doc ->> 'definition') collate \"C\""
# What an index on the expression can serve, besides the GIN index on `doc`.
HOT_PATHS: Final[frozenset[Path]] = frozenset({*COLUMNS, *_PLACES, ("definition",)})

_OPERATORS: Final = {"eq": "=", "ne": "<>", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}
_VOID: Final = "('null', '\"\"', '[]', '{}')"
_FEATURES: Final = (
    "jsonb_each(case when jsonb_typeof(t.doc -> 'features') = 'object'"
    " then t.doc -> 'features' end) as f (id, doc)"
)
_UNREADABLE: Final = "false"
# Beyond every coordinate that a thing may name, and within what PostGIS takes.
_FAR: Final = 1e30


def compile_sql(
    query: Query,
    guard: LeafGuard | None = None,
    *,
    clock: Clock = utc_now,
) -> tuple[str, dict[str, object]]:
    """The condition, in parentheses where it needs them, and what it binds.

    A leaf holds only where `guard` lets the caller read what it looks at. Null counts as
    false, as after `where`; take it `is true` elsewhere. Names of its parameters begin
    with `q_`.

    Raises:
        RqlInvalid: A property that does not exist, a placeholder, a pattern that is no
            text, a character that no thing can have.
    """
    check(query)
    compiler = _Compiler(guard or Everything(), clock)
    return compiler.condition(query), compiler.params


class _Compiler:
    def __init__(self, guard: LeafGuard, clock: Clock) -> None:
        self.params: dict[str, object] = {}
        self._guard = guard
        self._clock = clock

    def condition(self, query: Query) -> str:
        match query:
            case And(parts):
                box = self._box(parts)
                return f"({' and '.join([*box, *map(self.condition, parts)])})"
            case Or(parts):
                return f"({' or '.join(map(self.condition, parts))})"
            case Not(part):
                # Null counts as false, as everywhere in a condition.
                return f"({self.condition(part)} is not true)"
            case _:
                return self._leaf(query)

    def _box(self, parts: Sequence[Query]) -> list[str]:
        """For bounds of latitude and longitude together: what a spatial index can serve.

        It follows from the parts and adds nothing to them, but that the planner sees one
        small box where it would guess at four wide bands.
        """
        bounds = {"lat": [-_FAR, _FAR], "long": [-_FAR, _FAR]}
        bounded = set()
        for part in parts:
            match part:
                case Compare("gt" | "ge" | "lt" | "le" as op, _, value):
                    path, number = of_leaf(part).path, _number(plain(value, self._clock))
                    if path in _PLACES and number is not None:
                        low = op in {"gt", "ge"}
                        pair = bounds[path[-1]]
                        pair[not low] = (max if low else min)(pair[not low], float(number))
                        bounded.add(path[-1])
        if len(bounded) < len(bounds):
            return []
        (south, north), (west, east) = bounds["lat"], bounds["long"]
        corners = ", ".join(self._bind(one) for one in (west, south, east, north))
        return [f"t.geo_box && st_makeenvelope({corners}, 4326)"]

    def _leaf(self, leaf: Leaf) -> str:
        prop = of_leaf(leaf)
        guard = self._guard.guard(prop.path)
        self.params.update(guard.params)
        if prop.any_feature:
            return self._of_features(leaf, prop, guard)
        condition = self._unguarded(leaf, prop)
        if guard.sql == "true":
            return condition
        return f"({condition} and {guard.sql})"

    def _of_features(self, leaf: Leaf, prop: Property, guard: Guard) -> str:
        """Some feature for which the leaf holds, of those that may be looked at."""
        rest = prop.path[2:]
        conditions = [] if not rest else [self._of_json(leaf, "f.doc", rest)]
        if guard.sql != "true":
            conditions.append(guard.sql)
        if guard.features is not None:
            conditions.append(self._allowed(guard.features))
        where = f" where {' and '.join(conditions)}" if conditions else ""
        found = f"exists (select from {_FEATURES}{where})"
        return f"(not {found})" if isinstance(leaf, Empty) and not rest else found

    def _allowed(self, rules: Sequence[FeatureRule]) -> str:
        either = []
        for rule in rules:
            self.params.update(rule.params)
            if rule.all_but and not rule.ids:
                either.append(f"({rule.sql})")
                continue
            ids = self._bind(sorted(rule.ids))
            test = f"f.id <> all({ids}::text[])" if rule.all_but else f"f.id = any({ids}::text[])"
            either.append(f"({rule.sql} and {test})")
        return f"({' or '.join(either)})" if either else _UNREADABLE

    def _unguarded(self, leaf: Leaf, prop: Property) -> str:
        match prop.kind:
            case "text":
                return self._of_text(leaf, COLUMNS[prop.path])
            case "number":
                return self._of_column(leaf, COLUMNS[prop.path], _number)
            case "time":
                return self._of_time(leaf, COLUMNS[prop.path])
            case "metadata":
                return self._of_json(leaf, "t.metadata", prop.path[1:])
            case _:
                return self._of_doc(leaf, prop.path)

    def _of_doc(self, leaf: Leaf, path: Path) -> str:
        match leaf:
            case Compare("gt" | "ge" | "lt" | "le" as op, _, value) if path in _PLACES:
                number = _number(plain(value, self._clock))
                if number is None:
                    return self._of_json(leaf, "t.doc", path)
                least, most = _PLACES[path]
                column = most if op in {"gt", "ge"} else least
                return f"{column} {_OPERATORS[op]} {self._bind(float(number))}::float8"
            case Compare("gt" | "ge" | "lt" | "le" | "like") if path == ("definition",):
                return self._of_text(leaf, _DEFINITION)
            case _:
                return self._of_json(leaf, "t.doc", path)

    def _of_json(self, leaf: Leaf, source: str, path: Path) -> str:
        match leaf:
            case Exists():
                return f"{source} @? {self._path(path)}"
            case Empty():
                there = f"({source} @? {self._path(path)}) is not true"
                straight = self._bind(f"strict {jsonpath.member(path)}")
                value = f"jsonb_path_query_first({source}, {straight}::jsonpath, '{{}}', true)"
                return f"({there} or coalesce({value} in {_VOID}, false))"
            case Compare("ne", _, value):
                there = f"{source} @? {self._path(path)}"
                same = jsonpath.comparison("eq", plain(value, self._clock))
                return f"({there} and ({source} @? {self._path(path, same)}) is not true)"
            case _:
                test = self._test(leaf)
                return "false" if test is None else f"{source} @? {self._path(path, test)}"

    def _test(self, leaf: Compare | In) -> str | None:
        """What one value at the path must be; None where nothing can be that."""
        match leaf:
            case In(_, values):
                given = dict.fromkeys((type(one), one) for one in self._plain(values))
                return jsonpath.any_of([one for _, one in given])
            case Compare("like" | "ilike" as op, _, str() as text):
                return jsonpath.pattern(like.regex(text), fold=op == "ilike")
            case Compare(op, _, value):
                one = plain(value, self._clock)
                return None if one is None and op != "eq" else jsonpath.comparison(op, one)

    def _of_text(self, leaf: Leaf, column: str) -> str:
        match leaf:
            case Empty():
                return f"{column} = ''"
            case Compare("like", _, str() as text):
                return f"{column} like {self._bind(like.sql_like(storable(text)))}"
            case Compare("ilike", _, str() as text):
                # Case folding needs the database's collation, not the column's.
                regex = self._bind(like.regex(storable(text)))
                return f'({column}) collate "default" ~* {regex}'
            case _:
                return self._of_column(leaf, column, _text)

    def _of_time(self, leaf: Leaf, column: str) -> str:
        match leaf:
            case Compare("like" | "ilike" as op, _, str() as text):
                regex = self._bind(like.regex(storable(text)))
                return f"{TIME_TEXT.format(column)} {'~' if op == 'like' else '~*'} {regex}"
            case _:
                return self._of_column(leaf, column, instant)

    def _of_column(
        self, leaf: Leaf, column: str, of_its_type: Callable[[Plain], object | None]
    ) -> str:
        """A column that is never null; what has another type is different and no more."""
        match leaf:
            case Exists():
                return "true"
            case In(_, values):
                fitting = [one for one in map(of_its_type, self._plain(values)) if one is not None]
                alternatives = [f"{column} = {self._bind(one)}" for one in dict.fromkeys(fitting)]
                return f"({' or '.join(alternatives)})" if alternatives else "false"
            case Compare("like" | "ilike") | Empty():
                return "false"
            case Compare(op, _, value):
                one = of_its_type(plain(value, self._clock))
                if one is None:
                    return "true" if op == "ne" else "false"
                return f"{column} {_OPERATORS[op]} {self._bind(one)}"

    def _plain(self, values: Sequence[Value]) -> list[Plain]:
        return [plain(value, self._clock) for value in values]

    def _path(self, path: Path, test: str | None = None) -> str:
        text = jsonpath.member(path)
        return f"{self._bind(text if test is None else f'{text} ? ({test})')}::jsonpath"

    def _bind(self, value: object) -> str:
        name = f"q_{len(self.params)}"
        self.params[name] = value
        return f"%({name})s"


def _number(value: Plain) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _text(value: Plain) -> str | None:
    return storable(value) if isinstance(value, str) else None
