"""Ports that nobody listens on."""

import os
import random
import socket
from typing import Final

# Below the range from which the system gives ports to outgoing lines (32768 up on Linux),
# which could take a free one before its server does.
FIRST: Final = 12_000
EACH: Final = 2_000
MOST_WORKERS: Final = 10


def free_port() -> int:
    """A port of this test worker's own range."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = FIRST + worker % MOST_WORKERS * EACH
    for port in random.SystemRandom().sample(range(first, first + EACH), EACH):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise OSError(f"no free port from {first} to {first + EACH}")
