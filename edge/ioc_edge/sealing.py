"""Seals bytes for holders of a key, in the age format (age-encryption.org/v1, X25519).

Whoever holds the key opens them with `ioc-edge open`, or with any other age tool:
`age --decrypt --identity key.txt sealed.age > picture.jpg`. The box holds public keys
alone and cannot open what it sealed.
"""

import base64
import hashlib
import hmac
import os
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ioc_edge.errors import EdgeError

# Source of all constants: the age specification, C2SP/C2SP age.md, version 1.
VERSION_LINE: Final = b"age-encryption.org/v1"
RECIPIENT: Final = "age"
IDENTITY: Final = "age-secret-key-"
_X25519_INFO: Final = b"age-encryption.org/v1/X25519"
_CHUNK: Final = 64 * 1024
_TAG: Final = 16
_KEY: Final = 32
_FILE_KEY: Final = 16
_NO_NONCE: Final = bytes(12)
_BECH32: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32_GENERATORS: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


class KeyInvalid(EdgeError):
    """A text that is no age key; the text itself is never repeated."""


class CannotOpen(EdgeError):
    """Sealed bytes that this key does not open, or that were changed."""


def recipient(text: str) -> bytes:
    """The 32 bytes of a public key `age1...`.

    Raises:
        KeyInvalid: Not one.
    """
    return _from_bech32(text.strip(), RECIPIENT)


def identity(text: str) -> X25519PrivateKey:
    """The secret key in the lines of a key file, `AGE-SECRET-KEY-1...`.

    Raises:
        KeyInvalid: No such line.
    """
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            secret = _from_bech32(line.strip().lower(), IDENTITY)
            return X25519PrivateKey.from_private_bytes(secret)
    raise KeyInvalid("the key file holds no key")


def public_text(key: X25519PrivateKey) -> str:
    """The public key `age1...` that belongs to a secret one."""
    return _to_bech32(RECIPIENT, key.public_key().public_bytes_raw())


def secret_text(key: X25519PrivateKey) -> str:
    """A secret key as its holder keeps it."""
    return _to_bech32(IDENTITY, key.private_bytes_raw()).upper()


def seal(content: bytes, recipients: Sequence[bytes]) -> bytes:
    """Bytes that each of the recipients can open, and nobody else.

    Args:
        content: Any bytes.
        recipients: Public keys from `recipient`, at least one.
    """
    if not recipients:
        raise ValueError("sealing needs a recipient")
    file_key, nonce = os.urandom(_FILE_KEY), os.urandom(_FILE_KEY)
    lines = [VERSION_LINE]
    for key in recipients:
        lines += _stanza(file_key, key)
    header = b"\n".join([*lines, b"---"])
    mac = _b64(_header_mac(file_key, header))
    return header + b" " + mac + b"\n" + nonce + _stream(file_key, nonce, content)


def unseal(sealed: bytes, key: X25519PrivateKey) -> bytes:
    """The bytes that were sealed for this key.

    Raises:
        CannotOpen: Another's, changed, cut short, or not sealed at all.
    """
    header, mac, body = _split(sealed)
    file_key = _file_key(header, key)
    if not hmac.compare_digest(mac, _header_mac(file_key, header)):
        raise CannotOpen("the header was changed")
    if len(body) < _FILE_KEY + _TAG:
        raise CannotOpen("cut short")
    return _unstream(file_key, body[:_FILE_KEY], body[_FILE_KEY:])


def _stanza(file_key: bytes, public: bytes) -> list[bytes]:
    ephemeral = X25519PrivateKey.generate()
    share = ephemeral.public_key().public_bytes_raw()
    shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(public))
    wrapping = _derived(shared, share + public, _X25519_INFO)
    wrapped = ChaCha20Poly1305(wrapping).encrypt(_NO_NONCE, file_key, None)
    return [b"-> X25519 " + _b64(share), _b64(wrapped)]


def _split(sealed: bytes) -> tuple[bytes, bytes, bytes]:
    """Header up to and with its three dashes, its MAC, what follows."""
    if not sealed.startswith(VERSION_LINE + b"\n"):
        raise CannotOpen("not sealed in the age format")
    dashes = sealed.find(b"\n--- ")
    end = sealed.find(b"\n", dashes + 1)
    if dashes < 0 or end < 0:
        raise CannotOpen("the header has no end")
    return sealed[: dashes + 4], _unb64(sealed[dashes + 5 : end]), sealed[end + 1 :]


def _file_key(header: bytes, key: X25519PrivateKey) -> bytes:
    """From the first stanza that this key opens; other kinds of stanza are passed over."""
    public = key.public_key().public_bytes_raw()
    lines = header.split(b"\n")
    for place, line in enumerate(lines[:-1]):
        words = line.split(b" ")
        if words[:2] != [b"->", b"X25519"] or len(words) != 3:  # noqa: PLR2004 arrow, kind, share
            continue
        share, wrapped = _unb64(words[2]), _unb64(lines[place + 1])
        try:
            shared = key.exchange(X25519PublicKey.from_public_bytes(share))
            wrapping = _derived(shared, share + public, _X25519_INFO)
            return ChaCha20Poly1305(wrapping).decrypt(_NO_NONCE, wrapped, None)
        except (InvalidTag, ValueError):
            continue
    raise CannotOpen("sealed for another key")


def _stream(file_key: bytes, nonce: bytes, content: bytes) -> bytes:
    cipher = ChaCha20Poly1305(_derived(file_key, nonce, b"payload"))
    chunks = [content[at : at + _CHUNK] for at in range(0, len(content), _CHUNK)] or [b""]
    last = len(chunks) - 1
    return b"".join(
        cipher.encrypt(_chunk_nonce(place, last=place == last), chunk, None)
        for place, chunk in enumerate(chunks)
    )


def _unstream(file_key: bytes, nonce: bytes, body: bytes) -> bytes:
    cipher = ChaCha20Poly1305(_derived(file_key, nonce, b"payload"))
    step = _CHUNK + _TAG
    starts = range(0, len(body), step)
    try:
        return b"".join(
            cipher.decrypt(
                _chunk_nonce(place, last=at + step >= len(body)), body[at : at + step], None
            )
            for place, at in enumerate(starts)
        )
    except InvalidTag as error:
        raise CannotOpen("changed or cut short") from error


def _chunk_nonce(place: int, *, last: bool) -> bytes:
    return place.to_bytes(11, "big") + bytes([last])


def _header_mac(file_key: bytes, header: bytes) -> bytes:
    return hmac.digest(_derived(file_key, b"", b"header"), header, hashlib.sha256)


def _derived(secret: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(hashes.SHA256(), _KEY, salt, info).derive(secret)


def _b64(raw: bytes) -> bytes:
    return base64.b64encode(raw).rstrip(b"=")


def _unb64(text: bytes) -> bytes:
    try:
        raw = base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except ValueError as error:
        raise CannotOpen("the header is damaged") from error
    # Spare bits at the end must be zero, or two headers would say the same.
    if _b64(raw) != text:
        raise CannotOpen("the header is damaged")
    return raw


def _from_bech32(text: str, prefix: str) -> bytes:
    """Bech32 (BIP 173) without its limit of 90 characters."""
    head, _, tail = text.rpartition("1")
    if head != prefix or any(letter not in _BECH32 for letter in tail):
        raise KeyInvalid(f"a key begins with {prefix}1 and holds letters and digits")
    values = [_BECH32.index(letter) for letter in tail]
    if _checksum(prefix, values) != 1:
        raise KeyInvalid(f"the {prefix}1 key was mistyped: its check letters do not fit")
    raw = _regrouped(values[:-6], 5, 8, pad=False)
    if len(raw) != _KEY:
        raise KeyInvalid(f"a key of {len(raw)} bytes, not {_KEY}")
    return raw


def _to_bech32(prefix: str, raw: bytes) -> str:
    values = list(_regrouped(raw, 8, 5, pad=True))
    rest = _checksum(prefix, [*values, 0, 0, 0, 0, 0, 0]) ^ 1
    values += [rest >> 5 * (5 - place) & 31 for place in range(6)]
    return prefix + "1" + "".join(_BECH32[value] for value in values)


def _checksum(prefix: str, values: Sequence[int]) -> int:
    spread = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    total = 1
    for value in [*spread, *values]:
        top = total >> 25
        total = (total & 0x1FFFFFF) << 5 ^ value
        for place, generator in enumerate(_BECH32_GENERATORS):
            total ^= generator if top >> place & 1 else 0
    return total


def _regrouped(values: Sequence[int], of: int, into: int, *, pad: bool) -> bytes:
    held, bits, found = 0, 0, bytearray()
    for value in values:
        held, bits = held << of | value, bits + of
        while bits >= into:
            bits -= into
            found.append(held >> bits & (1 << into) - 1)
    if pad and bits:
        found.append(held << (into - bits) & (1 << into) - 1)
    return bytes(found)
