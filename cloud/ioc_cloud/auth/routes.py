"""Signing in and out."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, StringConstraints

from ioc_cloud.access import SESSION_COOKIE, StateOf, Who, problems
from ioc_cloud.auth import users
from ioc_cloud.db import api_sql as sql
from ioc_cloud.errors import WrongPassword

router = APIRouter(prefix="/api", tags=["Đăng nhập / Sign-in"])

Printable = r"^[^\x00-\x1f]+$"


class SignIn(BaseModel):
    """User name and password."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"user": "operator", "password": "mot-mat-khau-dai"}]},
    )

    user: Annotated[str, StringConstraints(pattern=Printable, max_length=100)]
    password: Annotated[str, StringConstraints(pattern=Printable, max_length=1000)]


class WhoAmI(BaseModel):
    """Who asks, and what they may do."""

    name: str
    scopes: list[str]
    roles: list[str] = []
    feeds: list[str] = []

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "user:operator",
                    "scopes": ["status:read", "wall:read"],
                    "roles": ["operator"],
                    "feeds": [],
                }
            ]
        }
    )


@router.post(
    "/session",
    status_code=204,
    summary="Đăng nhập / sign in",
    response_class=Response,
    responses=problems(400, 401, 413, 422, 429, 503),
)
def sign_in(body: SignIn, request: Request, state: StateOf) -> Response:
    """Đặt cookie phiên làm việc (12 giờ) / sets the session cookie for 12 hours."""
    address = request.client.host if request.client else "unknown"
    try:
        with state.pool.connection() as connection:
            token = users.sign_in(connection, body.user, body.password, address)
    except WrongPassword:
        with state.pool.connection() as connection:
            users.remember_failure(connection, body.user, address)
            connection.execute(sql.COUNT_AT_DOOR, ("session", "wrong_password"))
        raise
    answer = Response(status_code=204)
    answer.set_cookie(
        SESSION_COOKIE,
        token,
        max_age=int(users.SESSION_LIFE.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer


@router.delete(
    "/session",
    status_code=204,
    summary="Đăng xuất / sign out",
    response_class=Response,
    responses=problems(503),
)
def sign_out(request: Request, state: StateOf) -> Response:
    """Kết thúc phiên; không có phiên cũng không lỗi / ends the session, if there is one."""
    token = request.cookies.get(SESSION_COOKIE)
    if token is not None:
        with state.pool.connection() as connection:
            users.sign_out(connection, token)
    answer = Response(status_code=204)
    answer.delete_cookie(SESSION_COOKIE, httponly=True, samesite="strict")
    return answer


@router.get("/whoami", summary="Tôi là ai / who am I", responses=problems(401, 503))
def who_am_i(who: Who) -> WhoAmI:
    """Tên và quyền của người hỏi / name and scopes of the caller."""
    return WhoAmI(
        name=who.name,
        scopes=sorted(who.scopes),
        roles=sorted(who.roles),
        feeds=sorted(who.feeds),
    )
