"""A typed client for the HTTP API 2 of Eclipse Ditto, on requests."""

from ioc_ditto import rql
from ioc_ditto.auth import Basic, Bearer, PreAuthenticated
from ioc_ditto.client import DittoClient
from ioc_ditto.errors import (
    BadAnswer,
    BadName,
    BadRequest,
    Conflict,
    DittoClientError,
    DittoError,
    FailedDependency,
    Forbidden,
    MethodNotAllowed,
    NoReply,
    NotFound,
    NotModified,
    NotSupported,
    PreconditionFailed,
    ServerError,
    TimedOut,
    TooLarge,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    Unreachable,
    UnsupportedMediaType,
)
from ioc_ditto.messages import Reply
from ioc_ditto.retries import Retries
from ioc_ditto.shapes import Check, Entry, Feature, Policy, Tagged, Thing, WhoAmI, Written
from ioc_ditto.streams import Event, EventStream
from ioc_ditto.timeseries import Span

__all__ = [
    "BadAnswer",
    "BadName",
    "BadRequest",
    "Basic",
    "Bearer",
    "Check",
    "Conflict",
    "DittoClient",
    "DittoClientError",
    "DittoError",
    "Entry",
    "Event",
    "EventStream",
    "FailedDependency",
    "Feature",
    "Forbidden",
    "MethodNotAllowed",
    "NoReply",
    "NotFound",
    "NotModified",
    "NotSupported",
    "Policy",
    "PreAuthenticated",
    "PreconditionFailed",
    "Reply",
    "Retries",
    "ServerError",
    "Span",
    "Tagged",
    "Thing",
    "TimedOut",
    "TooLarge",
    "TooManyRequests",
    "Unauthorized",
    "Unavailable",
    "Unreachable",
    "UnsupportedMediaType",
    "WhoAmI",
    "Written",
    "rql",
]
