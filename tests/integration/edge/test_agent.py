"""The agent as a process: a film goes in, signed events and a clean goodbye come out."""

import base64
import json
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from tests.integration.edge.cloud import Cloud, listening
from tests.integration.edge.film import film
from tests.support.mosquitto import Mosquitto, password
from tests.support.wire import eventually
from tests.unit.edge.parts import BOX

from ioc_models import topics
from ioc_models.events import signed_bytes

START_S = 60.0


def configure(folder: Path, broker: Mosquitto, key: Ed25519PrivateKey) -> Path:
    (folder / "password").write_text(password(BOX))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(pem)
    film(folder / "film.mp4", 50)
    place = {"location": {"lon": 105.15, "lat": 9.18}, "simulated": True}
    config: dict[str, Any] = {
        "schema": 1,
        "box": BOX,
        "state_dir": "state",
        "broker": {
            "host": "127.0.0.1",
            "port": broker.port,
            "username": BOX,
            "password_file": "password",
        },
        "signing_key_file": "key.pem",
        "detector": "motion",
        "cameras": [
            {"id": "cam-1", "title_vi": "Phim", "source": "film.mp4", "loop": True, **place},
            {"id": "cam-2", "title_vi": "Hỏng", "source": "nothing.mp4", **place},
        ],
    }
    path = folder / "box.yaml"
    path.write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    return path


def test_an_agent_publishes_signed_events_and_says_goodbye(
    broker: Mosquitto, tmp_path: Path
) -> None:
    key = Ed25519PrivateKey.generate()
    cloud = Cloud()
    config = configure(tmp_path, broker, key)
    with listening(broker, cloud):
        agent = subprocess.Popen([sys.executable, "-m", "ioc_edge", "run", config])
        try:
            telemetry = topics.telemetry(BOX, "cam-1")
            eventually(lambda: telemetry in {m.topic for m in cloud.others}, START_S)
        finally:
            agent.send_signal(signal.SIGTERM)
            code = agent.wait(30)
        status = [m.payload for m in cloud.others if m.topic == topics.status(BOX)]
    assert code == 0
    assert json.loads(status[-1])["online"] is False
    kinds = [(body["kind"], body["camera"]) for body in cloud.heard]
    assert {("health", "cam-1"), ("health", "cam-2"), ("traffic", "cam-1")} <= set(kinds)
    assert all(body["simulated"] for body in cloud.heard)
    for body in cloud.heard:
        key.public_key().verify(base64.b64decode(body["sig"]), signed_bytes(body))


def test_a_killed_agent_goes_on_in_the_same_epoch_without_a_hole(
    broker: Mosquitto, tmp_path: Path
) -> None:
    config = configure(tmp_path, broker, Ed25519PrivateKey.generate())
    cloud = Cloud()
    with listening(broker, cloud):
        for _ in range(2):
            seen = len(cloud.heard)
            agent = subprocess.Popen([sys.executable, "-m", "ioc_edge", "run", config])
            eventually(partial(cloud.has_heard, seen + 2), START_S)
            os.kill(agent.pid, signal.SIGKILL)
            agent.wait()
    assert len({body["epoch"] for body in cloud.heard}) == 1
    assert len({body["boot"] for body in cloud.heard}) == 2
    assert sorted({body["seq"] for body in cloud.heard}) == list(range(1, max(cloud.seqs()) + 1))
