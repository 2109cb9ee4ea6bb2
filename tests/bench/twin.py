"""The twin under load: reads, merges, searches and listeners over 100,000 things.

One API process and its database, durable, on this machine; the load comes from a second
process over keep-alive connections. Upstream's published figures stand beside ours.
"""

import asyncio
import base64
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any, NamedTuple
from urllib.parse import quote

import psycopg
from tests.bench.load import cpu_seconds
from tests.bench.table import show, whole
from tests.chaos.plant import eventually
from tests.support.ports import free_port
from tests.support.postgres import Cluster

from ioc_cloud.auth import users
from ioc_cloud.db import migrate

THINGS = 100_000
WORKERS = 32
# Searches are asked by people; more at once only measure how long a queue is.
SEARCHERS = 8
SECONDS = 10.0
LISTENERS = 500
NAME, PASSWORD = "bench", "mot-mat-khau-rat-dai"
# Eclipse Ditto's own benchmark of 2023-10-09: Ditto 3.3.5, one instance of each service on
# 16 vCPU (EKS m5.4xlarge) with MongoDB Atlas M50, 100,000 warmed things.
UPSTREAM = {"reads": "2,800", "merges": "800", "searches by id": "1,700"}
POLICY = {
    "policyId": "bench:all",
    "entries": {
        "ALL": {
            "subjects": {f"nginx:{NAME}": {"type": "user"}},
            "resources": {
                f"{kind}:/": {"grant": ["READ", "WRITE"], "revoke": []}
                for kind in ("thing", "policy", "message")
            },
        }
    },
}
FILL = """
insert into thing (id, policy_id, doc, revision, created, modified)
select id, 'bench:all', doc, 1, now(), now() from (
    select 'bench:t' || n as id, jsonb_build_object(
        'thingId', 'bench:t' || n,
        'policyId', 'bench:all',
        'attributes', jsonb_build_object(
            'titleVi', 'Camera số ' || n,
            'serial', 'SN-' || lpad(n::text, 8, '0'),
            'commune', 'c' || (32000 + n %% 64),
            'geo', jsonb_build_object(
                'lat', 8.6 + (n %% 317) * 0.003, 'long', 104.7 + (n %% 401) * 0.003
            )
        ),
        'features', jsonb_build_object(
            'health', jsonb_build_object('properties', jsonb_build_object(
                'state', case when n %% 50 = 0 then 'no_signal' else 'ok' end,
                'fps', n %% 25, 'skippedFrames', n
            )),
            'events', jsonb_build_object('properties', jsonb_build_object(
                'counts', jsonb_build_object('plate', n %% 1000, 'traffic', n %% 100)
            ))
        )
    ) as doc from generate_series(1, %(things)s) as n
) as made
"""


class Figures(NamedTuple):
    per_second: float
    p50_ms: float
    p95_ms: float
    api_cpu_us: float
    errors: int


def main() -> None:
    with served() as (port, pid):
        lines = [
            ("reads, one thing", load(port, pid, read), UPSTREAM["reads"]),
            ("merges, one thing", load(port, pid, merge), UPSTREAM["merges"]),
            ("search by id", load(port, pid, by_id), UPSTREAM["searches by id"]),
            ("search by id, 8 lines", load(port, pid, by_id, SEARCHERS), "-"),
            ("search by attribute, 8 lines", load(port, pid, by_serial, SEARCHERS), "-"),
            ("first 25 by state and commune, 8 lines", load(port, pid, by_state, SEARCHERS), "-"),
            ("box of coordinates, 8 lines", load(port, pid, by_box, SEARCHERS), "-"),
        ]
        rows = [
            (
                name, whole(found.per_second), f"{found.p50_ms:.1f}", f"{found.p95_ms:.1f}",
                whole(found.api_cpu_us), found.errors, upstream,
            )
            for name, found, upstream in lines
        ]  # fmt: skip
        show(
            f"twin: {THINGS:,} things, {WORKERS} connections, {os.cpu_count()} cores for API,"
            " database and load together",
            ("", "/s", "p50 ms", "p95 ms", "API CPU us", "errors", "upstream /s, 16 vCPU"),
            rows,
        )
        delays = asyncio.run(listeners(port))
        cuts = quantiles(delays, n=20)
        show(
            f"one change to {LISTENERS} SSE listeners, {len(delays)} deliveries",
            ("", "ms"),
            [
                ("p50", f"{median(delays) * 1e3:.0f}"),
                ("p95", f"{cuts[18] * 1e3:.0f}"),
                ("last", f"{max(delays) * 1e3:.0f}"),
            ],
        )


@contextmanager
def served() -> Iterator[tuple[int, int]]:
    """An API process over a filled database: its port and its process id."""
    cluster = Cluster(Path(tempfile.mkdtemp(prefix="ioc-bench-", dir="/var/tmp")))
    cluster.create()
    with (cluster.data / "postgresql.conf").open("a") as conf:
        # As `ioc up` sets them; durable.
        conf.write("shared_buffers = 256MB\nmax_wal_size = 2GB\nwal_compression = on\n")
    cluster.start()
    port = free_port()
    environment = {
        **os.environ,
        "IOC_DATABASE_URL": cluster.url(),
        "IOC_HTTP_PORT": str(port),
        "IOC_HOME": str(cluster.folder),
    }
    process = None
    try:
        migrate.migrate(cluster.url())
        with psycopg.connect(cluster.url(), autocommit=True) as connection:
            users.create(connection, NAME, PASSWORD, ["twin"])
        command = [sys.executable, "-m", "ioc_cloud.app"]
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        eventually(lambda: answers(port))
        asyncio.run(put_policy(port))
        with psycopg.connect(cluster.url(), autocommit=True) as connection:
            connection.execute(FILL, {"things": THINGS})
            connection.execute("vacuum analyze")
        yield port, process.pid
    finally:
        if process is not None:
            process.send_signal(signal.SIGTERM)
            process.wait(20)
        cluster.stop()
        cluster.remove()


def answers(port: int) -> bool:
    try:
        asyncio.run(_ask_once(port, "GET", "/api/2/whoami", b""))
    except OSError:
        return False
    return True


async def put_policy(port: int) -> None:
    status = await _ask_once(port, "PUT", "/api/2/policies/bench:all", json.dumps(POLICY).encode())
    assert status in {201, 204}, status


async def _ask_once(port: int, method: str, path: str, body: bytes) -> int:
    line = await Line.open(port)
    status, _ = await line.ask(method, path, body, "application/json")
    line.close()
    return status


class Line:
    """A keep-alive connection that speaks as little HTTP as it must."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        secret = base64.b64encode(f"{NAME}:{PASSWORD}".encode()).decode()
        self._head = f"Host: x\r\nAuthorization: Basic {secret}\r\n"

    @classmethod
    async def open(cls, port: int) -> "Line":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(
        self, method: str, path: str, body: bytes = b"", content_type: str = ""
    ) -> tuple[int, bytes]:
        head = f"{method} {path} HTTP/1.1\r\n{self._head}Content-Length: {len(body)}\r\n"
        if content_type:
            head += f"Content-Type: {content_type}\r\n"
        self._writer.write(head.encode() + b"\r\n" + body)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        lower = answer.lower()
        at = lower.find(b"content-length: ")
        length = int(lower[at + 16 : lower.index(b"\r\n", at)]) if at >= 0 else 0
        content = await self._reader.readexactly(length) if length else b""
        return int(answer[9:12]), content

    async def listen(self, path: str) -> None:
        head = f"GET {path} HTTP/1.1\r\n{self._head}Accept: text/event-stream\r\n\r\n"
        self._writer.write(head.encode())
        answer = await self._reader.readuntil(b"\r\n\r\n")
        assert b" 200 " in answer.split(b"\r\n")[0], answer

    async def until(self, words: bytes) -> float:
        seen = b""
        while words not in seen:
            seen = seen[-200:] + await self._reader.read(4096)
        return time.perf_counter()

    def close(self) -> None:
        self._writer.close()


Asked = Callable[[Line, random.Random], Awaitable[tuple[int, bytes]]]


def read(line: Line, dice: random.Random) -> Awaitable[tuple[int, bytes]]:
    return line.ask("GET", f"/api/2/things/bench:t{dice.randint(1, THINGS)}")


def merge(line: Line, dice: random.Random) -> Awaitable[tuple[int, bytes]]:
    patch = {"features": {"health": {"properties": {"fps": dice.random() * 25}}}}
    path = f"/api/2/things/bench:t{dice.randint(1, THINGS)}"
    return line.ask("PATCH", path, json.dumps(patch).encode(), "application/merge-patch+json")


def by_id(line: Line, dice: random.Random) -> Awaitable[tuple[int, bytes]]:
    return search(line, f'eq(thingId,"bench:t{dice.randint(1, THINGS)}")')


def by_serial(line: Line, dice: random.Random) -> Awaitable[tuple[int, bytes]]:
    return search(line, f'eq(attributes/serial,"SN-{dice.randint(1, THINGS):08d}")')


def by_state(line: Line, dice: random.Random) -> Awaitable[tuple[int, bytes]]:
    commune = f'eq(attributes/commune,"c{32000 + dice.randint(0, 63)}")'
    return search(line, f'and(eq(features/health/properties/state,"no_signal"),{commune})')


def by_box(line: Line, dice: random.Random) -> Awaitable[tuple[int, bytes]]:
    lat, lon = 8.6 + dice.random() * 0.9, 104.7 + dice.random() * 1.1
    return search(
        line,
        f"and(ge(attributes/geo/lat,{lat:.4f}),le(attributes/geo/lat,{lat + 0.02:.4f}),"
        f"ge(attributes/geo/long,{lon:.4f}),le(attributes/geo/long,{lon + 0.02:.4f}))",
    )


def search(line: Line, rql: str) -> Awaitable[tuple[int, bytes]]:
    return line.ask("GET", f"/api/2/search/things?filter={quote(rql)}")


def load(port: int, pid: int, ask: Asked, lines: int = WORKERS) -> Figures:
    """The load of a few connections, from a process of its own."""
    before = cpu_seconds(pid)
    command = [sys.executable, "-m", "tests.bench.twin", ask.__name__, str(port), str(lines)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    cpu = cpu_seconds(pid) - before
    times = found["times"]
    cuts = quantiles(times, n=20)
    return Figures(
        len(times) / found["took"], median(times) * 1e3, cuts[18] * 1e3,
        cpu / len(times) * 1e6, found["errors"],
    )  # fmt: skip


async def drive(port: int, ask: Asked, lines: int) -> dict[str, Any]:
    times: list[float] = []
    errors = 0
    ends = time.perf_counter() + SECONDS

    async def work(seed: int) -> None:
        nonlocal errors
        dice, line = random.Random(seed), await Line.open(port)
        while (began := time.perf_counter()) < ends:
            status, _ = await ask(line, dice)
            times.append(time.perf_counter() - began)
            errors += status >= 400
        line.close()

    began = time.perf_counter()
    await asyncio.gather(*(work(seed) for seed in range(lines)))
    return {"times": times, "errors": errors, "took": time.perf_counter() - began}


async def listeners(port: int) -> list[float]:
    """How long each of many listeners waits for each of ten changes."""
    lines = [await Line.open(port) for _ in range(LISTENERS)]
    for line in lines:
        await line.listen("/api/2/things")
    await asyncio.sleep(2)
    writer = await Line.open(port)
    delays: list[float] = []
    for turn in range(10):
        mark = f"turn-{turn}-{random.random()}"
        waiting = [asyncio.create_task(line.until(mark.encode())) for line in lines]
        began = time.perf_counter()
        body = json.dumps(mark).encode()
        path = "/api/2/things/bench:t1/attributes/mark"
        status, _ = await writer.ask("PUT", path, body, "application/json")
        assert status in {201, 204}, status
        delays += [at - began for at in await asyncio.gather(*waiting)]
        await asyncio.sleep(0.3)
    for line in lines:
        line.close()
    return delays


if __name__ == "__main__":
    chosen: Asked = globals()[sys.argv[1]]
    print(json.dumps(asyncio.run(drive(int(sys.argv[2]), chosen, int(sys.argv[3])))))
