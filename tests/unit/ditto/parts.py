"""A small real HTTP server that answers as a test tells it to."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any

from ioc_ditto import Basic, DittoClient, Retries


@dataclass
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Service:
    """Plays its answers in order, and the last one ever after."""

    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    def next_answer(self) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def client(self, **kwargs: Any) -> DittoClient:
        kwargs.setdefault("retries", Retries(times=3, first_wait_s=0.01, longest_wait_s=0.05))
        kwargs.setdefault("timeout", timedelta(seconds=5))
        return DittoClient(self.url, Basic("an", "mật khẩu"), **kwargs)


def say(status: int, body: bytes = b"{}", **headers: str) -> Answer:
    """An answer with a body."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content_Type": "application/json", **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    """The line breaks before any answer."""
    handler.close_connection = True


def events(*chunks: bytes, then: Answer | None = None, length: int | None = None) -> Answer:
    """An event stream; `then` before it ends, `length` more than it has: a broken end."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream;charset=UTF-8")
        if length is not None:
            handler.send_header("Content-Length", str(length))
        handler.end_headers()
        for chunk in chunks:
            handler.wfile.write(chunk)
            handler.wfile.flush()
        if then is not None:
            then(handler)
        handler.close_connection = True

    return answer
