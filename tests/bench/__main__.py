"""`python -m tests.bench [NAME ...]`: each prints its figures beside a baseline of the same run."""

import argparse
import importlib
import logging
import os
import platform
from pathlib import Path

import structlog

NAMES = ("spool", "decode", "ingest", "hops", "twin", "feeds_upload", "feeds_nightly", "forecast")
# Together under the name `vision`; some need real pictures in IOC_REAL_DATA and say so.
VISION = (
    "reader", "detector", "helmets", "lights", "privacy", "tracking", "passes", "violations",
    "cost",
)  # fmt: skip
PARTS = tuple(f"vision.{name}" for name in VISION)


def main() -> None:
    parser = argparse.ArgumentParser(prog="ioc bench", description=__doc__)
    parser.add_argument(
        "names", nargs="*", choices=[*NAMES, "vision", *PARTS, []], metavar="NAME",
        help=", ".join((*NAMES, "vision", *PARTS)),
    )  # fmt: skip
    named = parser.parse_args().names or (*NAMES, "vision")
    chosen = [part for name in named for part in (PARTS if name == "vision" else (name,))]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    cpu = next(
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    )
    load = "/".join(f"{share:.1f}" for share in os.getloadavg())
    print(f"{cpu}, {os.cpu_count()} cores, load {load}, Python {platform.python_version()}")
    for name in chosen:
        importlib.import_module(f"tests.bench.{name}").main()


if __name__ == "__main__":
    main()
