"""`/api/ioc`: what the twin answers beside Ditto's API, with errors in Ditto's words."""

from typing import Any, Final

import orjson
from starlette.concurrency import run_in_threadpool

from ioc_cloud.twin import ids
from ioc_cloud.twin.access import Access
from ioc_cloud.twin.change_thing import Models
from ioc_cloud.twin.errors import DittoError
from ioc_cloud.twin.ioc import asof, bulk, features, geo, relations, series_communes, tiles
from ioc_cloud.twin.ioc.asked_ioc import parameters
from ioc_cloud.twin.service import Twin
from ioc_cloud.twin.web import http
from ioc_cloud.twin.web.api import Api, Handler, Request, media_type_unsupported, method_not_allowed
from ioc_cloud.twin.web.callers import Callers

PREFIX: Final = "/api/ioc"
GEOJSON: Final = "application/geo+json"


class IocApi:
    """Geography, tiles, relations, bulks, the past of all things, series by commune."""

    def __init__(
        self, twin: Twin, access: Access, models: Models, *, reserved: tuple[str, ...]
    ) -> None:
        """`models` checks what bulks write; `reserved` as for `ThingsApi`."""
        self._twin = twin
        self._places = geo.Places(twin, access)
        self._features = features.Features(twin, access)
        self._graph = relations.Graph(twin, access)
        self._tiles = tiles.Tiles(twin, access)
        self._moments = asof.Moments(twin, access)
        self._communes = series_communes.CommuneSeries(twin, access)
        self._bulk = bulk.BulkWriter(twin, models, reserved)

    @property
    def handlers(self) -> dict[str, Handler]:
        """By the first segment behind the prefix."""
        return {
            "things": self.things,
            "features": self.features,
            "tiles": self.tiles,
            "as-of": self.as_of,
            "series": self.series,
        }

    async def things(self, request: Request) -> None:
        """`/things/geo`, `/things/bulk` and `/things/{id}/relations`."""
        match request.parts[1:]:
            case ("geo",):
                await self._geo(request)
            case ("bulk",):
                await self._write_bulk(request)
            case (thing_id, "relations"):
                _only(request, "GET")
                wanted = relations.wanted(parameters(request))
                body = await run_in_threadpool(
                    self._graph.answer, request.caller, ids.checked(thing_id), wanted
                )
                await http.answer_json(request.send, 200, body, request.headers)
            case _:
                raise _nothing()

    async def _geo(self, request: Request) -> None:
        _only(request, "GET", "POST")
        asked = parameters(request)
        body = await request.body() if request.method == "POST" else b""
        wanted = geo.wanted(asked, body)
        found = await run_in_threadpool(
            self._places.answer, request.caller, wanted, asked.get("cursor")
        )
        await _answer(request, found, GEOJSON)

    async def features(self, request: Request) -> None:
        """`/features`: search for features by their own properties."""
        if len(request.parts) != 1:
            raise _nothing()
        _only(request, "GET")
        asked = parameters(request)
        body = await run_in_threadpool(
            self._features.answer, request.caller, features.wanted(asked), asked.get("cursor")
        )
        await http.answer_json(request.send, 200, body, request.headers)

    async def as_of(self, request: Request) -> None:
        """`/as-of`: all things as they were, as JSON or, where asked for, as GeoJSON."""
        if len(request.parts) != 1:
            raise _nothing()
        _only(request, "GET")
        asked = parameters(request)
        wanted = asof.wanted(asked, self._twin.clock())
        on_map = request.asked.accepts(GEOJSON)
        answer = self._moments.on_map if on_map else self._moments.answer
        body = await run_in_threadpool(answer, request.caller, wanted, asked.get("cursor"))
        await _answer(request, body, GEOJSON if on_map else "application/json")

    async def series(self, request: Request) -> None:
        """`/series/communes`: a series for each commune, on today's or the old boundaries."""
        if request.parts[1:] != ("communes",):
            raise _nothing()
        _only(request, "GET")
        wanted = series_communes.wanted(parameters(request), self._twin.clock())
        body = await run_in_threadpool(self._communes.answer, request.caller, wanted)
        await http.answer_json(request.send, 200, body, request.headers)

    async def tiles(self, request: Request) -> None:
        """`/tiles/{layer}/{z}/{x}/{y}.mvt`."""
        match request.parts[1:]:
            case (layer, z, x, y):
                at = tiles.address(layer, z, x, y)
            case _:
                raise _nothing()
        _only(request, "GET")
        packs = "gzip" in (request.asked.header("accept-encoding") or "")
        tile = await run_in_threadpool(self._tiles.tile, request.caller, at, packs=packs)
        # The tag answers whether it is still true; without asking nobody may keep a tile.
        headers = request.headers | {
            "Cache-Control": "private, no-cache",
            "Vary": "Accept-Encoding, Authorization, Cookie",
        }
        if tile is None:
            await http.answer(request.send, 204, headers=headers)
            return
        headers["ETag"] = tile.tag
        if tiles.held_already(request.asked.header("if-none-match"), tile.tag):
            await http.answer(request.send, 304, headers=headers)
            return
        if tile.packed:
            headers["Content-Encoding"] = "gzip"
        await http.answer(request.send, 200, tile.body, headers, tiles.MEDIA_TYPE.encode())

    async def _write_bulk(self, request: Request) -> None:
        _only(request, "POST")
        found = request.asked.media_type()
        if found != bulk.MEDIA_TYPE:
            raise media_type_unsupported(found, bulk.MEDIA_TYPE)
        answers = await self._bulk.write(
            request.caller, bulk.lines(request.receive), request.headers["correlation-id"]
        )
        await http.answer(
            request.send, 200, b"".join(answers), request.headers, bulk.MEDIA_TYPE.encode()
        )


def api(callers: Callers, ioc: IocApi, more: dict[str, Handler] | None = None) -> Api:
    """The ASGI application to mount at `PREFIX`; `more` are others' handlers."""
    return Api(callers, ioc.handlers | (more or {}), prefix=PREFIX)


async def _answer(request: Request, body: dict[str, Any], media_type: str) -> None:
    await http.answer(request.send, 200, orjson.dumps(body), request.headers, media_type.encode())


def _only(request: Request, *methods: str) -> None:
    if request.method not in methods:
        raise method_not_allowed(request.method, *methods)


def _nothing() -> DittoError:
    return DittoError(404, "gateway:resource.notfound", "There is no such resource.")
