"""Pictures are kept under their hash until the cloud has them."""

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from tests.unit.edge.parts import NOON

from ioc_edge.backends import Image
from ioc_edge.evidence import EvidenceStore


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
