"""What a twin answers when it cannot: Ditto's error JSON, told apart by status."""

from typing import Any

from ioc_cloud.errors import CloudError


class DittoError(CloudError):
    """An error in Ditto's words.

    Attributes:
        http: Status of the answer.
        code: `error` of the body, such as `things:thing.notfound`; not part of the
            stable API, clients look at the status.
        details: Further members of the body.
    """

    def __init__(
        self,
        http: int,
        code: str,
        message: str,
        description: str | None = None,
        **details: Any,  # noqa: ANN401 JSON
    ) -> None:
        """Keep what the answer will say."""
        super().__init__(message)
        self.http = http
        self.code = code
        self.message = message
        self.description = description
        self.details = details

    def body(self) -> dict[str, Any]:
        """The answer's JSON."""
        body: dict[str, Any] = {"status": self.http, "error": self.code, "message": self.message}
        if self.description:
            body["description"] = self.description
        return body | self.details


def thing_not_found(thing_id: str) -> DittoError:
    """Absent, or not readable: a caller cannot tell which."""
    return DittoError(
        404,
        "things:thing.notfound",
        f"The Thing with ID '{thing_id}' could not be found.",
        "Check if the ID of your requested Thing was correct and you have sufficient permissions.",
    )


def policy_not_found(policy_id: str) -> DittoError:
    """Absent, or not readable."""
    return DittoError(
        404,
        "policies:policy.notfound",
        f"The Policy with ID '{policy_id}' could not be found.",
        "Check if the ID of your requested Policy was correct and you have sufficient permissions.",
    )


def part_not_found(kind: str, entity_id: str, path: str) -> DittoError:
    """A part of a thing or policy that is not there or not readable."""
    code = "policies:resource.notfound" if kind == "policy" else f"things:{kind}.notfound"
    return DittoError(404, code, f"Nothing readable at '{path}' of '{entity_id}'.")


def not_modifiable(kind: str, entity_id: str, path: str) -> DittoError:
    """Readable, but not to be written by this caller."""
    prefix = "policies:policy" if kind == "policy" else f"things:{kind}"
    return DittoError(
        403,
        f"{prefix}.notmodifiable",
        f"'{path}' of '{entity_id}' could not be modified as the requester had insufficient "
        "permissions.",
    )


def bad_json(why: str) -> DittoError:
    """A body that is no JSON, or JSON that cannot be stored."""
    return DittoError(400, "json.invalid", f"Failed to parse JSON: {why}")


def bad_shape(where: str, why: str) -> DittoError:
    """JSON of the wrong form."""
    return DittoError(400, "json.field.invalid", f"Invalid value at '{where}': {why}")


def bad_header(name: str, why: str) -> DittoError:
    """A header or query parameter that cannot be understood."""
    return DittoError(400, "header.invalid", f"The value of '{name}' is invalid: {why}")


def bad_id(value: str, why: str) -> DittoError:
    """An id that no entity can have."""
    return DittoError(
        400,
        "namespacedentity.id.invalid",
        f"'{value[:120]}' is not a valid entity ID: {why}",
        "It must conform to 'namespace:name'; see RFC 3986 for the characters of a name.",
    )


def not_supported(what: str) -> DittoError:
    """A part of Ditto's API that the profile leaves out."""
    return DittoError(
        501,
        "ioc:feature.notsupported",
        f"{what} is not part of the profile of Ditto's API that this twin speaks.",
        "GET /api/ioc/capabilities lists what is.",
    )


def too_large(kind: str, found: int, most: int) -> DittoError:
    """An entity beyond its limit, in bytes of JSON."""
    code = {"thing": "things:thing.toolarge", "policy": "policies:policy.toolarge"}.get(
        kind, "gateway:message.toolarge"
    )
    return DittoError(413, code, f"The {kind} has {found} bytes, at most {most} are allowed.")


def precondition_failed(kind: str, header: str, expected: str, actual: str) -> DittoError:
    """An If-Match or If-None-Match that does not hold."""
    prefix = "policies:" if kind == "policy" else "things:"
    return DittoError(
        412,
        f"{prefix}precondition.failed",
        f"The comparison of precondition header '{header}' for the requested resource evaluated "
        f"to false. Header value: '{expected}', actual entity-tag: '{actual}'.",
    )


def condition_failed() -> DittoError:
    """A `condition` that does not hold."""
    return DittoError(
        412,
        "things:condition.failed",
        "The specified condition does not match the state of the requested Thing.",
    )
