"""`/api/2/timeseries`: upstream's coming API over the series of this twin; experimental."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool

from ioc_cloud.twin import ids, pointer
from ioc_cloud.twin.access import Access
from ioc_cloud.twin.errors import DittoError, thing_not_found
from ioc_cloud.twin.ioc import timeseries as ts
from ioc_cloud.twin.ioc.timeseries_across import Aggregator, across
from ioc_cloud.twin.service import Seen, Twin
from ioc_cloud.twin.web import http
from ioc_cloud.twin.web.api import Request, method_not_allowed

# The unit that a thing's model states for a path; None where it states none.
UnitOf = Callable[[str, str], str | None]


def no_units(_definition: str, _path: str) -> str | None:
    """Where no model is known."""
    return None


class TimeseriesApi:
    """Reads of series, of one thing or across things."""

    def __init__(self, twin: Twin, access: Access, unit_of: UnitOf = no_units) -> None:
        """`unit_of` looks into Thing Models."""
        self._twin = twin
        self._across = Aggregator(twin, access)
        self._unit_of = unit_of

    async def handle(self, request: Request) -> None:
        """`/timeseries/things` and below."""
        parts = request.parts
        if parts[1:2] != ("things",):
            raise DittoError(404, "gateway:resource.notfound", "Series are of things.")
        if request.method != "GET":
            raise method_not_allowed(request.method, "GET")
        asked = parameters(request)
        milliseconds = _milliseconds(asked.get("timeFormat"))
        match parts[2:]:
            case ():
                wanted = across(asked, self._twin.clock())
                answer: Any = await run_in_threadpool(self._across.answer, request.caller, wanted)
            case (thing_id,):
                answer = await self._of_thing(
                    request, thing_id, asked, ts.split_paths(asked.get("paths"))
                )
            case (thing_id, "features", _, "properties", _, *_):
                answer = await self._of_thing(
                    request, thing_id, asked, [pointer.show(parts[3:])], single=True
                )
            case _:
                raise DittoError(404, "gateway:resource.notfound", "No series stands at this path.")
        if milliseconds:
            answer = ts.in_milliseconds(answer)
        await http.answer_json(request.send, 200, answer, request.headers)

    async def _of_thing(
        self,
        request: Request,
        thing_id: str,
        asked: Mapping[str, str],
        paths: list[str],
        *,
        single: bool = False,
    ) -> list[Any]:
        ids.checked(thing_id)
        wanted = ts.question(asked, paths, self._twin.clock())
        found = await self._twin.read(request.caller, thing_id)
        if not found or not found[0].rules.may_some("thing", "READ_TS"):
            raise thing_not_found(thing_id)
        allowed = {path: _may(found[0], path) for path in wanted.paths}
        if single and not all(allowed.values()):
            raise thing_not_found(thing_id)
        return await run_in_threadpool(self._answer, found[0], wanted, allowed)

    def _answer(self, seen: Seen, wanted: ts.Question, allowed: Mapping[str, bool]) -> list[Any]:
        with self._twin.pool.connection() as connection:
            return [
                ts.shown(
                    seen.row.id,
                    path,
                    wanted,
                    # What may not be read looks like what is not there.
                    ts.series(connection, seen.row.id, path, wanted)
                    if allowed[path]
                    else ts.nothing(wanted),
                    self._unit(seen, path) if allowed[path] else None,
                )
                for path in wanted.paths
            ]

    def _unit(self, seen: Seen, path: str) -> str | None:
        definition = pointer.get(ts.document(seen.row.doc), ("definition",))
        return self._unit_of(definition, path) if isinstance(definition, str) else None


def _may(seen: Seen, path: str) -> bool:
    return seen.rules.may_all("thing", "READ_TS", pointer.parse(path))


def parameters(request: Request) -> dict[str, str]:
    """The query's parameters, the last of each name."""
    return dict(parse_qsl(request.asked.query_string.decode("latin-1"), keep_blank_values=True))


def _milliseconds(text: str | None) -> bool:
    if text not in {None, "", "iso", "ms"}:
        raise ts.invalid("'timeFormat' is 'iso' or 'ms'.")
    return text == "ms"
