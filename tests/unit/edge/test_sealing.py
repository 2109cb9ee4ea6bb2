"""What is sealed opens for its key, whole, and for nobody else; other age tools agree."""

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ioc_edge import opening, sealing
from ioc_edge.sealing import CannotOpen, KeyInvalid

# Made with pyrage 1.4.0 (rage): a key, and "Cà Mau" sealed for it and for another.
KEY = "AGE-SECRET-KEY-1NFG4EK3QPX8ENFXLY3G3EPG4S797Q3MZPDSH0SF6EXZN5LZ06SVSSWW3PM"
PUBLIC = "age1qhc4prehae8syegcwdrkzysjwjdjyfqmkkc2saszfxnld7qhhuys443pdz"
FOREIGN = base64.b64decode(
    "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSA0eGl3bytORjNXOVk2YWxaLzU4dzVOTzQyWSthMlZzd0xxTXB0"
    "TDhYbXc4CjFpdGNrWTJaWEhkMnZBUTJETm5BRmhWQUo4aFUyTjZvcUpKcHk1dVFib1UKLT4gWDI1NTE5IGNOcmxjYzNO"
    "UUlVa0JFRWxmeW4xUGsrdlR6UURpbVZYVlFuMzByT2p0aEUKN1BxRFJiSVkrWDRmbEtNS1dURVZYMU9BY0ZtakwzM3FP"
    "Q2NJOHBWTXpZcwotPiAnNE5gTi1ncmVhc2Uge1BeTCB5CjVON3J3aXdVYy9WYVhpMnlQNXFpcVBZZmJGK2V1Wno1VDQ0"
    "Q0ZWVFlqTjl3Nm14Q0pkODZSUQotLS0gQ3lDYTVJcDZJdFVuQUxLYUJqVU0yMnNCMEMrd3psenR2NTU1aTdobFdRSQpQ"
    "gv6Xl8itKsEjnc6SULoc+uedL3tu+j57RLyovBSKsYkedtdycjU="
)
MINE = sealing.identity(KEY)


def test_what_another_tool_sealed_opens() -> None:
    assert sealing.public_text(MINE) == PUBLIC
    assert sealing.secret_text(MINE) == KEY
    assert sealing.unseal(FOREIGN, MINE).decode() == "Cà Mau"


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 131_072, 200_000])
def test_what_was_sealed_opens_whole(size: int) -> None:
    content = bytes(place % 251 for place in range(size))
    assert sealing.unseal(sealing.seal(content, [sealing.recipient(PUBLIC)]), MINE) == content


def test_each_of_several_keys_opens_it() -> None:
    other = X25519PrivateKey.generate()
    keys = [sealing.recipient(PUBLIC), sealing.recipient(sealing.public_text(other))]
    sealed = sealing.seal(b"picture", keys)
    assert sealing.unseal(sealed, MINE) == sealing.unseal(sealed, other) == b"picture"


def test_another_key_does_not_open_it() -> None:
    with pytest.raises(CannotOpen, match="another key"):
        sealing.unseal(FOREIGN, X25519PrivateKey.generate())


@given(place=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_no_bit_can_be_changed_unnoticed(place: int, bit: int) -> None:
    sealed = bytearray(sealing.seal(b"picture" * 40, [sealing.recipient(PUBLIC)]))
    sealed[place % len(sealed)] ^= 1 << bit
    with pytest.raises(CannotOpen):
        sealing.unseal(bytes(sealed), MINE)


@pytest.mark.parametrize("kept", [0, 30, 150, -1, -17])
def test_a_file_that_was_cut_short_does_not_open(kept: int) -> None:
    sealed = sealing.seal(bytes(70_000), [sealing.recipient(PUBLIC)])
    with pytest.raises(CannotOpen):
        sealing.unseal(sealed[:kept], MINE)


def test_a_file_cut_between_two_chunks_does_not_open() -> None:
    sealed = sealing.seal(bytes(65_536 + 10), [sealing.recipient(PUBLIC)])
    with pytest.raises(CannotOpen):
        sealing.unseal(sealed[: -(10 + 16)], MINE)


@pytest.mark.parametrize(
    "text", ["", "age1", PUBLIC[:-1], PUBLIC.replace("q", "p", 1), KEY, "age1" + "q" * 60]
)
def test_a_mistyped_key_is_refused(text: str) -> None:
    with pytest.raises(KeyInvalid):
        sealing.recipient(text)


def test_a_key_file_opens_what_was_sealed_for_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key, sealed, out = tmp_path / "key.txt", tmp_path / "x.age", tmp_path / "x.jpg"
    assert opening.main(["key", str(key)]) == 0
    public = capsys.readouterr().out.strip()
    assert key.stat().st_mode & 0o077 == 0
    sealed.write_bytes(sealing.seal(b"picture", [sealing.recipient(public)]))
    assert opening.main(["open", str(sealed), "--key", str(key), "--out", str(out)]) == 0
    assert out.read_bytes() == b"picture"
    assert opening.main(["key", str(key)]) == 1


def test_a_file_that_does_not_open_is_said_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "key.txt").write_text(KEY)
    (tmp_path / "x.age").write_bytes(b"no age file")
    arguments = ["open", str(tmp_path / "x.age"), "--key", str(tmp_path / "key.txt")]
    assert opening.main(arguments) == 1
    assert "age" in capsys.readouterr().err
