"""`pycuda.driver` and `cupy.cuda` on the host's memory: their names, arguments and order.

Names and arguments are those of pycuda 2026.1 (`src/wrapper/wrap_cudadrv.cpp`) and of
cupy 14.2's `cupy.cuda`, read from the sources.
"""

import ctypes
import threading
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
from tests.support.tensorrt_stand_in import HostMemoryPiece


class Stream:
    """Keeps what is queued until it is waited for."""

    def __init__(self, flags: int = 0, *, non_blocking: bool = False) -> None:
        self.handle = self.ptr = id(self)
        self.queued: list[Any] = []
        self.kind = (flags, non_blocking)

    def synchronize(self) -> None:
        for work in self.queued:
            work()
        self.queued.clear()


class Allocation(HostMemoryPiece):
    def __int__(self) -> int:
        return int(self.address)


class Pycuda(ModuleType):
    """A `pycuda.driver` whose context belongs to a thread; `pushed` tells how many stand."""

    def __init__(self) -> None:
        super().__init__("pycuda.driver")
        self.pushed = 0
        self._here = threading.local()

    def init(self, flags: int = 0) -> None:
        self.flags = flags

    def Device(self, index: int) -> Any:  # noqa: N802 pycuda's name
        if index:
            raise RuntimeError("cuDeviceGet failed: invalid device ordinal")
        context = SimpleNamespace(push=lambda: self._shift(1), pop=lambda: self._shift(-1))
        return SimpleNamespace(
            name=lambda: "Orin",
            compute_capability=lambda: (8, 7),
            retain_primary_context=lambda: context,
        )

    def Stream(self, flags: int = 0) -> Stream:  # noqa: N802 pycuda's name
        self._needs_context()
        return Stream(flags)

    def pagelocked_empty(self, shape: int, dtype: Any, order: Any = "C", mem_flags: int = 0) -> Any:
        self._needs_context()
        return np.full(shape, 0xA5 + 0 * mem_flags, dtype, order=order)

    def mem_alloc(self, size: int) -> Allocation:
        self._needs_context()
        return Allocation(size)

    def memcpy_htod_async(self, dest: int, src: Any, stream: Stream) -> None:
        self._needs_context()
        stream.queued.append(lambda: ctypes.memmove(dest, src.ctypes.data, src.nbytes))

    def memcpy_dtoh_async(self, dest: Any, src: int, stream: Stream) -> None:
        self._needs_context()
        stream.queued.append(lambda: ctypes.memmove(dest.ctypes.data, src, dest.nbytes))

    def _shift(self, by: int) -> None:
        self._here.pushed = getattr(self._here, "pushed", 0) + by
        self.pushed += by

    def _needs_context(self) -> None:
        if not getattr(self._here, "pushed", 0):
            raise RuntimeError("no currently active context?")


def cupy() -> ModuleType:
    """A `cupy.cuda`; its current device belongs to a thread, its streams to nobody."""
    cuda: Any = ModuleType("cupy.cuda")
    streams: dict[int, Stream] = {}

    class Device:
        compute_capability = "90"

        def __init__(self, device: int | None = None) -> None:
            self.id = device

        def use(self) -> None:
            cuda.used = self.id

    class PinnedMemoryPointer:
        """Has the buffer protocol in cupy; before Python 3.12 an array alone gives it here."""

        def __new__(cls, size: int) -> Any:
            return np.full(size + 64, 0xA5, np.uint8)

    class MemoryPointer(HostMemoryPiece):
        @property
        def ptr(self) -> int:
            return int(self.address)

    def stream(**how: Any) -> Stream:
        made = Stream(**how)
        streams[made.ptr] = made
        return made

    def copy(dst: int, src: int, size: int, kind: int, stream: int) -> None:
        if kind not in {1, 2}:
            raise ValueError(kind)
        streams[stream].queued.append(lambda: ctypes.memmove(dst, src, size))

    cuda.Device, cuda.Stream = Device, stream
    cuda.alloc, cuda.alloc_pinned_memory = MemoryPointer, PinnedMemoryPointer
    cuda.runtime = SimpleNamespace(
        memcpyAsync=copy,
        memcpyHostToDevice=1,
        memcpyDeviceToHost=2,
        getDeviceProperties=lambda device: {"name": f"H100 #{device}".encode()},
    )
    return cuda  # type: ignore[no-any-return]
