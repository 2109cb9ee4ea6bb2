"""Thing Descriptions (WoT TD 1.1): what a thing can do and where to ask for it."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from ioc_models.wot.model import FeatureModel, ThingModel
from ioc_models.wot.schema import CATEGORY

CONTEXT: Final = "https://www.w3.org/2022/wot/td/v1.1"
MEDIA_TYPE: Final = "application/td+json"
MODEL_TYPE: Final = "application/tm+json"
_JSON: Final = "application/json"
_MERGE: Final = "application/merge-patch+json"
_STREAM: Final = "text/event-stream"
_SECURITY: Final[Mapping[str, Any]] = {
    "basic_sc": {"scheme": "basic", "in": "header"},
    "bearer_sc": {"scheme": "bearer", "in": "header", "format": "opaque", "alg": "none"},
    "signed_in": {"scheme": "combo", "oneOf": ["basic_sc", "bearer_sc"]},
}
# Members of a Thing Model that say how to make a thing, or that are written anew here.
_NOT_OURS: Final = frozenset(
    {"@context", "@type", "links", "properties", "actions", "events", "version", "id", "base"}
    | {"security", "securityDefinitions", "forms"}
)


def of_thing(model: ThingModel, thing: Mapping[str, Any], api_base: str) -> dict[str, Any]:
    """The TD of a thing; hrefs are relative to its `base`.

    Args:
        model: The model of its definition.
        thing: The thing as the caller may read it; features he may not read stay out.
        api_base: Where Ditto's API is, as `https://ioc.example/api/2`.
    """
    thing_id = thing["thingId"]
    base = f"{api_base.rstrip('/')}/things/{quote(thing_id, safe=':')}/"
    links: list[dict[str, str]] = [{"rel": "type", "href": model.url, "type": MODEL_TYPE}]
    links += [
        {"rel": "item", "href": f"features/{quote(name, safe='')}", "type": MEDIA_TYPE}
        for name in model.features
        if name in thing.get("features", {})
    ]
    return _described(
        model.document,
        head={"id": f"urn:{thing_id}", "base": base},
        named=_names(thing.get("attributes", {})),
        links=links,
        place="attributes",
    )


def of_feature(
    model: FeatureModel, thing_id: str, feature_id: str, api_base: str
) -> dict[str, Any]:
    """The TD of one feature; its `collection` link leads back to the thing."""
    thing = f"{api_base.rstrip('/')}/things/{quote(thing_id, safe=':')}"
    feature = quote(feature_id, safe="")
    return _described(
        model.document,
        head={"id": f"urn:{thing_id}/features/{feature}", "base": f"{thing}/features/{feature}/"},
        named={},
        links=[
            {"rel": "type", "href": model.definition[0], "type": MODEL_TYPE},
            {"rel": "collection", "href": thing, "type": MEDIA_TYPE},
        ],
        place="properties",
    )


def _names(attributes: Mapping[str, Any]) -> dict[str, Any]:
    vi, en = attributes.get("titleVi"), attributes.get("titleEn")
    titles = {tag: name for tag, name in (("vi", vi), ("en", en)) if isinstance(name, str) and name}
    return {"title": next(iter(titles.values())), "titles": titles} if titles else {}


def _described(
    model: Mapping[str, Any],
    *,
    head: Mapping[str, Any],
    named: Mapping[str, Any],
    links: list[dict[str, str]],
    place: str,
) -> dict[str, Any]:
    types = [one for one in _list(model["@type"]) if one != "tm:ThingModel"]
    said = {
        key: value
        for key, value in model.items()
        if key not in _NOT_OURS and not key.startswith("tm:")
    }
    kept = [one for one in model.get("links", ()) if not str(one.get("rel", "")).startswith("tm:")]
    return {
        "@context": model.get("@context", CONTEXT),
        **({"@type": types} if types else {}),
        **head,
        **said,
        **named,
        "version": {"instance": "1.0.0", **model.get("version", {})},
        "security": "signed_in",
        "securityDefinitions": dict(_SECURITY),
        "links": links + kept,
        "forms": _forms_of_all(place),
        **_affordances(model, place),
    }


def _affordances(model: Mapping[str, Any], place: str) -> dict[str, Any]:
    made = {
        "properties": {
            name: _property(one, _href(place, one.get(CATEGORY), name))
            for name, one in model.get("properties", {}).items()
        },
        "actions": {
            name: {**one, "forms": [_invoke(f"inbox/messages/{quote(name, safe='')}")]}
            for name, one in model.get("actions", {}).items()
        },
        "events": {
            name: {**one, "forms": [_subscribe(f"outbox/messages/{quote(name, safe='')}")]}
            for name, one in model.get("events", {}).items()
        },
    }
    return {kind: those for kind, those in made.items() if those}


def _href(*parts: str | None) -> str:
    return "/".join(quote(part, safe="") for part in parts if part is not None)


def _property(schema: Mapping[str, Any], href: str) -> dict[str, Any]:
    forms: list[dict[str, Any]] = []
    if not schema.get("writeOnly"):
        forms.append(_form("readproperty", href, "GET"))
        forms.append(
            {
                "op": ["observeproperty", "unobserveproperty"],
                "href": href,
                "htv:methodName": "GET",
                "subprotocol": "sse",
                "contentType": _STREAM,
            }
        )
    if not schema.get("readOnly"):
        forms += [
            _form("writeproperty", href, "PUT"),
            _form("writeproperty", href, "PATCH", _MERGE),
        ]
    return {**schema, "observable": not schema.get("writeOnly", False), "forms": forms}


def _form(op: str, href: str, method: str, content_type: str = _JSON) -> dict[str, Any]:
    return {"op": op, "href": href, "htv:methodName": method, "contentType": content_type}


def _invoke(href: str) -> dict[str, Any]:
    return _form("invokeaction", href, "POST")


def _subscribe(href: str) -> dict[str, Any]:
    return {
        "op": ["subscribeevent", "unsubscribeevent"],
        "href": href,
        "htv:methodName": "GET",
        "subprotocol": "sse",
        "contentType": _STREAM,
    }


def _forms_of_all(place: str) -> list[dict[str, Any]]:
    return [
        {
            "op": ["readallproperties", "readmultipleproperties"],
            "href": place,
            "htv:methodName": "GET",
            "contentType": _JSON,
        },
        {"op": "writeallproperties", "href": place, "htv:methodName": "PUT", "contentType": _JSON},
        _form("writemultipleproperties", place, "PATCH", _MERGE),
    ]


def _list(value: Any) -> list[Any]:  # noqa: ANN401 JSON
    return value if isinstance(value, list) else [value]
