"""The whole product as a user starts it, on free ports and a state folder of its own."""

import json
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
START_S = 280
STOP_S = 60


def free_port() -> int:
    """A port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Product:
    """`./ioc` with one state folder and one pair of ports."""

    home: Path
    http: int = field(default_factory=free_port)
    mqtt: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where wall and API answer."""
        return f"http://127.0.0.1:{self.http}"

    @property
    def password(self) -> str:
        """The generated login."""
        return (self.home / "secrets" / "operator").read_text()

    def environment(self) -> dict[str, str]:
        """What every command gets."""
        return {
            **os.environ,
            "IOC_HOME": str(self.home),
            "IOC_HTTP_PORT": str(self.http),
            "IOC_MQTT_PORT": str(self.mqtt),
        }

    def ioc(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [REPOSITORY / "ioc", *words],
            env=self.environment(), capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    def up(self, *words: str) -> str:
        """Start everything and return what it said once it runs."""
        said = self.home / "up.log"
        with said.open("w") as log:
            self.process = subprocess.Popen(
                [REPOSITORY / "ioc", "up", *words],
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        end = time.monotonic() + START_S
        while time.monotonic() < end and self.process.poll() is None:
            if "Đã chạy / running" in said.read_text():
                return said.read_text()
            time.sleep(0.5)
        pytest.fail(f"`ioc up` did not come up:\n{said.read_text()}\n{self.logs()}")

    def down(self) -> int:
        """Press Ctrl-C and wait."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(STOP_S)

    def logs(self) -> str:
        """The end of every log, for a failure's report."""
        return "\n".join(
            f"--- {path.name}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-15:])
            for path in sorted((self.home / "logs").glob("*.log"))
        )

    def status(self) -> dict[str, Any]:
        """`ioc status --json`."""
        answer = self.ioc("status", "--json")
        assert answer.returncode == 0, answer.stderr
        found: dict[str, Any] = json.loads(answer.stdout)
        return found
