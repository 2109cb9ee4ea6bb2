"""Graphs on a GPU with TensorRT: strongly typed, named tensors, `execute_async_v3`.

Written against what the bindings of TensorRT 10.3 (JetPack 6) and 11.4 both offer; a
contract test holds every name used here against the real bindings of both. No engine was
ever built or run with this file: `ioc-edge selftest --trt` on the box is the proof.
"""

import importlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any, Final

import numpy as np
import structlog
from numpy.typing import NDArray

from ioc_edge.backends.engines import Engines, Recipe
from ioc_edge.backends.gpu import Bytes, Gpu, Memory, Owner, the_owner
from ioc_edge.backends.runner import Arrays, OrtRunner, TensorSpec, fitted
from ioc_edge.errors import BackendUnavailable, ModelInvalid

log = structlog.get_logger(__name__)

# For tactics that need scratch memory; on a Jetson it is taken from the same memory that
# the cameras' frames are in.
WORKSPACE_BYTES: Final = 1 << 30
# TensorRT's names; the types that numpy has no name for cannot be fed from here.
NUMPY_TYPES: Final[dict[str, np.dtype[Any]]] = {
    "FLOAT": np.dtype(np.float32),
    "HALF": np.dtype(np.float16),
    "INT64": np.dtype(np.int64),
    "INT32": np.dtype(np.int32),
    "INT8": np.dtype(np.int8),
    "UINT8": np.dtype(np.uint8),
    "BOOL": np.dtype(np.bool_),
}


@dataclass(frozen=True, slots=True)
class Buffer:
    """One tensor's page-locked host memory and GPU memory, for the largest batch."""

    spec: TensorSpec
    host: Bytes
    device: Memory

    def view(self, shape: tuple[int, ...]) -> NDArray[Any]:
        """The first bytes of the host memory as an array of this shape."""
        return self.bytes_of(shape).view(self.spec.dtype).reshape(shape)

    def bytes_of(self, shape: tuple[int, ...]) -> Bytes:
        """The first bytes of the host memory, as many as such an array has."""
        return self.host[: prod(shape) * self.spec.dtype.itemsize]


class TensorRtRunner:
    """One graph on the GPU. Every method may be called from any thread.

    Opening it builds the engine if this box has none yet: minutes, so a box does it when
    a release is checked, before the agent starts.

    Args:
        weights: The ONNX file. Its precision is the engine's: TensorRT changes none.
        sha256: Of the file; the engine is kept under it.
        most: Largest batch in one go; a larger one is run in parts.
        cache: Folder for engines; by default that of the weights.
        owner: Of the GPU; by default the process's own.
        trt: The `tensorrt` module; by default the one installed.

    Raises:
        BackendUnavailable: No GPU, driver, TensorRT or pycuda on this machine.
        ModelInvalid: TensorRT refuses the graph.
    """

    def __init__(
        self,
        weights: Path,
        *,
        sha256: str,
        most: int = 8,
        cache: Path | None = None,
        owner: Owner | None = None,
        trt: Any = None,  # noqa: ANN401 tensorrt has no types
    ) -> None:
        self._weights = weights
        self._most = most
        self._owner = owner or the_owner()
        self._trt = trt or _tensorrt()
        engines = Engines(cache or weights.parent, weights.stem)
        self._owner.do(lambda gpu: self._open(gpu, engines, sha256))
        self._owner.before_close(self._release)

    @cached_property
    def metadata(self) -> Mapping[str, str]:
        """Notes of the ONNX file; an engine keeps none."""
        return OrtRunner(self._weights).metadata

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """Every output by name.

        Raises:
            ModelInvalid: An input is missing, unknown, or of a shape the graph does not take.
            BackendUnavailable: The GPU did not take or finish the work.
        """
        fed = fitted(self._weights, self.inputs, inputs)
        parts = [
            self._owner.do(lambda gpu, part=part: self._run(gpu, part))  # type: ignore[misc]
            for part in self._parts(fed)
        ]
        if len(parts) == 1:
            return parts[0]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _parts(self, fed: dict[str, NDArray[Any]]) -> Iterator[dict[str, NDArray[Any]]]:
        """The batch in pieces that the engine takes."""
        batched = [spec.name for spec in self.inputs if spec.shape[:1] == (None,)]
        if not batched:
            yield fed
            return
        lengths = {len(fed[name]) for name in batched}
        if len(lengths) > 1:
            raise ModelInvalid(self._weights, f"inputs of one batch differ in length: {lengths}")
        for start in range(0, lengths.pop(), self._most):
            piece = {name: fed[name][start : start + self._most] for name in batched}
            yield fed | piece

    # All below runs in the owner's thread.

    def _open(self, gpu: Gpu, engines: Engines, sha256: str) -> None:
        logger = self._trt.Logger(self._trt.Logger.WARNING)
        recipe = Recipe(
            onnx=sha256,
            tensorrt=str(self._trt.__version__),
            gpu=gpu.card.name,
            sm=gpu.card.sm,
            flags=("strongly_typed", f"workspace={WORKSPACE_BYTES}", f"most={self._most}"),
        )
        self._runtime = self._trt.Runtime(logger)
        self._engine: Any = None
        plan = engines.kept(recipe)
        if plan is not None:
            self._engine = self._runtime.deserialize_cuda_engine(plan)
        if self._engine is None:
            self._build(logger, engines, recipe)
        self._prepare(gpu)

    def _build(self, logger: Any, engines: Engines, recipe: Recipe) -> None:  # noqa: ANN401
        started = time.monotonic()
        log.info("engine_building", model=self._weights.name, gpu=recipe.gpu)
        plan, timings = build_plan(
            self._trt, logger, self._weights, most=self._most, timings=engines.timings(recipe)
        )
        took_s = round(time.monotonic() - started, 1)
        engines.keep(recipe, plan, timings, took_s)
        log.info("engine_built", model=self._weights.name, took_s=took_s, size=len(plan))
        self._engine = self._runtime.deserialize_cuda_engine(plan)
        if self._engine is None:
            raise ModelInvalid(self._weights, "TensorRT refuses the engine it just built")

    def _prepare(self, gpu: Gpu) -> None:
        """An execution context with every tensor's memory in place, for the largest batch."""
        self._execution = self._engine.create_execution_context()
        if self._execution is None:
            raise BackendUnavailable(f"no memory for the execution of {self._weights.name}")
        names = [self._engine.get_tensor_name(i) for i in range(self._engine.num_io_tensors)]
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._in = [self._buffer(gpu, name) for name in names if self._is_input(name)]
        self._out = [self._buffer(gpu, name) for name in names if not self._is_input(name)]
        self.inputs = tuple(buffer.spec for buffer in self._in)
        self.outputs = tuple(buffer.spec for buffer in self._out)

    def _is_input(self, name: str) -> bool:
        mode = self._engine.get_tensor_mode(name)
        return bool(mode == self._trt.TensorIOMode.INPUT)

    def _buffer(self, gpu: Gpu, name: str) -> Buffer:
        """Inputs come first: the length of an output follows from theirs."""
        spec = self._spec(name)
        if self._is_input(name):
            largest = tuple(self._most if n is None else n for n in spec.shape)
            self._shape(spec, largest)
        else:
            largest = self._given(spec)
        size = max(1, prod(largest)) * spec.dtype.itemsize
        buffer = Buffer(spec, gpu.pinned(size), gpu.memory(size))
        if not self._execution.set_tensor_address(name, buffer.device.address):
            raise BackendUnavailable(f"TensorRT refuses the address of {name}")
        return buffer

    def _spec(self, name: str) -> TensorSpec:
        kind = self._engine.get_tensor_dtype(name).name
        if kind not in NUMPY_TYPES:
            raise ModelInvalid(self._weights, f"tensor {name} is {kind}, which numpy cannot hold")
        shape = tuple(None if n < 0 else int(n) for n in self._engine.get_tensor_shape(name))
        return TensorSpec(name, shape, NUMPY_TYPES[kind])

    def _shape(self, spec: TensorSpec, shape: tuple[int, ...]) -> None:
        """Tell TensorRT an input's shape, if it is open and another than before."""
        if None in spec.shape and self._shapes.get(spec.name) != shape:
            if not self._execution.set_input_shape(spec.name, shape):
                raise ModelInvalid(self._weights, f"the engine does not take {spec.name} {shape}")
            self._shapes[spec.name] = shape

    def _given(self, spec: TensorSpec) -> tuple[int, ...]:
        """An output's shape for the inputs' present shapes."""
        shape = tuple(int(n) for n in self._execution.get_tensor_shape(spec.name))
        if min(shape, default=1) < 0:
            raise ModelInvalid(
                self._weights,
                f"the length of output {spec.name} depends on the picture; export without NMS",
            )
        return shape

    def _run(self, gpu: Gpu, fed: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        for buffer in self._in:
            array = fed[buffer.spec.name]
            self._shape(buffer.spec, array.shape)
            np.copyto(buffer.view(array.shape), array)
            gpu.upload(buffer.device, buffer.bytes_of(array.shape))
        if not self._execution.execute_async_v3(gpu.stream):
            raise BackendUnavailable(f"TensorRT did not take a batch of {self._weights.name}")
        shapes = [self._given(buffer.spec) for buffer in self._out]
        for buffer, shape in zip(self._out, shapes, strict=True):
            gpu.download(buffer.bytes_of(shape), buffer.device)
        gpu.wait()
        # Copied: the next run overwrites the page-locked memory.
        return {
            buffer.spec.name: buffer.view(shape).copy()
            for buffer, shape in zip(self._out, shapes, strict=True)
        }

    def _release(self) -> None:
        """TensorRT's objects must go while the context stands, the execution first."""
        self._in, self._out = [], []
        self._execution = None
        self._engine = None
        self._runtime = None


def build_plan(
    trt: Any,  # noqa: ANN401 tensorrt has no types
    logger: Any,  # noqa: ANN401
    weights: Path,
    *,
    most: int,
    timings: bytes = b"",
) -> tuple[bytes, bytes]:
    """Compile an ONNX file: the engine, and the timing cache that makes the next one quick.

    Strongly typed is the only kind that 10.3 and 11.4 share: precision is that of the
    ONNX file (`ioc-edge convert` changes it there), and no builder flag changes it.

    Raises:
        ModelInvalid: TensorRT refuses the graph, and why.
    """
    builder = trt.Builder(logger)
    # 11.x knows no other kind, and takes the flag all the same.
    flags = 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    network = builder.create_network(flags)
    parser = trt.OnnxParser(network, logger)
    if not parser.parse_from_file(str(weights)):
        faults = "; ".join(parser.get_error(i).desc() for i in range(parser.num_errors))
        raise ModelInvalid(weights, faults or "TensorRT cannot parse it")
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, WORKSPACE_BYTES)
    if not config.set_timing_cache(config.create_timing_cache(timings), False):  # noqa: FBT003
        config.set_timing_cache(config.create_timing_cache(b""), False)  # noqa: FBT003
    _add_profile(builder, network, config, weights, most)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise ModelInvalid(weights, "TensorRT could not build an engine; its log has the reason")
    measured = config.get_timing_cache()
    return bytes(plan), b"" if measured is None else bytes(measured.serialize())


def _add_profile(builder: Any, network: Any, config: Any, weights: Path, most: int) -> None:  # noqa: ANN401
    """One profile for a batch that is open: 1 to `most`, tuned for the single frame."""
    profile, open_inputs = builder.create_optimization_profile(), 0
    for index in range(network.num_inputs):
        tensor = network.get_input(index)
        shape = tuple(int(n) for n in tensor.shape)
        if min(shape[1:], default=1) < 0:
            raise ModelInvalid(
                weights, f"input {tensor.name} is {shape}: only the batch may be open on a GPU"
            )
        if shape[:1] == (-1,):
            # Cameras are looked at one by one; a larger batch is the exception.
            one, many = (1, *shape[1:]), (most, *shape[1:])
            profile.set_shape(tensor.name, one, one, many)
            open_inputs += 1
    if open_inputs and config.add_optimization_profile(profile) < 0:
        raise ModelInvalid(weights, f"TensorRT refuses a batch of 1 to {most}")


def _tensorrt() -> Any:  # noqa: ANN401 tensorrt has no types
    """The installed bindings; imported only where a driver answered."""
    try:
        return importlib.import_module("tensorrt")
    except ImportError as error:
        raise BackendUnavailable(f"TensorRT cannot be imported: {error}") from error
