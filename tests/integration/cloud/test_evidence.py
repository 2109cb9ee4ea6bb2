"""Evidence: under its hash, whole or not at all, shown to those who may."""

import contextlib
import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.support.api import Api
from tests.support.events import BoxSim
from tests.support.stored import put_in

from ioc_cloud.db.pool import Connection
from ioc_cloud.events.evidence import Folder
from ioc_models.events import MAX_EVIDENCE_BYTES

JPEG = b"\xff\xd8\xff" + b"picture" * 1000
HASH = hashlib.sha256(JPEG).hexdigest()
REF = {"role": "plate", "sha256": HASH, "bytes": len(JPEG), "media_type": "image/jpeg"}


@pytest.fixture
def box(api: Api) -> httpx.Client:
    return api.client("evidence:write", box="box-01")


def put(
    client: httpx.Client, sha256: str, content: object, kind: str = "image/jpeg"
) -> httpx.Response:
    return client.put(
        f"/api/evidence/{sha256}",
        content=content,  # type: ignore[arg-type]
        headers={"Content-Type": kind},
    )


def files(folder: Path) -> set[str]:
    return {path.name for path in (folder / "evidence").rglob("*") if path.is_file()}


def test_a_picture_is_stored_once_and_shown_with_its_event(
    owner: Connection, api: Api, box: httpx.Client
) -> None:
    sim = BoxSim()
    event = sim.event(evidence=[REF])
    put_in(owner, event)
    reader = api.client("events:read", "evidence:read")
    before = reader.get(f"/api/events/{event['id']}").json()["evidence"]
    assert before == [REF | {"stored": False, "url": f"/api/evidence/{HASH}"}]
    assert put(box, HASH, JPEG).status_code == 201
    assert put(box, HASH, JPEG).status_code == 200
    after = reader.get(f"/api/events/{event['id']}").json()["evidence"]
    assert after[0]["stored"]
    answer = reader.get(after[0]["url"])
    assert answer.content == JPEG
    assert answer.headers["content-type"] == "image/jpeg"
    assert "immutable" in answer.headers["cache-control"]
    looked = owner.execute("select actor, object from audit where action = 'evidence.get'")
    assert looked.fetchall() == [("key:test", HASH)]


def test_a_picture_that_no_event_names_is_shown_to_nobody(api: Api, box: httpx.Client) -> None:
    assert put(box, HASH, JPEG).status_code == 201
    assert api.client("evidence:read").get(f"/api/evidence/{HASH}").status_code == 404


def test_what_shows_people_uncovered_is_for_the_police_alone(
    owner: Connection, api: Api, box: httpx.Client
) -> None:
    sealed = b"age-encryption.org/v1\n" + b"sealed" * 100
    named = hashlib.sha256(sealed).hexdigest()
    ref = {
        "role": "restricted_scene",
        "sha256": named,
        "bytes": len(sealed),
        "media_type": "application/vnd.age",
    }
    put_in(owner, BoxSim().event(evidence=[ref]))
    assert put(box, named, sealed, "application/vnd.age").status_code == 201
    operator = api.client("events:read", "evidence:read", roles=["operator"])
    refused = operator.get(f"/api/evidence/{named}")
    assert refused.status_code == 403
    assert refused.json()["type"] == "/problems/not-allowed"
    police = api.client("evidence:read", roles=["police"]).get(f"/api/evidence/{named}")
    assert (police.content, police.headers["content-type"]) == (sealed, "application/vnd.age")
    looked = owner.execute("select count(*) from audit where action = 'evidence.get'").fetchone()
    assert looked == (1,)


def test_a_picture_that_one_event_calls_restricted_is_restricted_for_all(
    owner: Connection, api: Api, box: httpx.Client
) -> None:
    sim = BoxSim()
    put_in(owner, sim.event(evidence=[REF]))
    put_in(owner, sim.event(evidence=[REF | {"role": "restricted_scene"}]))
    assert put(box, HASH, JPEG).status_code == 201
    assert api.client("evidence:read").get(f"/api/evidence/{HASH}").status_code == 403


def test_bytes_under_a_wrong_hash_are_set_aside_and_counted(
    owner: Connection, box: httpx.Client, tmp_path: Path
) -> None:
    answer = put(box, "ab" * 32, JPEG)
    assert answer.status_code == 409
    assert answer.json()["type"] == "/problems/evidence-mismatch"
    assert (tmp_path / "evidence" / "quarantine" / HASH).read_bytes() == JPEG
    assert files(tmp_path) == {HASH}
    counted = owner.execute("select door, reason, n from door_count").fetchall()
    assert counted == [("evidence", "mismatch", 1)]
    assert put(box, HASH, JPEG).status_code == 201


def test_too_much_is_refused_announced_or_not(
    owner: Connection, box: httpx.Client, tmp_path: Path
) -> None:
    announced = put(box, HASH, b"x" * (MAX_EVIDENCE_BYTES + 1))
    assert announced.status_code == 413

    def endless() -> Iterator[bytes]:
        for _ in range(MAX_EVIDENCE_BYTES // 2**20 + 1):
            yield b"x" * 2**20

    # The server may hang up while we are still talking.
    with contextlib.suppress(httpx.WriteError):
        assert put(box, HASH, endless()).status_code == 413
    assert files(tmp_path) == set()
    counted = owner.execute("select reason, n from door_count").fetchall()
    assert counted == [("too_large", 2)]


@pytest.mark.parametrize("kind", ["text/html", "image/svg+xml", "", "image/jpeg2"])
def test_other_kinds_of_files_are_refused(box: httpx.Client, kind: str) -> None:
    assert put(box, HASH, JPEG, kind).status_code == 415


@pytest.mark.parametrize("sha256", ["x" * 64, HASH.upper(), HASH[:-1], "..%2f..%2fetc%2fpasswd"])
def test_an_address_that_is_no_hash_is_refused(box: httpx.Client, sha256: str) -> None:
    assert put(box, sha256, JPEG).status_code in {404, 405, 422}


def test_an_upload_that_breaks_off_leaves_nothing(box: httpx.Client, tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield JPEG[:100]
        raise RuntimeError("the line broke")

    with pytest.raises(RuntimeError):
        put(box, HASH, broken())
    assert put(box, HASH, JPEG).status_code == 201
    assert files(tmp_path) == {HASH}


def test_readers_see_a_picture_whole_or_not_at_all(tmp_path: Path) -> None:
    store = Folder(tmp_path)
    big = JPEG * 50
    sha256 = hashlib.sha256(big).hexdigest()
    sizes: set[int] = set()
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            with contextlib.suppress(FileNotFoundError), store.open(sha256) as file:
                sizes.add(len(file.read()))

    reader = threading.Thread(target=look)
    reader.start()
    for _ in range(20):
        upload = store.begin()
        for start in range(0, len(big), 4096):
            upload.write(big[start : start + 4096])
        assert upload.keep()
        store.remove(sha256)
    done.set()
    reader.join()
    assert sizes <= {len(big)}
    assert not list((tmp_path / "incoming").iterdir())
