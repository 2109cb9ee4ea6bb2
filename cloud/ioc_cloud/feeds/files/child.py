"""The child that reads or marks one file, under the kernel's limits; `safely` starts it.

Speaks on standard input and output: one JSON job in, then JSON lines or a workbook's bytes out.
"""

import resource
import sys
from pathlib import Path
from typing import Any, Final

import orjson

from ioc_cloud.feeds.files.errors import FileRefused
from ioc_cloud.feeds.files.limits import Limits
from ioc_cloud.feeds.files.read import pieces
from ioc_cloud.feeds.files.wire import packed, packed_refusal

# Not a status that Python or a signal gives.
OUT_OF_MEMORY: Final = 77
# What a marked workbook begins with on the wire; a refusal begins with a brace.
WORKBOOK: Final = b"xlsx\n"


def main() -> int:
    """Do the job on standard input; what it refuses is an answer, what breaks it a traceback."""
    job = orjson.loads(sys.stdin.buffer.read())
    confine(job["memory_bytes"], job["cpu_s"])
    try:
        _WORK[job["task"]](job)
    except FileRefused as error:
        sys.stdout.buffer.write(packed_refusal(error))
    except MemoryError:
        return OUT_OF_MEMORY
    sys.stdout.buffer.flush()
    return 0


def confine(memory_bytes: int, cpu_s: int) -> None:
    """Let the kernel end this process where it takes too much; there is no way back up."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    # The second past the soft limit ends a process that would not hear SIGXCPU.
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _read(job: dict[str, Any]) -> None:
    for piece in pieces(Path(job["path"]), job["name"], Limits(**job["limits"])):
        sys.stdout.buffer.write(packed(piece))


def _mark(job: dict[str, Any]) -> None:
    # openpyxl costs half a second to import: readers do without it.
    from ioc_cloud.feeds.files.marked import Mark, marked  # noqa: PLC0415

    made = marked(
        Path(job["path"]),
        job["name"],
        [Mark(**one) for one in job["marks"]],
        job["summary"],
        limits=Limits(**job["limits"]),
    )
    sys.stdout.buffer.write(WORKBOOK + made)


_WORK = {"read": _read, "mark": _mark}


if __name__ == "__main__":
    sys.exit(main())
