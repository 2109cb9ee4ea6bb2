"""A GPU's memory through each library, and the driver's answer."""

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from tests.support import cuda_stand_in
from tests.support.tensorrt_stand_in import HostGpu

from ioc_edge.backends import gpu as gpus
from ioc_edge.backends.gpu import CupyGpu, Gpu, Owner, PycudaGpu, open_gpu, require_driver
from ioc_edge.errors import BackendUnavailable


def install(monkeypatch: pytest.MonkeyPatch, name: str, module: ModuleType | None) -> None:
    package, _, _ = name.partition(".")
    monkeypatch.setitem(sys.modules, package, ModuleType(package) if module else None)
    monkeypatch.setitem(sys.modules, name, module)


@pytest.fixture
def libraries(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    found = {"pycuda": cuda_stand_in.Pycuda(), "cupy": cuda_stand_in.cupy()}
    install(monkeypatch, "pycuda.driver", found["pycuda"])
    install(monkeypatch, "cupy.cuda", found["cupy"])
    yield found
    assert found["pycuda"].pushed == 0


@pytest.mark.parametrize("make", [HostGpu, PycudaGpu, CupyGpu])
def test_what_goes_up_comes_down_after_the_wait(make: Any, libraries: dict[str, Any]) -> None:
    del libraries
    owner = Owner(make)

    def there_and_back(gpu: Gpu) -> tuple[Any, Any, Any]:
        up, down = gpu.pinned(1000), gpu.pinned(1000)
        held = gpu.memory(1000)
        up[:] = np.arange(1000) % 251
        gpu.upload(held, up)
        gpu.download(down, held)
        early = down.copy()
        gpu.wait()
        return up, early, down

    up, early, down = owner.do(there_and_back)
    owner.close()
    np.testing.assert_array_equal(up, down)
    assert not np.array_equal(up, early)


@pytest.mark.parametrize(
    ("make", "name", "sm"),
    [(PycudaGpu, "Orin", "8.7"), (CupyGpu, "H100 #0", "9.0")],
)
def test_the_card_is_named_as_the_driver_names_it(
    make: Any, name: str, sm: str, libraries: dict[str, Any]
) -> None:
    del libraries
    owner = Owner(make)
    card = owner.do(lambda gpu: gpu.card)
    owner.close()
    assert (card.name, card.sm) == (name, sm)


def test_pycuda_comes_first_and_cupy_stands_in(
    monkeypatch: pytest.MonkeyPatch, libraries: dict[str, Any]
) -> None:
    del libraries
    first = Owner(open_gpu)
    assert isinstance(first.do(lambda gpu: gpu), PycudaGpu)
    first.close()
    install(monkeypatch, "pycuda.driver", None)
    assert isinstance(open_gpu(), CupyGpu)


def test_without_either_library_the_reason_names_both(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "pycuda.driver", None)
    install(monkeypatch, "cupy.cuda", None)
    with pytest.raises(BackendUnavailable, match=r"pycuda.*cupy"):
        open_gpu()


def test_an_error_of_the_library_is_told_as_ours(libraries: dict[str, Any]) -> None:
    def refuse(_index: int) -> None:
        raise RuntimeError("cuDevicePrimaryCtxRetain failed: out of memory")

    libraries["pycuda"].Device = refuse
    with pytest.raises(BackendUnavailable, match="out of memory"):
        open_gpu()


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 0", None),
        ("echo absent", "no CUDA driver"),
        ("echo 100", "finds no GPU .error 100"),
        ("kill -SEGV $$", "its process ended with -11"),
        ("exec sleep 30", "no answer"),
    ],
)
def test_the_driver_is_asked_where_it_can_do_no_harm(
    script: str, reason: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = tmp_path / "python"
    asked.write_text(f"#!/bin/sh\n{script}\n")
    asked.chmod(asked.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(sys, "executable", os.fspath(asked))
    monkeypatch.setattr(gpus, "PROBE_S", 0.5 if "sleep" in script else 20.0)
    if reason is None:
        require_driver()
        return
    with pytest.raises(BackendUnavailable, match=reason):
        require_driver()
