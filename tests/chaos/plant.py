"""The product's own processes on free ports in a folder of their own, to be killed and timed."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from ioc_cloud.db import migrate
from ioc_cloud.ops import broker, demo, postgres, up
from ioc_cloud.ops.home import Access, Home, Ports
from ioc_cloud.ops.supervise import Program
from ioc_cloud.settings import Settings

RESTART_S = 0.3
REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass
class Service:
    """One process; `keep` starts it again whenever it is gone and not held down."""

    program: Program
    log: Path
    process: subprocess.Popen[bytes] | None = None
    down_until: float = 0.0
    starts: int = 0

    def start(self) -> None:
        account = self.program.user
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.program.command,
                env={**os.environ, **self.program.environment},
                cwd=REPOSITORY if account is None else "/",
                stdout=log,
                stderr=subprocess.STDOUT,
                user=account,
                group=account,
                extra_groups=[] if account else None,
            )
        self.starts += 1

    def keep(self) -> None:
        """Start again what has gone; a killed database may need several tries."""
        if self.process and self.process.poll() is not None and time.monotonic() > self.down_until:
            self.down_until = time.monotonic() + RESTART_S
            self.start()

    def kill(self, down_s: float) -> None:
        """SIGKILL to the process alone: PostgreSQL's children outlive it for a moment."""
        self.send(signal.SIGKILL)
        self.down_until = time.monotonic() + down_s

    def send(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(number)

    def stop(self) -> None:
        if self.process is None:
            return
        if self.process.poll() is None:
            self.send(signal.Signals[f"SIG{self.program.stop_signal}"])
        try:
            self.process.wait(self.program.stop_wait_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def last_words(self, lines: int = 30) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


@dataclass
class Plant:
    """Database, broker and ingest as `ioc up` configures and starts them."""

    home: Home
    ports: Ports
    settings: str = ""
    services: dict[str, Service] = field(default_factory=dict)

    def prepare(self, box_names: Sequence[str]) -> None:
        """Start database and broker, with the schema made and each box registered."""
        self.home.open()
        (self.home.root / "postgres.local.conf").write_text(self.settings)
        postgres.prepare(self.home)
        broker.prepare(self.home, self.ports, {})
        options = up.Options(
            ports=self.ports, video=None, tls={}, boundaries=None, settings=Settings()
        )
        for program in up.programs(self.home, options, []):
            self.add(program)
        self.services["postgres"].start()
        postgres.wait_until_up(self.home, 60)
        postgres.make_roles(self.home)
        migrate.migrate(postgres.url(self.home, postgres.OWNER))
        for box in box_names:
            self.enrol(box)
        self.services["mosquitto"].start()
        eventually(self.broker_listens)

    def add(self, program: Program) -> Service:
        service = Service(program, self.home.logs / f"{program.name}.log")
        self.services[program.name] = service
        return service

    def database(self) -> psycopg.Connection[Any]:
        return psycopg.connect(postgres.url(self.home, postgres.OWNER), autocommit=True)

    def one(self, query: str, *values: object) -> Any:
        with self.database() as database:
            row = database.execute(query, values).fetchone()  # type: ignore[call-overload]
        return row[0] if row else None

    def run(self, statement: str) -> None:
        with self.database() as database:
            database.execute(statement)  # type: ignore[call-overload]

    def enrol(self, box: str) -> dict[str, Any]:
        """Account, keys and registration of a box; returns its configuration."""
        with self.database() as database:
            return demo.enrol(self.home, Access(self.ports), database, box)

    def signing_key(self, box: str) -> Path:
        return self.home.secrets / f"box-{box}-signing.pem"

    def stop(self) -> None:
        for service in reversed(self.services.values()):
            service.stop()

    def broker_listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((self.ports.mqtt_host, self.ports.mqtt)) == 0


@contextmanager
def plant(*box_names: str, settings: str = "") -> Iterator[Plant]:
    """A plant that is stopped and removed at the end; `settings` are PostgreSQL's own."""
    # pytest's tmp_path is closed to the accounts that database and broker run as.
    folder = Path(tempfile.mkdtemp(prefix="ioc-plant-"))
    built = Plant(Home(folder), Ports("127.0.0.1", free_port(), "127.0.0.1", free_port()), settings)
    try:
        built.prepare(box_names)
        yield built
    finally:
        built.stop()
        shutil.rmtree(folder, ignore_errors=True)


def eventually(holds: Any, within_s: float = 30.0, every_s: float = 0.05) -> None:
    until = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < until, f"{holds} did not hold within {within_s} s"
        time.sleep(every_s)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
