"""A GPU's memory behind one interface, and the one thread of the process that may touch it.

pycuda serves on a Jetson, where it is compiled on the box; cupy where its wheel installs.
A CUDA context belongs to a thread: a second thread that calls in without it fails with
"no currently active context", so one thread pushes the primary context once and every
other thread hands it work.
"""

import atexit
import importlib
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ioc_edge.errors import BackendUnavailable

Result = TypeVar("Result")
Bytes = NDArray[np.uint8]

# A driver that does not answer by then hangs, as after a GPU that fell off the bus.
PROBE_S: Final = 30.0
PROBE: Final = """
import ctypes
try:
    print(ctypes.CDLL("libcuda.so.1").cuInit(0))
except OSError:
    print("absent")
"""


@dataclass(frozen=True, slots=True)
class Card:
    """Which GPU: engines run on the kind that they were built on, and on no other."""

    name: str
    sm: str


class Memory(Protocol):
    """A piece of the GPU's memory; it is freed when nothing holds it."""

    @property
    def address(self) -> int:
        """As TensorRT wants it."""
        ...


class Gpu(Protocol):
    """Memory and one stream of a GPU. Called from its owner thread alone."""

    @property
    def card(self) -> Card:
        """Which GPU it is."""
        ...

    @property
    def stream(self) -> int:
        """Handle of the stream in which everything below is queued, in order."""
        ...

    def pinned(self, size: int) -> Bytes:
        """Page-locked host memory, (size,) uint8: the only kind that copies on the side."""
        ...

    def memory(self, size: int) -> Memory:
        """So many bytes on the GPU."""
        ...

    def upload(self, target: Memory, source: Bytes) -> None:
        """Queue a copy to the GPU; `source` is pinned and stays as it is until `wait`."""
        ...

    def download(self, target: Bytes, source: Memory) -> None:
        """Queue a copy from the GPU; `target` is pinned and has its bytes after `wait`."""
        ...

    def wait(self) -> None:
        """Until all that was queued is done."""
        ...

    def close(self) -> None:
        """Let go of the context."""
        ...


@dataclass(frozen=True, slots=True)
class PycudaMemory:
    """`pycuda.driver.DeviceAllocation` with its address."""

    held: Any

    @property
    def address(self) -> int:
        """As TensorRT wants it."""
        return int(self.held)


class PycudaGpu:
    """The first GPU, through pycuda. Made in the thread that will use it.

    Raises:
        ImportError: No pycuda.
    """

    def __init__(self) -> None:
        self._cuda = importlib.import_module("pycuda.driver")
        self._cuda.init()
        device = self._cuda.Device(0)
        major, minor = device.compute_capability()
        self.card = Card(device.name(), f"{major}.{minor}")
        # The primary context is the one that TensorRT and the CUDA runtime share.
        self._context = device.retain_primary_context()
        self._context.push()
        self._stream = self._cuda.Stream()

    @property
    def stream(self) -> int:
        """Handle of the stream."""
        return int(self._stream.handle)

    def pinned(self, size: int) -> Bytes:
        """Page-locked host memory."""
        empty: Bytes = self._cuda.pagelocked_empty(size, np.uint8)
        return empty

    def memory(self, size: int) -> PycudaMemory:
        """So many bytes on the GPU."""
        return PycudaMemory(self._cuda.mem_alloc(size))

    def upload(self, target: Memory, source: Bytes) -> None:
        """Queue a copy to the GPU."""
        self._cuda.memcpy_htod_async(target.address, source, self._stream)

    def download(self, target: Bytes, source: Memory) -> None:
        """Queue a copy from the GPU."""
        self._cuda.memcpy_dtoh_async(target, source.address, self._stream)

    def wait(self) -> None:
        """Until all that was queued is done."""
        self._stream.synchronize()

    def close(self) -> None:
        """Pop the context: pycuda aborts a process that ends with one still pushed."""
        del self._stream
        self._context.pop()


@dataclass(frozen=True, slots=True)
class CupyMemory:
    """`cupy.cuda.MemoryPointer` with its address."""

    held: Any

    @property
    def address(self) -> int:
        """As TensorRT wants it."""
        return int(self.held.ptr)


class CupyGpu:
    """The first GPU, through cupy. Made in the thread that will use it.

    Raises:
        ImportError: No cupy.
    """

    def __init__(self) -> None:
        self._cuda = importlib.import_module("cupy.cuda")
        runtime = self._cuda.runtime
        device = self._cuda.Device(0)
        device.use()
        digits = str(device.compute_capability)
        name = runtime.getDeviceProperties(0)["name"].decode()
        self.card = Card(name, f"{digits[:-1]}.{digits[-1]}")
        self._stream = self._cuda.Stream(non_blocking=True)

    @property
    def stream(self) -> int:
        """Handle of the stream."""
        return int(self._stream.ptr)

    def pinned(self, size: int) -> Bytes:
        """Page-locked host memory."""
        return np.frombuffer(self._cuda.alloc_pinned_memory(size), np.uint8, size)

    def memory(self, size: int) -> CupyMemory:
        """So many bytes on the GPU."""
        return CupyMemory(self._cuda.alloc(size))

    def upload(self, target: Memory, source: Bytes) -> None:
        """Queue a copy to the GPU."""
        runtime = self._cuda.runtime
        self._copy(target.address, source.ctypes.data, source.nbytes, runtime.memcpyHostToDevice)

    def download(self, target: Bytes, source: Memory) -> None:
        """Queue a copy from the GPU."""
        runtime = self._cuda.runtime
        self._copy(target.ctypes.data, source.address, target.nbytes, runtime.memcpyDeviceToHost)

    def _copy(self, target: int, source: int, size: int, kind: int) -> None:
        self._cuda.runtime.memcpyAsync(target, source, size, kind, self.stream)

    def wait(self) -> None:
        """Until all that was queued is done."""
        self._stream.synchronize()

    def close(self) -> None:
        """Nothing: the runtime lets go by itself."""


class Owner:
    """The thread that owns a GPU; others hand it work and get its result or its error.

    Args:
        opened: Makes the GPU, in the owner's thread.
    """

    def __init__(self, opened: Callable[[], Gpu]) -> None:
        self._opened = opened
        self._work: queue.SimpleQueue[Callable[[Gpu], None] | None] = queue.SimpleQueue()
        self._gpu: Future[Gpu] = Future()
        self._releases: list[Callable[[], None]] = []
        self._closed = False
        self._door = threading.Lock()
        # Daemon, because `atexit` asks it to stop after the interpreter has waited for
        # all threads that are not.
        self._thread = threading.Thread(target=self._run, name="gpu", daemon=True)
        self._thread.start()
        self._gpu.result()

    def do(self, work: Callable[[Gpu], Result]) -> Result:
        """Run `work` in the owner's thread, after all that was handed in before.

        Raises:
            BackendUnavailable: The owner was closed.
        """
        if threading.current_thread() is self._thread:
            return work(self._gpu.result())
        done: Future[Result] = Future()

        def carried_out(gpu: Gpu) -> None:
            try:
                done.set_result(work(gpu))
            # Whatever it was, it belongs to the thread that asked, not to this one.
            except BaseException as error:  # noqa: BLE001
                done.set_exception(error)

        with self._door:
            if self._closed:
                raise BackendUnavailable("the GPU was closed")
            self._work.put(carried_out)
        return done.result()

    def before_close(self, release: Callable[[], None]) -> None:
        """Have `release` called in the owner's thread while the context still stands."""
        self._releases.append(release)

    def close(self) -> None:
        """Finish what was handed in, then let go of the GPU; closing twice is no error."""
        with self._door:
            if not self._closed:
                self._closed = True
                self._work.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            gpu = self._opened()
        # Of any library; `__init__` raises it in the thread that wanted the GPU.
        except BaseException as error:  # noqa: BLE001
            self._closed = True
            self._gpu.set_exception(error)
            return
        self._gpu.set_result(gpu)
        while (work := self._work.get()) is not None:
            work(gpu)
            # Or the last frame's arrays would live until the next frame.
            del work
        for release in reversed(self._releases):
            release()
        self._releases.clear()
        gpu.close()


@cache
def the_owner() -> Owner:
    """The process's owner of the first GPU, started when first asked for.

    Raises:
        BackendUnavailable: No driver, no GPU, or neither pycuda nor cupy.
    """
    require_driver()
    owner = Owner(open_gpu)
    atexit.register(owner.close)
    return owner


def open_gpu() -> Gpu:
    """The first GPU through the first library that is installed.

    Raises:
        BackendUnavailable: Neither is installed, or CUDA refuses.
    """
    missing = []
    for library in (PycudaGpu, CupyGpu):
        found = _opened(library)
        if not isinstance(found, ImportError):
            return found
        missing.append(str(found))
    raise BackendUnavailable("neither pycuda nor cupy can be used: " + "; ".join(missing))


def _opened(library: Callable[[], Gpu]) -> Gpu | ImportError:
    try:
        return library()
    except ImportError as error:
        return error
    # pycuda and cupy have their own error classes, which this module cannot name.
    except Exception as error:
        raise BackendUnavailable(f"CUDA refuses: {type(error).__name__}: {error}") from error


def require_driver() -> None:
    """Ask the driver, in a process of its own, before TensorRT does.

    Without a working driver TensorRT hands out objects that crash the process at first use;
    some broken drivers crash in `cuInit` itself.

    Raises:
        BackendUnavailable: No driver, it finds no GPU, or it crashes or hangs.
    """
    try:
        asked = subprocess.run(  # noqa: S603 our own interpreter and text
            [sys.executable, "-I", "-c", PROBE],
            capture_output=True, text=True, timeout=PROBE_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise BackendUnavailable(f"the CUDA driver gives no answer in {PROBE_S:.0f} s") from error
    answer = asked.stdout.strip()
    if answer == "absent":
        raise BackendUnavailable("no CUDA driver (libcuda.so.1) on this machine")
    if answer != "0":
        told = f"error {answer}" if answer else f"its process ended with {asked.returncode}"
        raise BackendUnavailable(f"the CUDA driver finds no GPU ({told})")
