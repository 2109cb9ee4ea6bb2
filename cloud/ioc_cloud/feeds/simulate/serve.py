"""Runs the simulated province: `serve` for programs, `main` for the command line."""

import argparse
import secrets
import signal
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path

import structlog
import uvicorn

from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.simulate.app import Province
from ioc_cloud.feeds.simulate.faults import KINDS, Fault, Faults

log = structlog.get_logger()


def serve(host: str, port: int, province: Province) -> None:
    """Play every source of a province until SIGTERM or SIGINT.

    A simulated province has no business on an open address.
    """
    uvicorn.run(
        province.application(), host=host, port=port, log_level="warning", access_log=False,
        ws="none",
    )  # fmt: skip


def secrets_in(folder: Path) -> Callable[[str], str]:
    """Secrets of an installation; one that is missing is made, as both sides are ours here."""

    def secret_of(name: str) -> str:
        path = folder / Path(name).name
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(mode=0o600)
            path.write_text(secrets.token_urlsafe(24), encoding="utf-8")
        return path.read_text(encoding="utf-8").strip()

    return secret_of


def main(arguments: Sequence[str] | None = None) -> int:
    """`ioc feeds simulate`: exit code 0 after SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(
        prog="ioc feeds simulate",
        description="Nguồn dữ liệu mô phỏng của tỉnh / the province's systems, simulated",
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--home", type=Path, required=True, help="IOC_HOME: secrets lie there")
    parser.add_argument("--contracts", type=Path, action="append", default=[])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--at", type=datetime.fromisoformat, help="stand still at this moment (ISO 8601)"
    )
    parser.add_argument(
        "--fault", action="append", default=[], metavar="KIND[:FEED[:VALUE]]",
        help=f"one of {', '.join(KINDS)}",
    )  # fmt: skip
    told = parser.parse_args(arguments)
    at: datetime | None = told.at
    if at is not None and at.tzinfo is None:
        parser.error("--at needs an offset: 2026-11-24T10:00:00+07:00")
    catalogue = Catalogue.of_province(*told.contracts)
    faults = Faults([_fault(text) for text in told.fault])
    log.info("simulation_started", address=f"http://{told.host}:{told.port}", seed=told.seed)
    province = Province(
        catalogue,
        (lambda: at) if at is not None else (lambda: datetime.now(timezone.utc)),
        faults,
        secrets_in(told.home / "secrets"),
        told.seed,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn ends in good order and then raises the signal again, for whoever was there first.
        signal.signal(number, lambda *_: None)
    serve(told.host, told.port, province)
    return 0


def _fault(text: str) -> Fault:
    kind, feed, value = (*text.split(":"), "", "")[:3]
    return Fault.model_validate(
        {"kind": kind, "feed": feed or None, "value": float(value) if value else None}
    )
