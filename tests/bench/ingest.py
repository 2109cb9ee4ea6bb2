"""MQTT to committed row: the product beside its two limits and the script everybody writes first.

Every consumer finds the same messages: it is put to sleep once it has subscribed, the
broker is filled, and the clock starts when it wakes up.
"""

import json
import signal
import sys
import time
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from tests.bench.load import Sender, bodies, cpu_seconds, knock
from tests.bench.table import show, whole
from tests.chaos.plant import Plant, Service, eventually, plant

from ioc_cloud.ops.supervise import Program

BOXES = tuple(f"bench-{number}" for number in range(4))
EVENTS = 40_000
NAIVE_EVENTS = 2_400
ROUNDS = 3
PATIENCE_S = 120
TABLES = "event, event_evidence, change_log, box_sequence, camera, rollup_dirty"
COLUMNS = (
    "id, time, received_at, box, epoch, seq, kind, camera, lon, lat, commune, plate, plate_key,"
    " simulated, replayed, clock_suspect, signature, sha256, body"
)
COPY = "limit: COPY into the same table"
PAHO = "limit: paho alone, manual ack"
PRODUCT = "product"
UNSIGNED = "product, signatures not checked"
NAIVE = "naive: a row, a commit, an ack each"
THOROUGH = "naive, but the product's work"
SINGLE = "product, a transaction for each message"
NAMES = (COPY, PAHO, PRODUCT, UNSIGNED, SINGLE, THOROUGH, NAIVE)
COMMITS = 300


class Result(NamedTuple):
    per_second: float
    cpu_us: float


def main() -> None:
    results: dict[str, list[Result]] = {name: [] for name in NAMES}
    with plant(*BOXES) as built:
        built.services["mosquitto"].stop()
        payloads = [bodies(built, box, EVENTS // len(BOXES)) for box in BOXES]
        few = [each[: NAIVE_EVENTS // len(BOXES)] for each in payloads]
        commit_ms = [commit(built) * 1e3]
        durable = [built.one(f"show {name}") for name in ("fsync", "synchronous_commit")]
        for _ in range(ROUNDS):
            results[PAHO].append(drained(built, rival(built, "paho", EVENTS), payloads))
            results[NAIVE].append(drained(built, rival(built, "naive", NAIVE_EVENTS), few))
            results[THOROUGH].append(drained(built, rival(built, "thorough", NAIVE_EVENTS), few))
            results[SINGLE].append(drained(built, rival(built, "single", NAIVE_EVENTS), few))
            built.run("update box set public_key = null")
            results[UNSIGNED].append(drained(built, built.services["ingest"], payloads))
            for box in BOXES:
                built.enrol(box)
            results[PRODUCT].append(drained(built, built.services["ingest"], payloads))
            results[COPY].append(copied(built))
            commit_ms.append(commit(built) * 1e3)
    rates = {name: median(each.per_second for each in found) for name, found in results.items()}
    rows = [
        (
            name,
            whole(rate),
            f"{rate / rates[NAIVE]:.1f}",
            f"{rate / rates[THOROUGH]:.1f}",
            whole(median(each.cpu_us for each in results[name])),
        )
        for name, rate in rates.items()
    ]
    show(
        f"ingest: {EVENTS:,} events of {len(BOXES)} boxes,"
        f" fsync {durable[0]}, synchronous_commit {durable[1]},"
        f" a bare commit {median(commit_ms):.1f} ms",
        ("", "events/s", "x naive", "x same work", "consumer's CPU us/event"),
        rows,
    )


def commit(built: Plant) -> float:
    """Seconds of the least durable transaction: what naive consumers wait for each time."""
    with built.database() as database:
        began = time.perf_counter()
        for _ in range(COMMITS):
            database.execute("select pg_logical_emit_message(true, 'bench', '')")
        return (time.perf_counter() - began) / COMMITS


def rival(built: Plant, name: str, events: int) -> Service:
    program = built.services["ingest"].program
    command = [sys.executable, "-m", "tests.bench.consumers", name, str(events)]
    return built.add(Program(name, command, program.environment))


def drained(built: Plant, consumer: Service, payloads: Sequence[Sequence[bytes]]) -> Result:
    """Fill the broker while the consumer sleeps, wake it, and wait for the last event."""
    total = sum(len(each) for each in payloads)
    built.run(f"truncate {TABLES}")
    built.services["mosquitto"].start()
    eventually(built.broker_listens)
    consumer.log.unlink(missing_ok=True)
    consumer.start()
    senders = [Sender(built, box) for box in BOXES]
    knock(senders[0], payloads[0][0])
    consumer.send(signal.SIGSTOP)
    for sender, (first, *others) in zip(senders, payloads, strict=True):
        sender.send(others if sender is senders[0] else [first, *others])
        sender.close()
    assert consumer.process is not None
    cpu, began = cpu_seconds(consumer.process.pid), time.time()
    consumer.send(signal.SIGCONT)
    ended = wait(built, consumer, [each[-1] for each in payloads])
    if consumer.program.name != "paho":
        assert built.one("select count(*) from event") == total
    cpu = cpu_seconds(consumer.process.pid) - cpu
    consumer.stop()
    # Killed, it forgets the consumer's session and what waits in it.
    built.services["mosquitto"].kill(0)
    built.services["mosquitto"].stop()
    return Result(total / (ended - began), cpu / total * 1e6)


def wait(built: Plant, consumer: Service, last: Sequence[bytes]) -> float:
    """When each box's last event was in: as the consumer says, or when its row is there."""
    until = time.monotonic() + PATIENCE_S
    ids = [json.loads(event)["id"] for event in last]
    with built.database() as database:
        while time.monotonic() < until:
            if consumer.program.name == "paho" and (said := consumer.log.read_text()):
                return float(said)
            # Cheaper than to count them all the time, on the cores that are measured.
            row = database.execute("select count(*) from event where id = any(%s)", (ids,))
            if row.fetchone() == (len(ids),):
                return time.time()
            time.sleep(0.02)
    raise TimeoutError(f"{consumer.program.name}: {consumer.last_words()}")


def copied(built: Plant) -> Result:
    """The rows that the product has just made, out and in again."""
    with built.database() as database, database.cursor() as cursor:
        with cursor.copy(f"copy (select {COLUMNS} from event) to stdout") as copy:  # noqa: S608
            rows = b"".join(copy)
        cursor.execute("truncate event")
        began, cpu = time.perf_counter(), time.process_time()
        with cursor.copy(f"copy event ({COLUMNS}) from stdin") as copy:
            copy.write(rows)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    return Result(EVENTS / seconds, cpu / EVENTS * 1e6)
