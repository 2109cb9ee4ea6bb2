"""The `fields` parameter of a request."""

from ioc_cloud.twin.errors import DittoError
from ioc_cloud.twin.fields import Selector, parse_fields
from ioc_cloud.twin.rql import RqlInvalid
from ioc_cloud.twin.web.api import Request


def fields_of(request: Request) -> Selector | None:
    """What the caller wants of each entity; None for all of it.

    Raises:
        DittoError: It cannot be understood.
    """
    text = request.asked.query("fields")
    if text is None:
        return None
    try:
        return parse_fields(text)
    except RqlInvalid as error:
        raise DittoError(400, "json.fieldselector.invalid", f"'fields': {error}") from error
