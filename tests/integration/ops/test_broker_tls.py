"""The broker as `ioc up` configures it, over TLS: a box that checks the certificate gets in."""

import datetime as dt
import ipaddress
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode
from tests.support.ports import free_port

from ioc_cloud.ops import broker
from ioc_cloud.ops.home import Home, Ports, give

BOX = "box-tls"
PASSWORD = "only-for-this-test"  # noqa: S105 a broker of this test alone


@dataclass
class Secured:
    """A running broker and the authority that vouches for it."""

    port: int
    ca: Path


def certify(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    if os.geteuid() == 0:
        for path in paths:
            give(path, "mosquitto")
    return paths


@pytest.fixture
def secured() -> Iterator[Secured]:
    # Not pytest's own folder: under root the broker's account could not enter it.
    home = Home(Path(tempfile.mkdtemp(prefix="ioc-tls-", dir="/var/tmp")))
    home.open()
    certificate, key = certify(home.broker)
    port = free_port()
    broker.prepare(
        home,
        Ports("127.0.0.1", 1, "127.0.0.1", port),
        {"certfile": certificate, "keyfile": key},
    )
    broker.set_password(home, BOX, PASSWORD)
    ca = home.root / "ca.pem"
    shutil.copy(certificate, ca)
    with subprocess.Popen(broker.command(home), stdout=subprocess.DEVNULL) as process:
        yield Secured(port, ca)
        process.terminate()
    shutil.rmtree(home.root)


def reason_of_connecting(secured: Secured, *, tls: bool) -> ReasonCode | None:
    """What the broker says to the box; None when it says nothing for a while."""
    reasons: list[ReasonCode] = []
    answered = threading.Event()
    box = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    box.username_pw_set(BOX, PASSWORD)
    if tls:
        box.tls_set(ca_certs=str(secured.ca))

    def on_connect(*said: object) -> None:
        assert isinstance(said[3], ReasonCode)
        reasons.append(said[3])
        answered.set()

    box.on_connect = on_connect
    box.connect_async("127.0.0.1", secured.port)
    box.loop_start()
    answered.wait(20 if tls else 2)
    box.disconnect()
    box.loop_stop()
    return reasons[0] if reasons else None


def test_a_box_that_trusts_the_authority_connects_over_tls(secured: Secured) -> None:
    reason = reason_of_connecting(secured, tls=True)
    assert reason is not None
    assert not reason.is_failure, reason


def test_a_box_that_does_not_know_the_authority_stays_out(secured: Secured) -> None:
    assert reason_of_connecting(secured, tls=True) is not None
    stranger = ssl.create_default_context()
    with (
        socket.create_connection(("127.0.0.1", secured.port)) as line,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        stranger.wrap_socket(line, server_hostname="127.0.0.1")


def test_plain_text_gets_nothing_from_a_tls_listener(secured: Secured) -> None:
    assert reason_of_connecting(secured, tls=True) is not None
    assert reason_of_connecting(secured, tls=False) is None
