"""The project's own Mosquitto: one account a box, and topics bound to its name."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

from ioc_cloud.errors import CloudError
from ioc_cloud.ops.home import Home, Ports, give, write_private
from ioc_models import topics

INGEST = "ioc-ingest"
# A message over this is refused at the door (MQTT 5 reason 0x95); ingest parks
# what is smaller and still too big to be an event.
MAX_PACKET_BYTES = 1024 * 1024


class BrokerMissing(CloudError):
    """No Mosquitto on this machine."""


class BrokerFailed(CloudError):
    """Mosquitto's tools would not do as told."""


class BadBoxName(CloudError):
    """A box's name that the topics could not carry."""


def binary(name: str = "mosquitto") -> str:
    """Path of a Mosquitto program; Debian keeps the server in /usr/sbin, off a user's PATH.

    Raises:
        BrokerMissing: It is not installed.
    """
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin")
    if found is None:
        raise BrokerMissing(
            f"Thiếu chương trình / program missing: {name} (apt-get install mosquitto)"
        )
    return found


def acl_text() -> str:
    """Who may say and hear what; `%u` is the name that the password proved."""
    lines = ["# Written by `ioc up`.", f"user {INGEST}"]
    lines += [f"topic read {topic}" for topic in topics.CLOUD_MAY_READ]
    lines += [f"topic write {topic}" for topic in topics.CLOUD_MAY_WRITE]
    lines.append("")
    lines += [f"pattern write {topic}" for topic in topics.BOX_MAY_WRITE]
    lines += [f"pattern read {topic}" for topic in topics.BOX_MAY_READ]
    return "\n".join(lines) + "\n"


def configuration_text(home: Home, ports: Ports, tls: dict[str, Path]) -> str:
    """mosquitto.conf; `tls` holds `certfile`, `keyfile` and, for client certificates, `cafile`."""
    lines = [
        "# Written by `ioc up`.",
        f"listener {ports.mqtt} {ports.mqtt_host}",
        *(f"{option} {path}" for option, path in sorted(tls.items())),
        "allow_anonymous false",
        f"password_file {home.broker / 'passwords'}",
        f"acl_file {home.broker / 'acl'}",
        # Events do not depend on this queue (the box keeps them until the cloud's own
        # ack); it only spares resending after a short pause of ingest.
        "max_queued_messages 100000",
        "max_inflight_messages 1000",
        f"max_packet_size {MAX_PACKET_BYTES}",
        "persistence true",
        f"persistence_location {home.broker}/",
        "log_dest stdout",
        "log_type error",
        "log_type warning",
        "log_type notice",
        "connection_messages false",
    ]
    if os.geteuid() == 0:
        lines.append("user mosquitto")
    return "\n".join(lines) + "\n"


def prepare(home: Home, ports: Ports, tls: dict[str, Path]) -> None:
    """Write configuration, ACL and ingest's own account."""
    binary()
    _write(home.broker / "mosquitto.conf", configuration_text(home, ports, tls))
    _write(home.broker / "acl", acl_text())
    if not (home.broker / "passwords").exists():
        _write(home.broker / "passwords", "")
    set_password(home, INGEST, home.secret("mqtt-ingest"))


def command(home: Home) -> list[str]:
    """The broker in the foreground."""
    return [binary(), "-c", str(home.broker / "mosquitto.conf")]


def check_name(box: str) -> None:
    """See that a box's name fits a topic.

    Raises:
        BadBoxName: It does not, or it is taken by the cloud itself.
    """
    address = topics.parse(topics.status(box))
    if address is None or address.box != box or box == INGEST:
        raise BadBoxName(
            f"Tên thiết bị không hợp lệ / not a valid box name: {box!r} "
            "(chữ thường, số, gạch nối / lower case, digits, hyphens, at most 63)"
        )


def set_password(home: Home, name: str, password: str) -> None:
    """Give an account its password, hashed; the broker reads it at `reload`."""
    path = home.broker / "passwords"
    others = [line for line in path.read_text().splitlines() if not line.startswith(f"{name}:")]
    fresh = home.broker / "passwords.new"
    write_private(fresh, f"{name}:{password}\n")
    try:
        # -U hashes a file in place: the password never stands on a command line.
        done = subprocess.run(  # noqa: S603 Mosquitto's own tool, our own path
            [binary("mosquitto_passwd"), "-U", str(fresh)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise BrokerFailed(f"mosquitto_passwd: {done.stderr.strip()}")
        _write(path, "\n".join([*others, fresh.read_text().strip()]) + "\n")
    finally:
        fresh.unlink(missing_ok=True)


def reload(pid: int) -> None:
    """Make a running broker read its accounts again."""
    os.kill(pid, signal.SIGHUP)


def _write(path: Path, text: str) -> None:
    write_private(path, text)
    if os.geteuid() == 0:
        give(path, "mosquitto")
