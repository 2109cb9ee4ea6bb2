"""`ioc-edge key` and `ioc-edge open`: what the police do on a machine of their own."""

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from ioc_edge import sealing
from ioc_edge.errors import EdgeError


def main(arguments: Sequence[str] | None = None) -> int:
    """Make a key pair, or open sealed evidence; 1 when it cannot be done."""
    chosen = _parser().parse_args(arguments)
    try:
        if chosen.command == "key":
            sys.stdout.write(new_key(chosen.file) + "\n")
        else:
            opened = open_sealed(chosen.sealed, chosen.key)
            _write(chosen.out, opened)
    except (EdgeError, OSError) as error:
        sys.stderr.write(f"Không thực hiện được / cannot: {error}\n")
        return 1
    return 0


def new_key(file: Path) -> str:
    """Write a new secret key, readable by its owner alone; returns the public one.

    Raises:
        FileExistsError: There is a file: a key that was lost is evidence that was lost.
    """
    key = X25519PrivateKey.generate()
    public = sealing.public_text(key)
    made = datetime.now(timezone.utc).isoformat(timespec="seconds")
    text = f"# created: {made}\n# public key: {public}\n{sealing.secret_text(key)}\n"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(text)
    return public


def open_sealed(sealed: Path, key_file: Path) -> bytes:
    """What a sealed file holds.

    Raises:
        KeyInvalid: The key file holds no key.
        CannotOpen: Another's, or changed since.
    """
    return sealing.unseal(sealed.read_bytes(), sealing.identity(key_file.read_text("utf-8")))


def _write(out: Path | None, content: bytes) -> None:
    if out is None:
        sys.stdout.buffer.write(content)
    else:
        out.write_bytes(content)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ioc-edge", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    key = commands.add_parser("key", help="tạo cặp khoá / make a key pair")
    key.add_argument("file", type=Path, help="where the secret key goes")
    opened = commands.add_parser("open", help="mở chứng cứ niêm phong / open sealed evidence")
    opened.add_argument("sealed", type=Path, help="the sealed file")
    opened.add_argument("--key", type=Path, required=True, help="the secret key's file")
    opened.add_argument("--out", type=Path, help="where the picture goes; else to stdout")
    return parser


if __name__ == "__main__":
    sys.exit(main())
