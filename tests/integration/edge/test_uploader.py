"""The uploader against a real HTTP server that fails in every way a cloud can."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from tests.support.wire import eventually

from ioc_edge import evidence
from ioc_edge.evidence import EvidenceStore, Uploader


class Door(BaseHTTPRequestHandler):
    """Answers PUT with the next code of the script, and keeps what it was given."""

    codes: list[int] = []  # noqa: RUF012 set anew by each test
    taken: list[tuple[str, str, bytes]] = []  # noqa: RUF012

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        code = self.codes.pop(0) if self.codes else 201
        if code < 300:
            self.taken.append((self.path, self.headers["Authorization"], body))
        self.send_response(code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(evidence, "FIRST_RETRY_S", 0.02)
    monkeypatch.setattr(evidence, "LONGEST_RETRY_S", 0.1)
    Door.codes, Door.taken = [], []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EvidenceStore]:
    opened = EvidenceStore(tmp_path / "evidence", limit_bytes=10**7, keep_free_bytes=0)
    yield opened
    opened.close()


@pytest.fixture
def uploader(store: EvidenceStore, url: str) -> Iterator[Uploader]:
    made = Uploader(store, url, "ioc_1_secret")
    yield made
    made.stop()


def keep(store: EvidenceStore, seed: int) -> str:
    ref = store.keep("plate", np.random.default_rng(seed).integers(0, 255, (9, 9, 3), np.uint8))
    assert ref is not None
    return ref.sha256


def test_pictures_kept_before_and_after_the_start_are_put_under_their_hash(
    store: EvidenceStore, uploader: Uploader
) -> None:
    first = keep(store, 1)
    uploader.start()
    second = keep(store, 2)
    eventually(lambda: store.pending == 0)
    assert [path for path, _, _ in Door.taken] == [
        f"/api/evidence/{first}",
        f"/api/evidence/{second}",
    ]
    assert {key for _, key, _ in Door.taken} == {"Bearer ioc_1_secret"}


def test_passing_failures_are_tried_again_until_it_works(
    store: EvidenceStore, uploader: Uploader
) -> None:
    Door.codes = [500, 503, 401, 429]
    keep(store, 1)
    uploader.start()
    eventually(lambda: store.pending == 0)
    assert len(Door.taken) == 1


def test_a_picture_the_cloud_will_never_take_does_not_block_the_next(
    store: EvidenceStore, uploader: Uploader
) -> None:
    Door.codes = [409]
    refused, taken = keep(store, 1), keep(store, 2)
    uploader.start()
    eventually(lambda: store.pending == 0)
    assert [path[-64:] for path, _, _ in Door.taken] == [taken]
    assert (store._path(refused)).exists()


def test_an_unreachable_cloud_is_waited_for(store: EvidenceStore) -> None:
    uploader = Uploader(store, "http://127.0.0.1:1", "key")
    keep(store, 1)
    uploader.start()
    eventually(lambda: uploader.failing)
    uploader.stop()
    assert store.pending == 1
