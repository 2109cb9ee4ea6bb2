"""The product's agent with a clock at each hop: `python -m tests.bench.probed CONFIG.yaml OUT`.

Nothing of the agent is replaced; its own methods are called and the time noted. One JSON
line an event: seconds since 1970 of each hop, with the epoch and seq that name the event.
"""

import json
import signal
import sys
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import cv2

from ioc_edge import health, main
from ioc_edge.capture import Frame
from ioc_edge.spool import Draft, Stored


class Probe:
    """Marks of the frame in hand, then of each event that came of it."""

    def __init__(self, agent: main.Agent) -> None:
        self.agent = agent
        self.events: dict[int, dict[str, Any]] = {}
        self._frame: dict[str, float] = {}
        for _, pipeline in agent.inference._lines:
            pipeline.step = self._stepping(pipeline.step)
            pipeline._detector.detect = self._marking("detected", pipeline._detector.detect)
        agent.inference._sink = self._store
        agent.publisher._send = self._sending(agent.publisher._send)
        agent.publisher.on_puback = self._at_broker

    def _of(self, seq: int) -> dict[str, Any]:
        """An event may be on the wire before the spool's own callback has run."""
        return self.events.setdefault(seq, {})

    def _stepping(self, step: Any) -> Any:
        def probed(frame: Frame) -> list[Draft]:
            self._frame = {"frame": frame.seen_at.timestamp(), "taken": time.time()}
            drafts: list[Draft] = step(frame)
            self._frame["drafted"] = time.time()
            return drafts

        return probed

    def _marking(self, name: str, work: Any) -> Any:
        def probed(*given: Any) -> Any:
            done = work(*given)
            self._frame[name] = time.time()
            return done

        return probed

    def _store(self, draft: Draft) -> None:
        marks: dict[str, Any] = {"kind": draft.kind, **self._frame}

        def stored(done: Future[int]) -> None:
            marks["spooled"] = time.time()
            self._of(done.result()).update(marks)

        self.agent.spool.submit(draft).add_done_callback(stored)

    def _sending(self, send: Any) -> Any:
        def probed(stored: Stored) -> bool:
            sent: bool = send(stored)
            self._of(stored.seq).setdefault("sent", time.time())
            return sent

        return probed

    def _at_broker(self, seq: int) -> None:
        self._of(seq).setdefault("at_broker", time.time())


def run(path: Path, out: Path) -> None:
    cv2.setNumThreads(1)
    agent = main.Agent(*main.load(path))
    probe = Probe(agent)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    agent.run(stop, health.Watchdog(None))
    epoch = str(agent.spool.epoch)
    with out.open("w") as file:
        for seq, marks in probe.events.items():
            file.write(json.dumps({"epoch": epoch, "seq": seq, **marks}) + "\n")


if __name__ == "__main__":
    run(Path(sys.argv[1]), Path(sys.argv[2]))
