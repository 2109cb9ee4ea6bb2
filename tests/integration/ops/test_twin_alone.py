"""`ioc twin serve`: the twin by itself, on an empty database."""

import json
import os
import subprocess
import sys
import time

import httpx
from tests.support.ports import free_port

CLI = [sys.executable, "-m", "ioc_cloud.cli"]


def test_a_twin_alone_serves_an_empty_database(empty_database: str) -> None:
    environment = {**os.environ, "IOC_DATABASE_URL": empty_database}
    port = free_port()
    url = f"http://127.0.0.1:{port}/api/2"
    twin = subprocess.Popen(
        [*CLI, "twin", "serve", "--port", str(port)], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 60
        while not _answers(url):
            assert twin.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.2)
        added = subprocess.run(
            [*CLI, "user", "add", "an", "--basic", "--json"],
            env=environment, check=True, capture_output=True, text=True,
        )  # fmt: skip
        auth = ("an", json.loads(added.stdout)["password"])

        made = httpx.put(f"{url}/things/org.x:lamp", json={"attributes": {"a": 1}}, auth=auth)
        found = httpx.get(f"{url}/search/things?filter=eq(attributes/a,1)", auth=auth)

        assert made.status_code == 201
        assert [one["thingId"] for one in found.json()["items"]] == ["org.x:lamp"]
    finally:
        twin.terminate()
        twin.wait(20)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/whoami").status_code == 401
    except httpx.TransportError:
        return False
