"""Search over things: RQL, sorting and paging, with the caller's rights inside the query."""

import base64
import binascii
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

import orjson
from starlette.concurrency import run_in_threadpool

from ioc_cloud.twin import ids, pointer
from ioc_cloud.twin.access import Access, Rights
from ioc_cloud.twin.book import Caller
from ioc_cloud.twin.errors import DittoError
from ioc_cloud.twin.fields import Selector, parse_fields
from ioc_cloud.twin.policy import Rules
from ioc_cloud.twin.rql import (
    Options,
    Query,
    RqlInvalid,
    check,
    compile_sql,
    parse_filter,
    parse_options,
)
from ioc_cloud.twin.rql.sql import after, order_by, sort_values
from ioc_cloud.twin.service import Row, Seen, Twin
from ioc_cloud.twin.web import http
from ioc_cloud.twin.web.api import Request, media_type_unsupported, method_not_allowed
from ioc_cloud.twin.web.api_things import whole_of
from ioc_cloud.twin.web.lines import EVENT_STREAM, Lines, frame, respond

FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One search."""

    query: Query | None
    options: Options
    selector: Selector | None
    namespaces: tuple[str, ...] | None


class _Found(NamedTuple):
    """A page of things, ready to be told.

    Attributes:
        items: Id, place in the order, and JSON of each.
        more: Whether more follow.
    """

    items: list[tuple[str, Any, Any]]
    more: bool


class SearchApi:
    """`/search/things` and `/search/things/count`."""

    def __init__(self, twin: Twin, access: Access, lines: Lines) -> None:
        """`access` says what callers may read; `lines` hold the streams of the process."""
        self._twin = twin
        self._access = access
        self._lines = lines

    async def handle(self, request: Request) -> None:
        """Search or count, by GET or by a form."""
        if request.parts[1:] not in {("things",), ("things", "count")}:
            raise DittoError(404, "gateway:resource.notfound", "Search is for things.")
        if request.method not in {"GET", "POST"}:
            raise method_not_allowed(request.method, "GET", "POST")
        wanted = parsed(await _parameters(request))
        if request.parts[-1] == "things" and request.asked.accepts(EVENT_STREAM):
            await respond(self._lines, request, self._stream(request, wanted))
            return
        if request.parts[-1] == "count":
            count = await run_in_threadpool(self._count, request.caller, wanted)
            await http.answer_json(request.send, 200, count, request.headers)
            return
        body = await run_in_threadpool(self.page, request.caller, wanted)
        await http.answer_json(request.send, 200, body, request.headers)

    async def every(self, request: Request) -> None:
        """`GET /things` without ids: the first page of all that is visible, as a list."""
        wanted = parsed(await _parameters(request))
        body = await run_in_threadpool(self.page, request.caller, wanted)
        await http.answer_json(request.send, 200, body["items"], request.headers)

    def page(self, caller: Caller, wanted: Wanted) -> dict[str, Any]:
        """One page: `items`, and `cursor` where more follow. Blocks.

        Raises:
            DittoError: A cursor of another search.
        """
        place = None
        if wanted.options.cursor is not None:
            place = _opened(wanted.options.cursor, wanted)
        found = self._found(caller, wanted, place)
        body: dict[str, Any] = {"items": [item for _, _, item in found.items]}
        if wanted.options.limit is not None:
            offset, count = wanted.options.limit
            body["nextPageOffset"] = offset + count if found.more else -1
        elif found.more:
            body["cursor"] = _sealed(found.items[-1][1], wanted)
        return body

    async def _stream(self, request: Request, wanted: Wanted) -> AsyncIterator[bytes]:
        """All that is found, each thing an event under its id, from where a line broke off."""
        place = None
        last = request.asked.get("last-event-id")
        if last:
            place = await run_in_threadpool(self._place_of, last, wanted)
        while True:
            found = await run_in_threadpool(self._found, request.caller, wanted, place)
            for thing_id, _, item in found.items:
                yield frame(orjson.dumps(item), id=thing_id)
            if not found.more:
                return
            place = found.items[-1][1]

    def _place_of(self, thing_id: str, wanted: Wanted) -> Any:  # noqa: ANN401 JSON
        """Where a thing stands in the order."""
        query = _PLACE.format(keys=sort_values(wanted.options.sort))
        with self._twin.pool.connection() as connection:
            row = connection.execute(query, {"id": ids.checked(thing_id)}).fetchone()
        if row is not None:
            return row[0]
        if not wanted.options.sort:
            return [thing_id]
        raise _bad_cursor(f"there is no '{thing_id[:80]}' to go on behind")

    def _found(self, caller: Caller, wanted: Wanted, place: Any) -> _Found:  # noqa: ANN401
        options = wanted.options
        offset, limit = options.limit or (0, options.size)
        with self._twin.pool.connection() as connection:
            rights = self._access.rights(connection, caller)
            where, parameters = _where(wanted, rights)
            if place is not None:
                condition, values = _behind(place, wanted)
                where, parameters = f"{where} and {condition}", parameters | values
            query = _PAGE.format(
                where=where, order=order_by(options.sort), keys=sort_values(options.sort)
            )
            rows = connection.execute(
                query, parameters | {"limit": limit + 1, "offset": offset}
            ).fetchall()
        items = [
            (row[0], row[7], _shown(row, rules, wanted.selector))
            for row in rows[:limit]
            if (rules := rights.rules(row[1], row[0])) is not None
        ]
        return _Found(items, len(rows) > limit)

    def _count(self, caller: Caller, wanted: Wanted) -> int:
        with self._twin.pool.connection() as connection:
            rights = self._access.rights(connection, caller)
            where, parameters = _where(wanted, rights)
            query = _COUNT.format(where=where)
            row = connection.execute(query, parameters).fetchone()
        return int(row[0]) if row else 0


def _shown(row: Sequence[Any], rules: Rules, selector: Selector | None) -> Any:  # noqa: ANN401
    """What the caller may see of a thing; all of it needs no look inside."""
    if selector is None and rules.may_all("thing", "READ"):
        return orjson.Fragment(row[2])
    return whole_of(Seen(_row(row), rules), selector, None)


def _row(row: Sequence[Any]) -> Row:
    return Row(row[0], row[1], row[2], row[3], row[4], row[5], row[6], None)


def parsed(asked: Mapping[str, list[str]]) -> Wanted:
    """A search from its parameters.

    Raises:
        DittoError: One that cannot be understood.
    """
    try:
        text = asked.get("filter", [""])[-1]
        query = parse_filter(text) if text else None
        if query is not None:
            check(query)
        options = parse_options(asked.get("option"))
        fields = asked.get("fields", [""])[-1]
        selector = parse_fields(fields) if fields else None
    except RqlInvalid as error:
        raise DittoError(400, "rql.expression.invalid", str(error)) from error
    namespaces = None
    if "namespaces" in asked:
        names = asked["namespaces"][-1].split(",")
        namespaces = tuple(ids.namespace(name.strip()) for name in names if name.strip())
    return Wanted(query, options, selector, namespaces)


def _where(wanted: Wanted, rights: Rights) -> tuple[str, dict[str, Any]]:
    where, parameters = rights.visible, dict(rights.params)
    for key in wanted.options.sort:
        # A thing's place in an order tells its value: who may not read that does not see it.
        guard = rights.guard(pointer.parse(key.prop))
        if guard.sql != "true":
            where, parameters = f"{where} and {guard.sql}", parameters | dict(guard.params)
    if wanted.namespaces is not None:
        where = f"{where} and t.ns = any(%(namespaces)s)"
        parameters["namespaces"] = list(wanted.namespaces)
    if wanted.query is not None:
        try:
            condition, bound = compile_sql(wanted.query, rights)
        except RqlInvalid as error:
            raise DittoError(400, "rql.expression.invalid", str(error)) from error
        where, parameters = f"{where} and {condition}", parameters | bound
    return where, parameters


async def _parameters(request: Request) -> dict[str, list[str]]:
    """The query, or a form of the same names."""
    text = request.asked.query_string.decode("latin-1")
    if request.method == "POST":
        found = request.asked.media_type()
        if found not in {FORM, ""}:
            raise media_type_unsupported(found, FORM)
        try:
            text = (await request.body()).decode()
        except UnicodeDecodeError as error:
            raise DittoError(400, "gateway:form.invalid", "The form is no UTF-8.") from error
    found_pairs: dict[str, list[str]] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        found_pairs.setdefault(name, []).append(value)
    return found_pairs


def _digest(wanted: Wanted) -> str:
    """What a cursor is of: the same filter, order and namespaces."""
    whole = repr((wanted.query, wanted.options.sort, wanted.namespaces))
    return hashlib.blake2b(whole.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _sealed(place: Any, wanted: Wanted) -> str:  # noqa: ANN401 JSON
    text = orjson.dumps([_digest(wanted), place])
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def _opened(cursor: str, wanted: Wanted) -> Any:  # noqa: ANN401 JSON
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        digest, place = orjson.loads(text)
    except (ValueError, TypeError, binascii.Error) as error:
        raise _bad_cursor(str(error)) from error
    if digest != _digest(wanted):
        raise _bad_cursor("it belongs to another search")
    return place


def _behind(place: Any, wanted: Wanted) -> tuple[str, dict[str, object]]:  # noqa: ANN401 JSON
    try:
        return after(wanted.options.sort, place)
    except RqlInvalid as error:
        raise _bad_cursor(str(error)) from error


def _bad_cursor(why: str) -> DittoError:
    return DittoError(400, "thing-search:cursor.invalid", f"The cursor cannot be used: {why}")


_PAGE: Final = """
select t.id, t.policy_id, t.doc::text, t.metadata::text, t.revision, t.created, t.modified, {keys}
from thing as t where {where} order by {order} limit %(limit)s offset %(offset)s
"""
_PLACE: Final = "select {keys} from thing as t where t.id = %(id)s"
_COUNT: Final = "select count(*) from thing as t where {where}"
