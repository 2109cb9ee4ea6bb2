"""A Mosquitto with the product's rights: a user a box, topics bound to the user's name."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.ports import free_port

from ioc_models import topics

CLOUD = "cloud"
BOXES = ("box-01", "box-02", "box-03")


def password(user: str) -> str:
    return f"secret-of-{user}"


@dataclass
class Mosquitto:
    """A broker that can be killed and started again on the same port."""

    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="ioc-mqtt-")))
    port: int = field(default_factory=free_port)
    settings: str = ""
    _process: subprocess.Popen[bytes] | None = None

    def configure(self) -> None:
        users = self.folder / "users"
        users.touch(mode=0o600)
        for user in (CLOUD, *BOXES):
            command = ["mosquitto_passwd", "-b", str(users), user, password(user)]
            subprocess.run(command, check=True, capture_output=True)
        rights = [f"user {CLOUD}"]
        rights += [f"topic read {topic}" for topic in topics.CLOUD_MAY_READ]
        rights += [f"topic write {topic}" for topic in topics.CLOUD_MAY_WRITE]
        rights += [f"pattern write {topic}" for topic in topics.BOX_MAY_WRITE]
        rights += [f"pattern read {topic}" for topic in topics.BOX_MAY_READ]
        (self.folder / "acl").write_text("\n".join(rights) + "\n", encoding="utf-8")
        (self.folder / "acl").chmod(0o600)
        lines = [
            f"listener {self.port} 127.0.0.1",
            "allow_anonymous false",
            f"password_file {users}",
            f"acl_file {self.folder / 'acl'}",
            "max_inflight_messages 2000",
            "max_queued_messages 100000",
            "persistence false",
            "log_type error",
            *(["user root"] if os.getuid() == 0 else []),
            self.settings,
        ]
        (self.folder / "conf").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def start(self) -> None:
        self._process = subprocess.Popen(
            ["mosquitto", "-c", str(self.folder / "conf")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise RuntimeError("mosquitto did not start")

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def kill(self) -> None:
        """End it as a power cut would, and wait."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None
