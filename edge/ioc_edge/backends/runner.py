"""Who runs a graph: arrays in and out by name, the same on the CPU and on a GPU."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ioc_edge.errors import ModelInvalid

Arrays: TypeAlias = Mapping[str, NDArray[Any]]
BackendName: TypeAlias = Literal["onnx", "tensorrt"]


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output of a graph; None stands for a length that each run decides."""

    name: str
    shape: tuple[int | None, ...]
    dtype: np.dtype[Any]

    def takes(self, shape: Sequence[int]) -> bool:
        """Whether an array of this shape fits."""
        return len(shape) == len(self.shape) and all(
            wanted in {None, given} and given > 0
            for wanted, given in zip(self.shape, shape, strict=True)
        )

    def __str__(self) -> str:
        lengths = ", ".join("?" if length is None else str(length) for length in self.shape)
        return f"{self.name} ({lengths}) {self.dtype}"


class Runner(Protocol):
    """A graph made ready to run. May be called from any thread."""

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """What every run needs."""
        ...

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """What every run gives."""
        ...

    @property
    def metadata(self) -> Mapping[str, str]:
        """Notes that the exporter left in the ONNX file."""
        ...

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """Every output by name; the arrays are the caller's to keep.

        Raises:
            ModelInvalid: An input is missing, unknown, or of a shape the graph does not take.
        """
        ...


class OrtRunner:
    """A graph on the CPU with onnxruntime.

    Raises:
        ModelInvalid: onnxruntime refuses the file.
    """

    def __init__(self, weights: Path, *, threads: int = 1) -> None:
        self._weights = weights
        self._session = _session(weights, threads)
        self.inputs = tuple(_spec(weights, node) for node in self._session.get_inputs())
        self.outputs = tuple(_spec(weights, node) for node in self._session.get_outputs())
        self.metadata: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """Every output by name."""
        fed = fitted(self._weights, self.inputs, inputs)
        names = [spec.name for spec in self.outputs]
        return dict(zip(names, self._session.run(names, fed), strict=True))


def open_runner(
    weights: Path,
    *,
    sha256: str,
    backend: BackendName = "onnx",
    threads: int = 1,
    most: int = 8,
    cache: Path | None = None,
) -> Runner:
    """The graph of an ONNX file, ready to run.

    Args:
        weights: The ONNX file; the caller has checked it against `sha256`.
        sha256: Of the file, in hexadecimal: compiled engines are cached under it.
        backend: Who runs it.
        threads: Of onnxruntime; TensorRT has one for the GPU.
        most: Largest batch that TensorRT takes in one go.
        cache: Where TensorRT's engines are kept; by default beside the weights.

    Raises:
        ModelInvalid: The file is no graph that this backend takes.
        BackendUnavailable: No GPU, driver or TensorRT on this machine.
    """
    if backend == "onnx":
        return OrtRunner(weights, threads=threads)
    from ioc_edge.backends.tensorrt import TensorRtRunner  # noqa: PLC0415 a GPU's alone

    return TensorRtRunner(weights, sha256=sha256, most=most, cache=cache)


def fitted(weights: Path, specs: Sequence[TensorSpec], inputs: Arrays) -> dict[str, NDArray[Any]]:
    """The inputs as the graph wants them: contiguous and of its types.

    Raises:
        ModelInvalid: A name is missing or unknown, or a shape or type does not fit.
    """
    wanted = {spec.name: spec for spec in specs}
    if inputs.keys() != wanted.keys():
        raise ModelInvalid(weights, f"wants inputs {sorted(wanted)}, got {sorted(inputs)}")
    for name, array in inputs.items():
        spec = wanted[name]
        if not spec.takes(array.shape) or not np.can_cast(array.dtype, spec.dtype, "same_kind"):
            raise ModelInvalid(weights, f"wants {spec}, got {array.shape} {array.dtype}")
    return {name: np.ascontiguousarray(array, wanted[name].dtype) for name, array in inputs.items()}


def _session(weights: Path, threads: int) -> Any:  # noqa: ANN401 onnxruntime has no types
    """An onnxruntime session that keeps to `threads` of the box's few cores."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Spinning threads would burn the core that decodes the video.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(
            str(weights), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime raises its own unexported classes
        raise ModelInvalid(weights, str(error)) from error


def _spec(weights: Path, node: Any) -> TensorSpec:  # noqa: ANN401 onnxruntime has no types
    """As onnxruntime tells it; a symbolic length comes as its name."""
    shape = tuple(length if isinstance(length, int) else None for length in node.shape)
    kind = str(node.type).removeprefix("tensor(").removesuffix(")")
    numpy_name = {"float": "float32", "double": "float64"}.get(kind, kind)
    try:
        return TensorSpec(node.name, shape, np.dtype(numpy_name))
    except TypeError as error:
        raise ModelInvalid(weights, f"{node.name} is of type {node.type}") from error
