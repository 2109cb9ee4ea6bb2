"""`/wot/…`: our Thing Models, and what of Ditto's API this twin speaks."""

from typing import Any, Final

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from ioc_cloud.access import problems
from ioc_cloud.errors import NotFound
from ioc_models.wot import Catalogue, ModelNotFound

TAGS: Final[list[Any]] = ["Bản sao số / Twin"]
THING_MODEL: Final = "application/tm+json"
CAPABILITIES: Final[dict[str, Any]] = {
    "profile": "Eclipse Ditto HTTP API 2, as of 3.8",
    "supported": [
        "things", "policies", "policies/imports", "search", "search/count", "checkPermissions",
        "whoami", "messages", "messages/claim", "channel=live", "sse", "websocket", "history",
        "metadata", "condition", "if-equal", "merge-thing-patch-conditions", "requested-acks",
        "wot/skeleton", "wot/validation", "wot/thing-description",
    ],
    "experimental": ["timeseries"],
    "extensions": [
        "/api/ioc/things/geo", "/api/ioc/things/bulk", "/api/ioc/things/{thingId}/relations",
        "/api/ioc/features", "/api/ioc/tiles/{layer}/{z}/{x}/{y}.mvt", "/api/ioc/as-of",
        "/api/ioc/series/communes", "/wot/",
    ],
    "leftOut": [
        "connections", "cloudevents", "devops", "migrateDefinition", "policies/transitiveImports",
        "policies/references", "policies/allowedAdditions", "policies/actions",
        "live-channel-condition",
    ],
    "limits": {
        "thingBytes": 102_400, "policyBytes": 102_400, "messageBytes": 250_000,
        "searchPage": 200, "searchPageDefault": 25, "policyImports": 10, "timeoutSeconds": 60,
    },
}  # fmt: skip


def router(catalogue: Catalogue) -> APIRouter:
    """Routes that need no sign-in: a Ditto cluster must be able to fetch models."""
    made = APIRouter(tags=TAGS)

    @made.get(
        "/api/ioc/capabilities",
        summary="Phần API Ditto được hỗ trợ / what of Ditto's API is spoken",
        responses=problems(503),
    )
    def get_capabilities() -> dict[str, Any]:
        """Hồ sơ, phần mở rộng, phần bỏ qua, giới hạn / profile, extensions, gaps, limits."""
        return CAPABILITIES

    @made.get(
        "/wot/",
        summary="Danh sách mô hình / the Thing Models",
        responses=problems(503),
    )
    def get_models() -> dict[str, str]:
        """Tên và địa chỉ từng mô hình / name and URL of each model."""
        return {path: catalogue.root + path for path in catalogue.paths()}

    @made.get(
        "/wot/{path:path}",
        summary="Một mô hình WoT / one Thing Model",
        response_class=JSONResponse,
        responses=problems(404, 503),
    )
    def get_model(path: str) -> Response:
        """Mô hình JSON-LD (WoT TM 1.1) / JSON-LD."""
        try:
            document = catalogue.document(path)
        except ModelNotFound as error:
            raise NotFound(f"no model at /wot/{path}") from error
        return JSONResponse(document, media_type=THING_MODEL, headers={"Cache-Control": "public"})

    return made
