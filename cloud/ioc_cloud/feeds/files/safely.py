"""Reading files of unknown hands: in a child process that time, memory and CPU are counted for.

What kills the child is told as a refusal of the file, never as a fault of this process.
"""

import dataclasses
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson
import structlog

from ioc_cloud.feeds.files.cells import Book, Cell
from ioc_cloud.feeds.files.child import OUT_OF_MEMORY, WORKBOOK
from ioc_cloud.feeds.files.errors import Damaged, TooCostly
from ioc_cloud.feeds.files.limits import DEFAULT, Limits
from ioc_cloud.feeds.files.read import assembled
from ioc_cloud.feeds.files.wire import unpacked

if TYPE_CHECKING:
    from ioc_cloud.feeds.files.marked import Mark

log = structlog.get_logger()

# Children at a time: a crowd with workbooks must wait, not fill the memory.
_AT_ONCE: Final = threading.BoundedSemaphore(2)
CHILD: Final = "ioc_cloud.feeds.files.child"
MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one file may cost.

    Attributes:
        memory_bytes: Address space of the child, of which its memory is a part.
        cpu_s: Seconds of CPU: what a hostile file burns, and its five seconds by the clock.
        wall_s: Seconds by the clock, start of the child included; more than `cpu_s`, so that a
            busy machine does not refuse honest files for being busy.
    """

    memory_bytes: int = 200 * MIB
    cpu_s: int = 5
    wall_s: float = 20.0


READING: Final = Bounds()
# openpyxl with formats: a kilobyte a cell for up to 100,000 cells, and numpy where it is there.
MARKING: Final = Bounds(memory_bytes=800 * MIB, cpu_s=50, wall_s=60.0)
MARKED_LIMITS: Final = Limits(merged="report")


def read_safely(
    path: Path, name: str, *, limits: Limits = DEFAULT, bounds: Bounds = READING
) -> Book:
    """Read a file whole, whatever it holds.

    Blocks for up to `bounds.wall_s`; call it from a thread where an event loop runs.

    Args:
        path: Where its bytes are.
        name: As its sender called it.
        limits: What may be in it.
        bounds: What it may cost.

    Raises:
        FileRefused: The kind of error says why; `TooCostly` where the child was ended.
    """
    told = run(
        {"task": "read", "path": str(path), "name": name, "limits": dataclasses.asdict(limits)},
        bounds,
    )
    return assembled(unpacked(told.splitlines()))


def marked_safely(
    original: Path,
    name: str,
    marks: Sequence["Mark"],
    summary: Sequence[Sequence[Cell]] = (),
    *,
    limits: Limits = MARKED_LIMITS,
    bounds: Bounds = MARKING,
) -> bytes:
    """The workbook with its faults marked, as `marked.marked` makes it, made by a child.

    Blocks for up to `bounds.wall_s`. Dates in `summary` become ISO text.

    Raises:
        FileRefused: The file cannot be read at all; `TooCostly` where the child was ended.
    """
    told = run(
        {
            "task": "mark",
            "path": str(original),
            "name": name,
            "marks": [dataclasses.asdict(mark) for mark in marks],
            "summary": summary,
            "limits": dataclasses.asdict(limits),
        },
        bounds,
    )
    if not told.startswith(WORKBOOK):
        assembled(unpacked(told.splitlines()))
    return told.removeprefix(WORKBOOK)


def run(job: Mapping[str, Any], bounds: Bounds) -> bytes:
    """Have a child do a job; what it wrote.

    Raises:
        TooCostly: It ran out of time or memory.
        Damaged: It broke on the file, which is logged with the traceback.
    """
    asked = orjson.dumps({**job, "memory_bytes": bounds.memory_bytes, "cpu_s": bounds.cpu_s})
    try:
        with _AT_ONCE:
            done = subprocess.run(  # noqa: S603 our own interpreter, our own module
                # Isolated, without our environment: a file that took the child over finds no
                # secrets.
                [sys.executable, "-I", "-m", CHILD],
                input=asked,
                capture_output=True,
                timeout=bounds.wall_s,
                env={"OPENBLAS_NUM_THREADS": "1"},
                check=False,
            )
    except subprocess.TimeoutExpired as error:
        raise TooCostly(bound=f"{bounds.wall_s:g} s") from error
    if done.returncode != 0:
        raise _why(done.returncode, done.stderr, bounds)
    return done.stdout


def _why(status: int, stderr: bytes, bounds: Bounds) -> TooCostly | Damaged:
    said = stderr[-4000:].decode("utf-8", "replace")
    # Native code that is refused memory aborts; the kernel's other answer is a segment fault.
    if status in {OUT_OF_MEMORY, -signal.SIGABRT, -signal.SIGSEGV} or "MemoryError" in said:
        return TooCostly(bound=f"{bounds.memory_bytes // MIB} MiB")
    if status in {-signal.SIGXCPU, -signal.SIGKILL}:
        return TooCostly(bound=f"{bounds.cpu_s} s CPU")
    log.error("file_reader_broke", status=status, stderr=said)
    return Damaged(why=f"status {status}")
