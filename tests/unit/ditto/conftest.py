"""A small real HTTP server that answers as a test tells it to."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.unit.ditto.parts import Seen, Service


@pytest.fixture
def service() -> Iterator[Service]:
    """The server, and what it saw."""
    made = Service()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length)
            made.seen.append(Seen(self.command, self.path, dict(self.headers), body))
            made.next_answer()(self)

        do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = _any  # noqa: N815 http.server's names

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join()
