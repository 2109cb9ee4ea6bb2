"""A PostgreSQL cluster in a temporary folder; PostgreSQL refuses root, so root steps down."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from tests.support.ports import free_port

OWNER = "postgres"


def binaries() -> Path:
    """Folder of the newest PostgreSQL on this machine."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/postgres"),
        key=lambda path: int(path.parts[-3]),
    )
    if not found:
        raise RuntimeError("no PostgreSQL under /usr/lib/postgresql: install postgresql-postgis")
    return found[-1].parent


def as_owner(command: list[str]) -> list[str]:
    """The command as the database's user, when we are root."""
    return ["runuser", "-u", OWNER, "--", *command] if os.getuid() == 0 else command


@dataclass
class Cluster:
    """One server; `url(name)` is the superuser's way to a database."""

    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="ioc-pg-")))
    port: int = field(default_factory=free_port)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def create(self) -> None:
        if os.getuid() == 0:
            shutil.chown(self.folder, OWNER, OWNER)
        command = [
            str(binaries() / "initdb"), "-D", str(self.data), "-U", OWNER,
            "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync",
        ]  # fmt: skip
        subprocess.run(as_owner(command), check=True, capture_output=True, cwd="/")
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as conf:
            conf.write(
                f"port = {self.port}\nlisten_addresses = ''\n"
                f"unix_socket_directories = '{self.folder}'\n"
                "max_connections = 60\nshared_buffers = 64MB\njit = off\n"
                "log_min_messages = fatal\n"
            )

    def start(self) -> None:
        self._control("start", "-l", str(self.folder / "log"))

    def stop(self) -> None:
        self._control("stop", "-m", "immediate")

    def kill(self) -> None:
        """End the postmaster as a power cut would, and wait."""
        pid = int((self.data / "postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
            time.sleep(0.02)

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, name: str = "postgres") -> str:
        return (
            f"postgresql://{OWNER}@/{name}?host={quote(str(self.folder), safe='')}&port={self.port}"
        )

    def _control(self, verb: str, *options: str) -> None:
        command = [
            str(binaries() / "pg_ctl"), "-D", str(self.data), "-w", "-t", "60", *options, verb,
        ]  # fmt: skip
        subprocess.run(
            as_owner(command),
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
        )


@dataclass(frozen=True)
class Server:
    """Where tests make databases: our cluster, or the one that IOC_TEST_DATABASE_URL names."""

    admin_url: str

    def url(self, name: str, user: str | None = None) -> str:
        parts = urlsplit(self.admin_url)
        netloc = parts.netloc
        if user is not None:
            netloc = f"{user}@{netloc.rpartition('@')[2]}"
        return urlunsplit(parts._replace(path=f"/{name}", netloc=netloc))

    def run(self, *statements: str) -> None:
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)  # type: ignore[call-overload]
