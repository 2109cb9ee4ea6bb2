"""Parameters that several of the extensions understand alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, LiteralString
from urllib.parse import parse_qsl

from ioc_cloud.twin import ids
from ioc_cloud.twin.access import Rights
from ioc_cloud.twin.errors import DittoError
from ioc_cloud.twin.fields import Selector, parse_fields, select
from ioc_cloud.twin.rql import RqlInvalid, check, compile_sql, parse_filter
from ioc_cloud.twin.rql.ast import Query
from ioc_cloud.twin.web.api import Request


@dataclass(frozen=True, slots=True)
class Which:
    """Which things a question is about, and which of their fields it wants."""

    query: Query | None = None
    namespaces: tuple[str, ...] | None = None
    selector: Selector | None = None


def parameters(request: Request) -> dict[str, str]:
    """The query's parameters, the last of each name."""
    return dict(parse_qsl(request.asked.query_string.decode("latin-1"), keep_blank_values=True))


def invalid(why: str) -> DittoError:
    """A parameter that cannot be understood."""
    return DittoError(400, "ioc:parameter.invalid", why)


def which(asked: Mapping[str, str]) -> Which:
    """`filter`, `namespaces` and `fields`.

    Raises:
        DittoError: One that cannot be understood.
    """
    fields = asked.get("fields")
    try:
        selector = parse_fields(fields) if fields else None
    except RqlInvalid as error:
        raise DittoError(400, "json.fieldselector.invalid", f"'fields': {error}") from error
    return Which(query_of(asked.get("filter")), namespaces_of(asked), selector)


def query_of(text: str | None) -> Query | None:
    """An RQL expression over things.

    Raises:
        DittoError: It cannot be understood.
    """
    if not text or not text.strip():
        return None
    try:
        query = parse_filter(text)
        check(query)
    except RqlInvalid as error:
        raise DittoError(400, "rql.expression.invalid", str(error)) from error
    return query


def namespaces_of(asked: Mapping[str, str]) -> tuple[str, ...] | None:
    """The namespaces of a question; None for all.

    Raises:
        DittoError: One that can be none.
    """
    if "namespaces" not in asked:
        return None
    names = [name.strip() for name in asked["namespaces"].split(",")]
    return tuple(ids.namespace(name) for name in names if name)


def where(wanted: Which, rights: Rights) -> tuple[str, dict[str, Any]]:
    """The things that a question is about and its caller may see, as a condition on `t`.

    Raises:
        DittoError: A filter that cannot be asked.
    """
    condition, bound = rights.visible, dict(rights.params)
    if wanted.namespaces is not None:
        condition = f"{condition} and t.ns = any(%(namespaces)s)"
        bound["namespaces"] = list(wanted.namespaces)
    if wanted.query is not None:
        try:
            compiled, values = compile_sql(wanted.query, rights)
        except RqlInvalid as error:
            raise DittoError(400, "rql.expression.invalid", str(error)) from error
        condition, bound = f"{condition} and {compiled}", bound | values
    return condition, bound


def selected(item: Mapping[str, Any], wanted: Which) -> dict[str, Any]:
    """What `fields` asks for of a thing that has already been cut to what may be read."""
    return dict(item) if wanted.selector is None else select(item, wanted.selector)


def statement(text: str) -> LiteralString:
    """A statement put together of our own fragments; values are bound, never part of it."""
    return text
