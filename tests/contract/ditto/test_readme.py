"""The walk-through of the README runs as it is printed."""

import re
import threading
from pathlib import Path

import pytest
from tests.contract.ditto.conftest import Service

from ioc_ditto import Basic, DittoClient

README = Path(__file__).resolve().parents[3] / "cloud" / "ditto" / "README.md"


def test_the_walk_through_runs(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    text = README.read_text(encoding="utf-8")
    [code] = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert len(code.splitlines()) <= 26
    code = code.replace("http://127.0.0.1:8080", service.url)
    code = code.replace('"an", "mật khẩu"', ", ".join(map(repr, service.user)))
    over = threading.Event()

    def change() -> None:
        """Somebody else at work, so that there is something to hear."""
        with DittoClient(service.url, Basic(*service.user)) as client:
            while not over.wait(0.3):
                client.things.merge("org.example:pump-1", {"attributes": {"seen": True}})

    worker = threading.Thread(target=change)
    try:
        with DittoClient(service.url, Basic(*service.user)) as client:
            client.things.put("org.example:pump-1", {})
            worker.start()
            exec(compile(code, str(README), "exec"), {})  # noqa: S102 our own README
            over.set()
            worker.join(10)
            client.things.delete("org.example:pump-1")
            client.policies.delete("org.example:pump-1")
    finally:
        over.set()

    assert "org.example:pump-1" in capsys.readouterr().out
