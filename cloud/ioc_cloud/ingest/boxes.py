"""Boxes that the cloud knows by name, and the keys that they sign with."""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from ioc_cloud.db import ingest_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.errors import BadBoxKey


def register(connection: Connection, box: str, public_key_pem: str | None) -> None:
    """Make a box known; with a key, a signature that does not fit it is refused.

    Repeating the call is harmless; None leaves a key that is there.

    Raises:
        BadBoxKey: The text is no PEM Ed25519 public key.
    """
    if public_key_pem is not None:
        load_key(box, public_key_pem)
    connection.execute(sql.REGISTER_BOX, {"box": box, "key": public_key_pem})


def registered_keys(connection: Connection) -> dict[str, Ed25519PublicKey]:
    """Public keys by box, for the checks at the door."""
    rows = connection.execute(sql.BOX_KEYS).fetchall()
    return {box: load_key(box, pem) for box, pem in rows}


def load_key(box: str, pem: str) -> Ed25519PublicKey:
    """Read a public key.

    Raises:
        BadBoxKey: The text is no PEM Ed25519 public key.
    """
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadBoxKey(box) from error
    if not isinstance(key, Ed25519PublicKey):
        raise BadBoxKey(box)
    return key
