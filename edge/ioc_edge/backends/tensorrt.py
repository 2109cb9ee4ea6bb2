"""Detection with TensorRT and pycuda on a Jetson.

Written against the real Python API of TensorRT 10.3 to 11.4 (strongly-typed networks,
named tensors, `execute_async_v3`). Not proven here: this project has no machine with
TensorRT's builder, so no engine was ever built or run with this file. Before trusting
it on a box, compare its detections with those of the onnx backend on the same frames.
"""

import ctypes
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from ioc_edge.backends import Detection, Image
from ioc_edge.backends.onnx import Manifest, decode_yolov8, letterbox
from ioc_edge.errors import BackendUnavailable, ModelInvalid

WORKSPACE_BYTES: Final = 1 << 30


class TensorRtDetector:
    """The same weights and the same manifest as the onnx backend, compiled for this GPU.

    The first frame decides which thread owns the GPU; all others must come from it.

    Raises:
        BackendUnavailable: No CUDA driver, TensorRT or pycuda on this machine.
    """

    def __init__(self, manifest: Manifest) -> None:
        require_driver()
        try:
            import pycuda.driver as cuda  # noqa: PLC0415 only a Jetson has it
            import tensorrt as trt  # noqa: PLC0415 only a Jetson has it
        except ImportError as error:
            raise BackendUnavailable(f"{error.name} is not installed") from error
        self.model = manifest.model
        self._manifest = manifest
        self._cuda, self._trt = cuda, trt
        self._engine: Any = None

    def detect(self, frames: Sequence[Image]) -> list[list[Detection]]:
        """Detections for each frame, boxes in the frame's own pixels."""
        if self._engine is None:
            self._open()
        return [self._one(frame) for frame in frames]

    def _open(self) -> None:
        """Load or build the engine, in the thread that will run it.

        The primary context is pushed once and stays: a context belongs to a thread.
        """
        self._cuda.init()
        device = self._cuda.Device(0)
        self._context = device.retain_primary_context()
        self._context.push()
        logger = self._trt.Logger(self._trt.Logger.WARNING)
        plan = cached_plan(self._trt, logger, self._manifest, device.name())
        self._runtime = self._trt.Runtime(logger)
        self._engine = self._runtime.deserialize_cuda_engine(plan)
        if self._engine is None:
            raise ModelInvalid(self._manifest.weights, "TensorRT refuses its own plan")
        self._execution = self._engine.create_execution_context()
        self._stream = self._cuda.Stream()
        self._buffers = [self._buffer(i) for i in range(self._engine.num_io_tensors)]

    def _buffer(self, index: int) -> tuple[bool, Any, Any]:
        """Pinned host memory and device memory of one tensor; True for an input."""
        name = self._engine.get_tensor_name(index)
        shape = tuple(self._engine.get_tensor_shape(name))
        if min(shape) < 1:
            raise ModelInvalid(self._manifest.weights, f"tensor {name} has open shape {shape}")
        dtype = self._trt.nptype(self._engine.get_tensor_dtype(name))
        host = self._cuda.pagelocked_empty(shape, dtype)
        device = self._cuda.mem_alloc(host.nbytes)
        self._execution.set_tensor_address(name, int(device))
        mode = self._engine.get_tensor_mode(name)
        return mode == self._trt.TensorIOMode.INPUT, host, device

    def _one(self, frame: Image) -> list[Detection]:
        tensor, scale, shift = letterbox(frame, self._manifest.width, self._manifest.height)
        for is_input, host, device in self._buffers:
            if is_input:
                np.copyto(host, tensor, casting="same_kind")
                self._cuda.memcpy_htod_async(device, host, self._stream)
        if not self._execution.execute_async_v3(self._stream.handle):
            raise BackendUnavailable("TensorRT did not take the frame")
        outputs = [(host, device) for is_input, host, device in self._buffers if not is_input]
        for host, device in outputs:
            self._cuda.memcpy_dtoh_async(host, device, self._stream)
        self._stream.synchronize()
        output = outputs[0][0][0].astype(np.float32)
        return decode_yolov8(output, self._manifest, frame.shape[:2], scale, shift)


def require_driver() -> None:
    """Ask the driver before TensorRT does: without one, TensorRT crashes the process.

    Raises:
        BackendUnavailable: No driver, or it finds no GPU.
    """
    try:
        code = ctypes.CDLL("libcuda.so.1").cuInit(0)
    except OSError as error:
        raise BackendUnavailable("no CUDA driver (libcuda.so.1) on this machine") from error
    if code:
        raise BackendUnavailable(f"the CUDA driver finds no GPU (error {code})")


def cached_plan(trt: Any, logger: Any, manifest: Manifest, device: str) -> bytes:  # noqa: ANN401
    """The compiled engine, built once for these weights, this TensorRT and this GPU."""
    key = {"onnx": manifest.sha256, "tensorrt": trt.__version__, "device": device}
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
    path = manifest.folder / f"{manifest.name}.{digest}.engine"
    if path.is_file():
        return path.read_bytes()
    plan = build_plan(trt, logger, manifest.weights)
    part = path.with_suffix(".part")
    part.write_bytes(plan)
    part.rename(path)
    path.with_suffix(".engine.json").write_text(json.dumps(key), encoding="utf-8")
    return plan


def build_plan(trt: Any, logger: Any, weights: Path) -> bytes:  # noqa: ANN401 no types
    """Compile an ONNX file; minutes on a box, so best done when it is deployed.

    Strongly typed is the only kind that 10.3 and 11.4 share: precision is that of
    the ONNX file, and no builder flag changes it.
    """
    builder = trt.Builder(logger)
    flags = 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    network = builder.create_network(flags)
    parser = trt.OnnxParser(network, logger)
    if not parser.parse_from_file(str(weights)):
        faults = "; ".join(str(parser.get_error(i)) for i in range(parser.num_errors))
        raise ModelInvalid(weights, faults)
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, WORKSPACE_BYTES)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise ModelInvalid(weights, "TensorRT could not build an engine")
    return bytes(plan)
