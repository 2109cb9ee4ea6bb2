"""What every route shares: the pool, who asks, and how OpenAPI speaks of it."""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer
from psycopg_pool import ConnectionPool
from pydantic import BaseModel, Field

from ioc_cloud.auth import keys, users
from ioc_cloud.auth.principal import Principal
from ioc_cloud.db.pool import Connection
from ioc_cloud.errors import NotSignedIn
from ioc_cloud.events.evidence import EvidenceStore
from ioc_cloud.events.search import Cursors, cursors
from ioc_cloud.settings import Settings
from ioc_cloud.wall.feed import Feed

SESSION_COOKIE: Final = "ioc_session"
MAX_TOKEN: Final = 200


@dataclass(slots=True)
class State:
    """What the application holds for its routes."""

    settings: Settings
    pool: ConnectionPool[Connection]
    evidence: EvidenceStore
    feed: Feed
    _cursors: Cursors | None = None

    def cursors(self, connection: Connection) -> Cursors:
        """Page cursors with the database's own key, read once."""
        if self._cursors is None:
            self._cursors = cursors(connection)
        return self._cursors


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field(examples=["/problems/not-found"])
    title: str = Field(examples=["Không tìm thấy / Not found"])
    status: int = Field(examples=[404])
    detail: str
    errors: list[dict[str, Any]] = Field(default_factory=list)


def state_of(request: Request) -> State:
    """The application's state."""
    state: State = request.app.state.ioc
    return state


StateOf = Annotated[State, Depends(state_of)]
BEARER: Final = HTTPBearer(
    auto_error=False, scheme_name="apiKey", description="`ioc_<id>_<secret>`, từ `ioc key add`"
)
COOKIE: Final = APIKeyCookie(
    name=SESSION_COOKIE,
    auto_error=False,
    scheme_name="session",
    description="Phiên đăng nhập từ / session from POST /api/session",
)


def signed_in(
    state: StateOf,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)],
    cookie: Annotated[str | None, Security(COOKIE)],
) -> Principal:
    """Who asks: a key before a session.

    Raises:
        NotSignedIn: Neither holds.
    """
    found = None
    with state.pool.connection() as connection:
        if bearer is not None:
            if len(bearer.credentials) <= MAX_TOKEN:
                found = keys.principal(connection, bearer.credentials)
        elif cookie is not None and len(cookie) <= MAX_TOKEN:
            found = users.principal(connection, cookie)
    if found is None:
        raise NotSignedIn("needs an API key or a session")
    return found


Who = Annotated[Principal, Depends(signed_in)]


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's word on the errors of a route."""
    content = {"application/problem+json": {"schema": Problem.model_json_schema()}}
    return {status: {"description": _WORDS[status], "content": content} for status in statuses}


_WORDS: Final = {
    400: "Yêu cầu không hợp lệ / Bad request",
    401: "Chưa đăng nhập / Not signed in",
    403: "Không đủ quyền / Not allowed",
    404: "Không tìm thấy / Not found",
    409: "Nội dung không khớp / Conflict",
    413: "Quá lớn / Too large",
    415: "Loại tệp không được nhận / Media type not accepted",
    422: "Tham số không hợp lệ / Invalid parameters",
    429: "Quá nhiều lần / Too many attempts",
    503: "Tạm thời không trả lời / Unavailable",
}
