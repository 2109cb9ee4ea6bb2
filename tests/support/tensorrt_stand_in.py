"""A TensorRT that runs on the CPU, and a GPU whose memory is the host's.

Nothing may be offered here that the real bindings do not offer: every class is held
against the recorded API when it is made, every call against the recorded signature. The
stream keeps its work until somebody waits for it, and memory begins as rubbish, so that
code that forgets to wait, or to copy, reads rubbish.
"""

import base64
import ctypes
import functools
import inspect
import json
import threading
from collections.abc import Callable
from enum import IntEnum
from math import prod
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime

from ioc_edge.backends.gpu import Bytes, Card, Memory

RECORDED = Path(__file__).parents[1] / "contract" / "tensorrt"
VERSIONS = ("10.3", "11.4")
RUBBISH = 0xA5
KINDS = {
    "tensor(float)": "FLOAT",
    "tensor(float16)": "HALF",
    "tensor(int64)": "INT64",
    "tensor(int32)": "INT32",
    "tensor(uint8)": "UINT8",
    "tensor(double)": "DOUBLE",
}
NUMPY = {"FLOAT": "f4", "HALF": "f2", "INT64": "i8", "INT32": "i4", "UINT8": "u1"}

Work = Callable[[], None]
STREAMS: dict[int, list[Work]] = {}


def recorded(version: str) -> dict[str, dict[str, list[str]]]:
    """Class, member, signatures of the real bindings."""
    text = (RECORDED / f"api-{version}.json").read_text(encoding="utf-8")
    classes: dict[str, dict[str, list[str]]] = json.loads(text)["classes"]
    return classes


# --- the bindings -----------------------------------------------------------------


def tensorrt(version: str) -> SimpleNamespace:
    """A `tensorrt` module of that version."""
    api = recorded(version)
    trt = SimpleNamespace(__version__=version, built=[])
    for name in ("NetworkDefinitionCreationFlag", "MemoryPoolType", "TensorIOMode", "DataType"):
        values = [member for member in api[name] if member.isupper()]
        setattr(trt, name, IntEnum(name, {member: i for i, member in enumerate(values)}))
    for name, made in CLASSES.items():
        setattr(trt, name, faithful(api[name], name, made, trt))
    return trt


def faithful(members: dict[str, list[str]], name: str, made: type, trt: Any) -> type:
    """The class, if it offers what the real one offers and nothing else."""
    offered = {key: value for key, value in vars(made).items() if not key.startswith("_")}
    if absent := offered.keys() - members.keys():
        raise AssertionError(f"TensorRT {trt.__version__} has no {name}.{absent}")
    body: dict[str, Any] = {"_trt": trt}
    for key, value in vars(made).items():
        if inspect.isfunction(value) and members.get(key):
            body[key] = checked(name, value, members[key])
    return type(name, (made,), body)


def checked(owner: str, does: Callable[..., Any], texts: list[str]) -> Callable[..., Any]:
    """A method that is called only as one of the recorded signatures allows."""
    allowed = [signature(text) for text in texts]

    @functools.wraps(does)
    def call(*args: Any, **kwargs: Any) -> Any:
        for each in allowed:
            try:
                each.bind(*args, **kwargs)
            except TypeError:
                continue
            return does(*args, **kwargs)
        raise TypeError(f"{owner}.{does.__name__} is none of {texts}")

    return call


def signature(text: str) -> inspect.Signature:
    """Of a line of pybind11's docstring: `name(self: X, shape: Dims = None) -> bool`."""
    inside = text[text.index("(") + 1 : text.rindex(")", 0, (text + " ->").index(" ->") + 1)]
    parts, depth, start = [], 0, 0
    for place, letter in enumerate(inside + ","):
        depth += (letter in "[(<{") - (letter in "])>}")
        if letter == "," and depth == 0:
            parts.append(inside[start:place])
            start = place + 1
    either = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Signature(
        [
            inspect.Parameter(
                part.split(":")[0].split("=")[0].strip(),
                either,
                default=None if "=" in part else inspect.Parameter.empty,
            )
            for part in parts
            if part.strip()
        ]
    )


class Logger:
    WARNING = 2

    def __init__(self, min_severity: int = 2) -> None:
        self._least = min_severity


class HostMemory:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def __bytes__(self) -> bytes:
        return self._content


class Builder:
    _trt: Any

    def __init__(self, logger: Any) -> None:
        self._logger = logger

    def create_network(self, flags: int = 0) -> Any:
        network = self._trt.INetworkDefinition()
        network._strong = bool(flags >> self._trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED & 1)
        return network

    def create_builder_config(self) -> Any:
        return self._trt.IBuilderConfig()

    def create_optimization_profile(self) -> Any:
        return self._trt.IOptimizationProfile()

    def build_serialized_network(self, network: Any, config: Any) -> Any:
        if not network._strong:
            raise AssertionError("the one kind that 10.3 and 11.4 share is strongly typed")
        spans = config._profiles[0]._spans if config._profiles else {}
        for tensor in network._inputs:
            if -1 in tensor.shape and tensor.name not in spans:
                return None
        config._cache._content += b"+"
        onnx = base64.b64encode(network._onnx).decode()
        self._trt.built.append(config._cache._content)
        return HostMemory(json.dumps({"onnx": onnx, "spans": spans}).encode())


class Network:
    def __init__(self) -> None:
        self._strong = False
        self._inputs: list[Any] = []
        self._onnx = b""

    @property
    def num_inputs(self) -> int:
        return len(self._inputs)

    def get_input(self, index: int) -> Any:
        return self._inputs[index]


class Tensor:
    @property
    def name(self) -> str:
        return str(self._node.name)

    @property
    def shape(self) -> tuple[int, ...]:
        return lengths(self._node)

    _node: Any


class Parser:
    _trt: Any

    def __init__(self, network: Any, logger: Any) -> None:
        self._network, self._faults = network, [str(logger)][:0]

    def parse_from_file(self, model: str) -> bool:
        content = Path(model).read_bytes()
        try:
            session = opened(content)
        except Exception as error:  # noqa: BLE001 onnxruntime has classes of its own
            self._faults.append(str(error))
            return False
        for node in session.get_inputs():
            tensor = self._trt.ITensor()
            tensor._node = node
            self._network._inputs.append(tensor)
        self._network._onnx = content
        return True

    @property
    def num_errors(self) -> int:
        return len(self._faults)

    def get_error(self, index: int) -> Any:
        fault = self._trt.ParserError()
        fault._text = self._faults[index]
        return fault


class Fault:
    _text = ""

    def desc(self) -> str:
        return self._text


class Config:
    _trt: Any

    def __init__(self) -> None:
        self._profiles: list[Any] = []
        self._cache: Any = None

    def set_memory_pool_limit(self, pool: Any, pool_size: int) -> None:
        self._pool = (self._trt.MemoryPoolType(pool), pool_size)

    def create_timing_cache(self, serialized_timing_cache: bytes) -> Any:
        cache = self._trt.ITimingCache()
        cache._content = serialized_timing_cache
        return cache

    def set_timing_cache(self, cache: Any, ignore_mismatch: bool) -> bool:  # noqa: FBT001 TensorRT's
        self._cache = cache
        return not cache._content.startswith(b"foreign") or ignore_mismatch

    def get_timing_cache(self) -> Any:
        return self._cache

    def add_optimization_profile(self, profile: Any) -> int:
        self._profiles.append(profile)
        return len(self._profiles) - 1


class TimingCache:
    _content = b""

    def serialize(self) -> HostMemory:
        return HostMemory(self._content)


class Profile:
    def __init__(self) -> None:
        self._spans: dict[str, list[tuple[int, ...]]] = {}

    def set_shape(self, input: str, min: Any, opt: Any, max: Any) -> None:  # noqa: A002 TensorRT's
        self._spans[input] = [tuple(min), tuple(opt), tuple(max)]


class Runtime:
    _trt: Any

    def __init__(self, logger: Any) -> None:
        self._logger = logger

    def deserialize_cuda_engine(self, serialized_engine: bytes) -> Any:
        try:
            plan = json.loads(serialized_engine)
        except ValueError:
            return None
        engine = self._trt.ICudaEngine()
        engine._session = opened(base64.b64decode(plan["onnx"]))
        engine._spans = plan["spans"]
        return engine


class Engine:
    _trt: Any
    _session: Any
    _spans: Any

    @property
    def _nodes(self) -> list[Any]:
        return [*self._session.get_inputs(), *self._session.get_outputs()]

    def _node(self, name: str) -> Any:
        return next(node for node in self._nodes if node.name == name)

    @property
    def num_io_tensors(self) -> int:
        return len(self._nodes)

    def get_tensor_name(self, index: int) -> str:
        return str(self._nodes[index].name)

    def get_tensor_mode(self, name: str) -> Any:
        inputs = {node.name for node in self._session.get_inputs()}
        mode = self._trt.TensorIOMode
        return mode.INPUT if name in inputs else mode.OUTPUT

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return lengths(self._node(name))

    def get_tensor_dtype(self, name: str) -> Any:
        kind = KINDS[self._node(name).type]
        return SimpleNamespace(name=kind) if kind == "DOUBLE" else self._trt.DataType[kind]

    def create_execution_context(self) -> Any:
        context = self._trt.IExecutionContext()
        context._engine, context._thread = self, threading.get_ident()
        context._shapes = {
            node.name: lengths(node)
            for node in self._session.get_inputs()
            if -1 not in lengths(node)
        }
        return context


class Context:
    _engine: Any
    _thread: int

    def __init__(self) -> None:
        self._addresses: dict[str, int] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}

    def set_input_shape(self, name: str, shape: Any) -> bool:
        least, _, most = self._engine._spans[name]
        self._shapes[name] = tuple(shape)
        return all(a <= n <= b for a, n, b in zip(least, shape, most, strict=True))

    def set_tensor_address(self, name: str, memory: int) -> bool:
        self._addresses[name] = memory
        return memory % 256 == 0

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        if name in self._shapes:
            return self._shapes[name]
        zeros = self._lengths(name, np.zeros)
        ones = self._lengths(name, np.ones)
        return tuple(a if a == b else -1 for a, b in zip(zeros, ones, strict=True))

    def execute_async_v3(self, stream_handle: int) -> bool:
        if threading.get_ident() != self._thread:
            raise RuntimeError("no currently active context")
        names = [node.name for node in self._engine._nodes]
        if any(name not in self._addresses for name in names):
            return False
        shapes = dict(self._shapes)
        STREAMS[stream_handle].append(lambda: self._compute(shapes))
        return True

    def _compute(self, shapes: dict[str, tuple[int, ...]]) -> None:
        fed = {n: at(self._addresses[n], s, self._kind(n)).copy() for n, s in shapes.items()}
        names = [node.name for node in self._engine._session.get_outputs()]
        for name, found in zip(names, self._engine._session.run(names, fed), strict=True):
            at(self._addresses[name], found.shape, self._kind(name))[...] = found

    def _kind(self, name: str) -> str:
        return NUMPY[KINDS[self._engine._node(name).type]]

    def _lengths(self, name: str, filled: Callable[..., Any]) -> tuple[int, ...]:
        fed = {n: filled(shape, self._kind(n)) for n, shape in self._shapes.items()}
        (found,) = self._engine._session.run([name], fed)
        return tuple(found.shape)


CLASSES: dict[str, type] = {
    "Logger": Logger,
    "Builder": Builder,
    "INetworkDefinition": Network,
    "ITensor": Tensor,
    "OnnxParser": Parser,
    "ParserError": Fault,
    "IBuilderConfig": Config,
    "ITimingCache": TimingCache,
    "IOptimizationProfile": Profile,
    "Runtime": Runtime,
    "ICudaEngine": Engine,
    "IExecutionContext": Context,
}


def opened(content: bytes) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def lengths(node: Any) -> tuple[int, ...]:
    return tuple(n if isinstance(n, int) else -1 for n in node.shape)


def at(address: int, shape: tuple[int, ...], kind: str) -> Any:
    """The memory at an address as an array."""
    size = prod(shape) * np.dtype(kind).itemsize
    held = (ctypes.c_uint8 * size).from_address(address)
    return np.frombuffer(held, kind).reshape(shape)


# --- the GPU ----------------------------------------------------------------------


class HostMemoryPiece:
    """Memory of the "GPU", at an address as round as CUDA's."""

    def __init__(self, size: int) -> None:
        self.held = np.full(size + 256, RUBBISH, np.uint8)
        self.address = -(-self.held.ctypes.data // 256) * 256


class HostGpu:
    """Memory and one stream; whoever calls from another thread than its maker fails."""

    stream = 7001

    def __init__(self, name: str = "Stand-in") -> None:
        self.card = Card(name, "8.7")
        self.closed = False
        self._thread = threading.get_ident()
        STREAMS[self.stream] = []

    def pinned(self, size: int) -> Bytes:
        self._mine()
        return np.full(size, RUBBISH, np.uint8)

    def memory(self, size: int) -> HostMemoryPiece:
        self._mine()
        return HostMemoryPiece(size)

    def upload(self, target: Memory, source: Bytes) -> None:
        self._later(lambda: ctypes.memmove(target.address, source.ctypes.data, source.nbytes))

    def download(self, target: Bytes, source: Memory) -> None:
        self._later(lambda: ctypes.memmove(target.ctypes.data, source.address, target.nbytes))

    def wait(self) -> None:
        self._mine()
        waiting, STREAMS[self.stream] = STREAMS[self.stream], []
        for work in waiting:
            work()

    def close(self) -> None:
        self._mine()
        self.closed = True

    def _later(self, work: Callable[[], object]) -> None:
        self._mine()
        STREAMS[self.stream].append(lambda: (work(), None)[1])

    def _mine(self) -> None:
        if threading.get_ident() != self._thread:
            raise RuntimeError("no currently active context")
