"""The state folder of one installation: where everything that must survive lies."""

import getpass
import hashlib
import json
import os
import pwd
import secrets
import socket
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from ioc_cloud.errors import CloudError

REPOSITORY = Path(__file__).resolve().parents[3]
# A UNIX socket's path ends at 107 bytes; PostgreSQL adds "/.s.PGSQL.5432.lock".
SOCKET_DIR_MAX = 85


LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """A port that nobody listens on now, for a process of ours that no other machine reaches."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


class PortTaken(CloudError):
    """Another program listens where ours wants to."""


class NoSuchUser(CloudError):
    """A system account that a Debian package should have made is missing."""


@dataclass(frozen=True)
class Ports:
    """Where the outside reaches us; the database has a socket alone."""

    http_host: str
    http: int
    mqtt_host: str
    mqtt: int

    def claim(self) -> None:
        """See that nobody listens there.

        Raises:
            PortTaken: With the port and how to choose another.
        """
        for host, port, option in (
            (self.http_host, self.http, "--http-port"),
            (self.mqtt_host, self.mqtt, "--mqtt-port"),
        ):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((host, port))
                except OSError as error:
                    raise PortTaken(
                        f"Cổng {port} trên {host} đã có chương trình khác dùng; chọn cổng khác: "
                        f"{option} N / port {port} on {host} is taken; choose another"
                    ) from error

    @property
    def url(self) -> str:
        """Where wall and API answer."""
        return f"http://{self.http_host}:{self.http}"


@dataclass(frozen=True)
class Access:
    """How a box reaches this installation; kept for `ioc box add`."""

    ports: Ports
    mqtt_ca: Path | None = None

    @classmethod
    def of(cls, home: "Home") -> "Access":
        """As the last `ioc up` wrote it down."""
        kept = json.loads((home.root / "access.json").read_text())
        ca = kept["mqtt_ca"]
        return cls(Ports(**kept["ports"]), Path(ca) if ca else None)

    def keep(self, home: "Home") -> None:
        """Write it down."""
        write_private(home.root / "access.json", json.dumps(asdict(self), default=str))


@dataclass(frozen=True)
class Home:
    """Paths of one installation; `open` makes the folders with the rights they need."""

    root: Path

    @classmethod
    def default(cls) -> "Home":
        """`IOC_HOME`, else `var` in the clone; for root a folder that PostgreSQL can enter.

        PostgreSQL refuses to run as root, and a clone under /root is closed to the
        account it runs as.
        """
        if chosen := os.environ.get("IOC_HOME"):
            return cls(Path(chosen).resolve())
        if os.geteuid() == 0:
            mark = hashlib.sha256(bytes(REPOSITORY)).hexdigest()[:8]
            return cls(Path("/var/lib/ioc") / f"{REPOSITORY.name}-{mark}")
        return cls(REPOSITORY / "var")

    @property
    def secrets(self) -> Path:
        """Generated passwords and keys, one file each, for the owner's eyes."""
        return self.root / "secrets"

    @property
    def postgres(self) -> Path:
        """Data folder of the database cluster."""
        return self.root / "postgres"

    @property
    def sockets(self) -> Path:
        """Folder of the database's socket."""
        folder = self.root / "run"
        if len(bytes(folder)) <= SOCKET_DIR_MAX:
            return folder
        mark = hashlib.sha256(bytes(self.root)).hexdigest()[:8]
        return Path(tempfile.gettempdir()) / f"ioc-{os.geteuid()}-{mark}"

    @property
    def broker(self) -> Path:
        """Broker's configuration, passwords and queue."""
        return self.root / "mosquitto"

    @property
    def evidence(self) -> Path:
        """Pictures and clips under their hashes."""
        return self.root / "evidence"

    @property
    def feeds(self) -> Path:
        """An installation's own contracts, its watched folder, the originals of deliveries."""
        return self.root / "feeds"

    @property
    def boxes(self) -> Path:
        """Configuration and state of the demo boxes."""
        return self.root / "boxes"

    @property
    def logs(self) -> Path:
        """What each process said."""
        return self.root / "logs"

    @property
    def supervisor(self) -> Path:
        """The supervisor's configuration and socket."""
        return self.root / "supervisor"

    def open(self) -> None:
        """Make the folders; only those that a dropped account needs are handed to it."""
        # 0711: postgres and mosquitto pass through to their own folders and see nothing else.
        for folder in (*reversed(self.root.parents), self.root):
            if not folder.exists():
                folder.mkdir()
                folder.chmod(0o711)
        self.root.chmod(0o711)
        own = (self.secrets, self.evidence, self.feeds, self.boxes, self.logs, self.supervisor)
        for folder in own:
            folder.mkdir(exist_ok=True)
            folder.chmod(0o700)
        for folder, account in (
            (self.postgres, "postgres"),
            (self.sockets, "postgres"),
            (self.broker, "mosquitto"),
        ):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o700)
            if os.geteuid() == 0:
                give(folder, account)

    def secret(self, name: str) -> str:
        """A secret by name, made at first use and kept, never printed by itself."""
        path = self.secrets / name
        if not path.exists():
            write_private(path, secrets.token_urlsafe(24))
        return path.read_text()


def runs_as(account: str) -> str:
    """The account a service of ours runs as: its own under root, else the caller's."""
    return account if os.geteuid() == 0 else getpass.getuser()


def give(path: Path, account: str) -> None:
    """Hand a path to a system account.

    Raises:
        NoSuchUser: The account does not exist.
    """
    try:
        entry = pwd.getpwnam(account)
    except KeyError as error:
        raise NoSuchUser(f"Không có tài khoản hệ thống / no system account: {account}") from error
    os.chown(path, entry.pw_uid, entry.pw_gid)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    part = path.with_suffix(path.suffix + ".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    part.replace(path)
