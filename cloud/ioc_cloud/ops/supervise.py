"""Supervisord runs the processes; we write its configuration and talk to its socket."""

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import SupervisorTransport

from ioc_cloud.errors import CloudError
from ioc_cloud.ops.home import SOCKET_DIR_MAX, Home, write_private

START_S = 20.0
RUNNING = 20
FATAL = 200
ALREADY_STARTED = 60


class AlreadyRunning(CloudError):
    """This installation runs already."""


class NotRunning(CloudError):
    """This installation does not run."""


class ProcessFailed(CloudError):
    """A process would not stay up."""


@dataclass(frozen=True)
class Program:
    """One process, restarted whenever it exits."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    stop_signal: str = "TERM"
    stop_wait_s: int = 15

    def section(self, logs: Path, place: int) -> str:
        """The program's part of supervisord.conf; later places stop earlier."""
        environment = ",".join(f'{key}="{value}"' for key, value in self.environment.items())
        lines = [
            f"[program:{self.name}]",
            f"command={escaped(_joined(self.command))}",
            f"environment={escaped(environment)}" if environment else "",
            f"user={self.user}" if self.user else "",
            f"priority={place}",
            "directory=/",
            "autostart=false",
            "autorestart=true",
            # Restarting a database that was killed can take a few tries; never give up.
            "startsecs=1",
            "startretries=100000",
            f"stopsignal={self.stop_signal}",
            f"stopwaitsecs={self.stop_wait_s}",
            "stopasgroup=true",
            "killasgroup=true",
            "redirect_stderr=true",
            f"stdout_logfile={escaped(str(logs / (self.name + '.log')))}",
            "stdout_logfile_maxbytes=10MB",
            "stdout_logfile_backups=3",
        ]
        if self.name == "postgres":
            # The signal goes to the postmaster alone; it ends its own children in order.
            lines = [line.replace("asgroup=true", "asgroup=false") for line in lines]
        return "\n".join(line for line in lines if line) + "\n"


def escaped(value: str) -> str:
    """Percent signs are supervisord's own expansion marks."""
    return value.replace("%", "%%")


def _joined(command: Sequence[str]) -> str:
    return " ".join(f'"{part}"' if " " in part else part for part in command)


class Rpc(Protocol):
    """The part of supervisord's XML-RPC interface that we use."""

    def getAllProcessInfo(self) -> list[dict[str, Any]]: ...  # noqa: N802, D102 supervisord's names
    def getProcessInfo(self, name: str) -> dict[str, Any]: ...  # noqa: N802, D102
    def startProcess(self, name: str, wait: bool) -> bool: ...  # noqa: FBT001, N802, D102
    def signalProcess(self, name: str, signal: str) -> bool: ...  # noqa: N802, D102
    def shutdown(self) -> bool: ...  # noqa: D102
    def getPID(self) -> int: ...  # noqa: N802, D102


def socket_path(home: Home) -> Path:
    """Socket of this installation's supervisor."""
    if len(bytes(home.supervisor)) <= SOCKET_DIR_MAX:
        return home.supervisor / "socket"
    mark = hashlib.sha256(bytes(home.root)).hexdigest()[:8]
    return Path(tempfile.gettempdir()) / f"ioc-{os.geteuid()}-{mark}.supervisor"


def connect(home: Home) -> Rpc | None:
    """The running supervisor of this installation; None when there is none."""
    path = socket_path(home)
    if not path.exists():
        return None
    transport = SupervisorTransport(None, None, f"unix://{path}")
    rpc = ServerProxy("http://localhost", transport=transport).supervisor
    try:
        rpc.getPID()
    except OSError:
        return None
    return cast("Rpc", rpc)


def running(home: Home) -> Rpc:
    """The running supervisor.

    Raises:
        NotRunning: Nothing runs here.
    """
    rpc = connect(home)
    if rpc is None:
        raise NotRunning("Chưa chạy; hãy chạy './ioc up' trước / not running; run './ioc up' first")
    return rpc


def configuration(home: Home, programs: Sequence[Program]) -> str:
    """supervisord.conf for these programs."""
    head = f"""\
[unix_http_server]
file={escaped(str(socket_path(home)))}
chmod=0700

[supervisord]
logfile={escaped(str(home.logs / "supervisord.log"))}
logfile_maxbytes=10MB
pidfile={escaped(str(home.supervisor / "pid"))}
nodaemon=true
silent=true
{"user=root" if os.geteuid() == 0 else ""}

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""
    sections = [program.section(home.logs, place) for place, program in enumerate(programs, 1)]
    return "\n".join([head, *sections])


class Supervisor:
    """Supervisord as our child, for the life of `ioc up`."""

    def __init__(self, home: Home, programs: Sequence[Program]) -> None:
        """Start it; no program runs until `start`.

        Raises:
            AlreadyRunning: Another `ioc up` holds this state folder.
            ProcessFailed: Supervisord does not come up.
        """
        if connect(home) is not None:
            raise AlreadyRunning(
                "Đã chạy rồi; dừng bằng './ioc down' / runs already; './ioc down' stops it"
            )
        self.home = home
        path = home.supervisor / "supervisord.conf"
        write_private(path, configuration(home, programs))
        # A session of its own: Ctrl-C reaches us alone, and we stop things in order.
        self._child = subprocess.Popen(  # noqa: S603 our own interpreter
            [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(path)],
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.rpc = self._await_socket()

    def _await_socket(self) -> Rpc:
        end = time.monotonic() + START_S
        while time.monotonic() < end and self._child.poll() is None:
            rpc = connect(self.home)
            if rpc is not None:
                return rpc
            time.sleep(0.1)
        self._child.terminate()
        _, complaint = self._child.communicate()
        raise ProcessFailed(f"supervisord: {complaint.strip()}")

    def start(self, name: str) -> None:
        """Start a program and wait until it has stayed up for a second.

        Raises:
            ProcessFailed: It exits at once; its last words are in the message.
        """
        try:
            self.rpc.startProcess(name, True)  # noqa: FBT003 XML-RPC knows no keywords
        except Fault as error:
            if error.faultCode != ALREADY_STARTED:
                raise ProcessFailed(
                    f"{name}: {error.faultString}\n{self.last_words(name)}"
                ) from error

    def last_words(self, name: str, lines: int = 12) -> str:
        """End of a program's log."""
        path = self.home.logs / f"{name}.log"
        if not path.exists():
            return ""
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])

    def alive(self) -> bool:
        """Whether supervisord itself still runs."""
        return self._child.poll() is None

    def exit_code(self) -> int:
        """How supervisord ended; waits until it has."""
        return self._child.wait()

    def stop(self) -> None:
        """Stop every program, newest first, then supervisord."""
        if self.alive():
            self._child.terminate()
        self._child.wait()


def stop(home: Home) -> None:
    """Stop a running installation from outside.

    Raises:
        NotRunning: Nothing runs here.
    """
    rpc = running(home)
    process = Path("/proc") / str(rpc.getPID())
    rpc.shutdown()
    while process.exists():
        time.sleep(0.2)
