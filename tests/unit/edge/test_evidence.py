"""Pictures are kept under their hash until the cloud has them."""

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from pydantic import ValidationError
from tests.unit.edge.parts import NOON

from ioc_edge import sealing
from ioc_edge.backends import Image
from ioc_edge.backends.faces import Face
from ioc_edge.evidence import EvidenceStore, Protection, jpeg, protection
from ioc_edge.settings import BUILT_IN_DETECTOR, PrivacyConfig


def picture(seed: int = 1) -> Image:
    return np.random.default_rng(seed).integers(0, 255, (60, 80, 3), np.uint8)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EvidenceStore]:
    opened = EvidenceStore(tmp_path / "evidence", limit_bytes=10**6, keep_free_bytes=0)
    yield opened
    opened.close()


def test_a_picture_lies_under_the_hash_of_its_bytes(store: EvidenceStore) -> None:
    ref = store.keep("plate", picture())
    assert ref is not None
    content = store.waiting()[0].path.read_bytes()
    assert (hashlib.sha256(content).hexdigest(), len(content)) == (ref.sha256, ref.bytes)


def test_what_waits_survives_a_restart(tmp_path: Path, store: EvidenceStore) -> None:
    kept = store.keep("plate", picture())
    again = EvidenceStore(tmp_path / "evidence", limit_bytes=10**6, keep_free_bytes=0)
    waiting = [found.sha256 for found in again.waiting()]
    again.close()
    assert kept is not None
    assert waiting == [kept.sha256]


def test_the_same_picture_twice_is_stored_once(store: EvidenceStore) -> None:
    assert store.keep("plate", picture()) == store.keep("plate", picture())
    assert store.pending == 1


def test_a_full_store_refuses_and_counts_rather_than_forget_what_was_not_uploaded(
    tmp_path: Path,
) -> None:
    store = EvidenceStore(tmp_path / "small", limit_bytes=20_000, keep_free_bytes=0)
    kept = [store.keep("plate", picture(seed)) for seed in range(5)]
    assert kept[0] is not None
    assert kept[-1] is None
    assert store.refused_for_room == kept.count(None)
    for ref in kept:
        if ref is not None:
            store.sent(ref.sha256)
    assert store.keep("plate", picture(99)) is not None
    store.close()


def test_uploaded_pictures_go_after_a_day(tmp_path: Path) -> None:
    clock = [NOON]
    store = EvidenceStore(
        tmp_path / "e", limit_bytes=10**6, keep_free_bytes=0, now=lambda: clock[0]
    )
    ref = store.keep("plate", picture())
    waiting = store.waiting()[0]
    assert ref is not None
    store.sent(ref.sha256)
    clock[0] = NOON + timedelta(hours=23)
    assert (store.purge(), waiting.path.exists()) == (0, True)
    clock[0] = NOON + timedelta(hours=25)
    assert (store.purge(), waiting.path.exists()) == (1, False)
    store.close()


class Everyone:
    """Finds one face in every picture."""

    def find(self, image: Image) -> list[Face]:
        del image
        return [Face((10, 10, 30, 30), 1.0)]


KEY = X25519PrivateKey.generate()
PUBLIC = sealing.recipient(sealing.public_text(KEY))


def opened(tmp_path: Path, **options: Any) -> EvidenceStore:
    return EvidenceStore(
        tmp_path / "e",
        limit_bytes=10**6,
        keep_free_bytes=0,
        protection=Protection(Everyone(), **options),
    )


def stored(store: EvidenceStore) -> list[bytes]:
    return [found.path.read_bytes() for found in store.waiting()]


def flat(content: bytes) -> bool:
    """Whether the face that `Everyone` finds is covered: noise has no even middle."""
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    return float(image[14:26, 14:26].std()) < 40


def test_faces_are_covered_in_every_picture_that_is_kept(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.keep("scene", picture())
    assert flat(stored(store)[0])
    store.close()


def test_a_cut_out_of_a_plate_is_kept_as_it_is(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.keep("plate", picture())
    assert not flat(stored(store)[0])
    store.close()


def test_without_a_police_key_the_uncovered_picture_is_not_kept(tmp_path: Path) -> None:
    store = opened(tmp_path)
    assert store.keep_uncovered("scene", picture()) is None
    assert store.keep_restricted("clip", b"video", "video/mp4") is None
    assert stored(store) == []
    store.close()


def test_with_a_police_key_the_uncovered_picture_is_sealed(tmp_path: Path) -> None:
    store = opened(tmp_path, police_keys=(PUBLIC,))
    ref = store.keep_uncovered("scene", picture())
    assert ref is not None
    assert (ref.role, ref.media_type) == ("restricted_scene", "application/vnd.age")
    (sealed,) = stored(store)
    assert b"JFIF" not in sealed
    assert sealing.unseal(sealed, KEY) == jpeg(picture())
    store.close()


def test_a_key_wins_over_the_wish_to_keep_it_in_the_clear(tmp_path: Path) -> None:
    store = opened(tmp_path, police_keys=(PUBLIC,), in_the_clear=True)
    store.keep_restricted("clip", b"video", "video/mp4")
    assert b"video" not in stored(store)[0]
    store.close()


def test_the_uncovered_picture_lies_in_the_clear_only_where_configuration_says_so(
    tmp_path: Path,
) -> None:
    store = opened(tmp_path, in_the_clear=True)
    ref = store.keep_restricted("clip", b"video", "video/mp4")
    assert ref is not None
    assert (ref.role, ref.media_type) == ("restricted_clip", "video/mp4")
    assert stored(store) == [b"video"]
    store.close()


def test_a_box_seals_for_the_keys_that_its_configuration_names() -> None:
    config = PrivacyConfig(police_keys=(sealing.public_text(KEY),))
    made = protection(config, BUILT_IN_DETECTOR)
    assert made.police_keys == (PUBLIC,)
    assert made.watcher is not None
    assert not made.in_the_clear


def test_a_mistyped_police_key_is_refused_at_the_door() -> None:
    with pytest.raises(ValidationError, match="age1"):
        PrivacyConfig(police_keys=("age1notakey",))
