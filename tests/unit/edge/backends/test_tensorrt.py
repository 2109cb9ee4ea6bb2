"""TensorRT's runner against a stand-in that computes: shapes, buffers, threads, the cache."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from tests.support.tensorrt_stand_in import VERSIONS, HostGpu, tensorrt

from ioc_edge.backends.gpu import Owner, require_driver
from ioc_edge.backends.runner import OrtRunner, open_runner
from ioc_edge.backends.tensorrt import TensorRtRunner
from ioc_edge.errors import BackendUnavailable, ModelInvalid

ANY = "n"


@pytest.fixture
def owner() -> Iterator[Owner]:
    one = Owner(HostGpu)
    yield one
    one.close()


@pytest.fixture(params=VERSIONS)
def trt(request: pytest.FixtureRequest) -> Any:
    return tensorrt(request.param)


def graph(path: Path, *, batch: Any = ANY, nodes: Any = None, outputs: Any = None) -> Path:
    """Two outputs of one picture: twice it, and the mean of each channel."""
    floats, picture = TensorProto.FLOAT, [batch, 3, 4, 6]
    nodes = nodes or [
        helper.make_node("Add", ["x", "x"], ["twice"]),
        helper.make_node("GlobalAveragePool", ["x"], ["means"]),
    ]
    outputs = outputs or {"twice": (floats, picture), "means": (floats, [batch, 3, 1, 1])}
    made = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("x", floats, picture)],
        [helper.make_tensor_value_info(name, *how) for name, how in outputs.items()],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {"character": "0\n1"})
    onnx.save(model, path)
    return path


def pictures(count: int, seed: int = 1) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).normal(size=(count, 3, 4, 6)).astype(np.float32)


def opened(path: Path, trt: Any, owner: Owner, **more: Any) -> TensorRtRunner:
    return TensorRtRunner(path, sha256="5e", owner=owner, trt=trt, **more)


def test_it_gives_what_onnxruntime_gives(tmp_path: Path, trt: Any, owner: Owner) -> None:
    path = graph(tmp_path / "m.onnx")
    runner, judge = opened(path, trt, owner), OrtRunner(path)
    assert (runner.inputs, runner.outputs) == (judge.inputs, judge.outputs)
    assert runner.metadata == judge.metadata == {"character": "0\n1"}
    for count in (1, 5, 2, 8):
        fed = {"x": pictures(count)}
        ours, theirs = runner.run(fed), judge.run(fed)
        assert list(ours) == list(theirs)
        for name, array in theirs.items():
            np.testing.assert_array_equal(ours[name], array)


def test_a_batch_over_the_largest_is_run_in_parts(tmp_path: Path, trt: Any, owner: Owner) -> None:
    path = graph(tmp_path / "m.onnx")
    fed = {"x": pictures(11)}
    ours = opened(path, trt, owner, most=4).run(fed)
    np.testing.assert_array_equal(ours["twice"], 2 * fed["x"])
    assert ours["means"].shape == (11, 3, 1, 1)


def test_a_fixed_batch_takes_that_batch_alone(tmp_path: Path, trt: Any, owner: Owner) -> None:
    runner = opened(graph(tmp_path / "m.onnx", batch=1), trt, owner)
    np.testing.assert_array_equal(runner.run({"x": pictures(1)})["twice"], 2 * pictures(1))
    with pytest.raises(ModelInvalid, match=r"wants x \(1, 3, 4, 6\) float32, got \(2, 3, 4, 6\)"):
        runner.run({"x": pictures(2)})


def test_a_result_outlives_the_next_run(tmp_path: Path, trt: Any, owner: Owner) -> None:
    runner = opened(graph(tmp_path / "m.onnx"), trt, owner)
    first = runner.run({"x": pictures(1, seed=1)})["twice"]
    runner.run({"x": pictures(1, seed=2)})
    np.testing.assert_array_equal(first, 2 * pictures(1, seed=1))


def test_half_precision_inputs_are_cast(tmp_path: Path, trt: Any, owner: Owner) -> None:
    half, shape = TensorProto.FLOAT16, [ANY, 3, 4, 6]
    nodes = [helper.make_node("Cast", ["x"], ["half"], to=half)]
    path = graph(tmp_path / "m.onnx", nodes=nodes, outputs={"half": (half, shape)})
    found = opened(path, trt, owner).run({"x": pictures(2).astype(np.float64)})["half"]
    np.testing.assert_array_equal(found, pictures(2).astype(np.float16))


@pytest.mark.parametrize("wrong", [{}, {"y": pictures(1)}, {"x": pictures(1), "y": pictures(1)}])
def test_inputs_by_other_names_are_refused(
    tmp_path: Path, trt: Any, owner: Owner, wrong: dict[str, Any]
) -> None:
    path = graph(tmp_path / "m.onnx")
    for runner in (opened(path, trt, owner), OrtRunner(path)):
        with pytest.raises(ModelInvalid, match=r"wants inputs \['x'\]"):
            runner.run(wrong)


def test_threads_share_the_gpu_and_each_gets_its_own_result(
    tmp_path: Path, trt: Any, owner: Owner
) -> None:
    runner = opened(graph(tmp_path / "m.onnx"), trt, owner)
    wrong: list[int] = []

    def camera(number: int) -> None:
        for count in (1, 3, 2):
            fed = pictures(count, seed=number)
            if not np.array_equal(runner.run({"x": fed})["twice"], 2 * fed):
                wrong.append(number)

    cameras = [threading.Thread(target=camera, args=(number,)) for number in range(8)]
    for each in cameras:
        each.start()
    for each in cameras:
        each.join()
    assert wrong == []


def test_two_graphs_share_one_owner(tmp_path: Path, trt: Any, owner: Owner) -> None:
    first = opened(graph(tmp_path / "a.onnx"), trt, owner)
    second = opened(graph(tmp_path / "b.onnx", batch=2), trt, owner)
    np.testing.assert_array_equal(first.run({"x": pictures(2)})["twice"], 2 * pictures(2))
    np.testing.assert_array_equal(second.run({"x": pictures(2)})["twice"], 2 * pictures(2))


def test_an_engine_is_built_once_for_a_recipe(tmp_path: Path, trt: Any, owner: Owner) -> None:
    path = graph(tmp_path / "m.onnx")
    for _ in range(2):
        opened(path, trt, owner)
    assert len(trt.built) == 1
    opened(path, trt, owner, most=2)
    TensorRtRunner(path, sha256="other", owner=owner, trt=trt)
    assert len(trt.built) == 3


def test_another_gpu_or_tensorrt_gets_an_engine_of_its_own(tmp_path: Path) -> None:
    path = graph(tmp_path / "m.onnx")
    for version, card in (("10.3", "Orin"), ("11.4", "Orin"), ("11.4", "Xavier")):
        trt, one = tensorrt(version), Owner(lambda card=card: HostGpu(card))  # type: ignore[misc]
        opened(path, trt, one)
        assert len(trt.built) == 1
        one.close()


def test_the_manifest_says_what_the_engine_was_built_from(
    tmp_path: Path, trt: Any, owner: Owner
) -> None:
    opened(graph(tmp_path / "m.onnx"), trt, owner, cache=tmp_path / "engines")
    (engine,) = (tmp_path / "engines").glob("*.engine")
    told = json.loads(engine.with_suffix(".engine.json").read_text())
    assert (told["onnx"], told["gpu"], told["sm"]) == ("5e", "Stand-in", "8.7")
    assert told["tensorrt"] == trt.__version__
    assert "strongly_typed" in told["flags"]


@pytest.mark.parametrize("suffix", [".engine", ".engine.json"])
def test_a_damaged_engine_is_never_loaded_and_built_again(
    tmp_path: Path, trt: Any, owner: Owner, suffix: str
) -> None:
    path = graph(tmp_path / "m.onnx")
    opened(path, trt, owner)
    (damaged,) = tmp_path.glob(f"*{suffix}")
    damaged.write_bytes(b"{}")
    runner = opened(path, trt, owner)
    assert len(trt.built) == 2
    np.testing.assert_array_equal(runner.run({"x": pictures(1)})["twice"], 2 * pictures(1))


def test_an_engine_that_cannot_be_kept_still_runs(tmp_path: Path, trt: Any, owner: Owner) -> None:
    path = graph(tmp_path / "m.onnx")
    (tmp_path / "file").write_text("no folder")
    runner = opened(path, trt, owner, cache=tmp_path / "file" / "engines")
    np.testing.assert_array_equal(runner.run({"x": pictures(1)})["twice"], 2 * pictures(1))


def test_timings_of_one_build_serve_the_next(tmp_path: Path, trt: Any, owner: Owner) -> None:
    opened(graph(tmp_path / "a.onnx"), trt, owner)
    opened(graph(tmp_path / "b.onnx"), trt, owner)
    assert trt.built == [b"+", b"++"]


def test_timings_that_tensorrt_refuses_are_measured_anew(
    tmp_path: Path, trt: Any, owner: Owner
) -> None:
    opened(graph(tmp_path / "a.onnx"), trt, owner)
    (timings,) = tmp_path.glob("timings.*")
    timings.write_bytes(b"foreign")
    opened(graph(tmp_path / "b.onnx"), trt, owner)
    assert trt.built[-1] == b"+"


def test_what_is_no_graph_is_refused_with_the_parsers_words(
    tmp_path: Path, trt: Any, owner: Owner
) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(b"no graph")
    with pytest.raises(ModelInvalid, match=r"(?i)protobuf"):
        opened(path, trt, owner)


def test_an_input_open_elsewhere_than_in_the_batch_is_refused(
    tmp_path: Path, trt: Any, owner: Owner
) -> None:
    floats = TensorProto.FLOAT
    made = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        "test",
        [helper.make_tensor_value_info("x", floats, [ANY, 3, 48, "width"])],
        [helper.make_tensor_value_info("y", floats, [ANY, 3, 48, "width"])],
    )
    path = tmp_path / "m.onnx"
    onnx.save(
        helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path
    )
    with pytest.raises(ModelInvalid, match="only the batch may be open"):
        opened(path, trt, owner)


def test_an_output_as_long_as_the_picture_wants_is_refused(
    tmp_path: Path, trt: Any, owner: Owner
) -> None:
    nodes = [helper.make_node("NonZero", ["x"], ["where"])]
    path = graph(
        tmp_path / "m.onnx", nodes=nodes, outputs={"where": (TensorProto.INT64, [4, "found"])}
    )
    with pytest.raises(ModelInvalid, match="depends on the picture"):
        opened(path, trt, owner)


def test_a_tensor_that_the_gpu_has_no_type_for_is_refused(
    tmp_path: Path, trt: Any, owner: Owner
) -> None:
    double = TensorProto.DOUBLE
    nodes = [helper.make_node("Cast", ["x"], ["y"], to=double)]
    path = graph(tmp_path / "m.onnx", nodes=nodes, outputs={"y": (double, [ANY, 3, 4, 6])})
    with pytest.raises(ModelInvalid, match="DOUBLE"):
        opened(path, trt, owner)


def test_an_error_in_the_owners_thread_is_the_callers(owner: Owner) -> None:
    def fail(_gpu: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        owner.do(fail)
    assert owner.do(lambda gpu: gpu.card.sm) == "8.7"


def test_a_gpu_that_cannot_be_opened_is_told_to_whoever_wanted_it() -> None:
    def refuse() -> HostGpu:
        raise BackendUnavailable("out of memory")

    with pytest.raises(BackendUnavailable, match="out of memory"):
        Owner(refuse)


def test_closing_lets_go_of_everything_in_order_and_then_refuses(tmp_path: Path, trt: Any) -> None:
    gpus: list[HostGpu] = []

    def make() -> HostGpu:
        gpus.append(HostGpu())
        return gpus[0]

    owner = Owner(make)
    runner = opened(graph(tmp_path / "m.onnx"), trt, owner)
    owner.close()
    owner.close()
    assert gpus[0].closed
    assert runner._execution is None
    with pytest.raises(BackendUnavailable, match="closed"):
        runner.run({"x": pictures(1)})


def test_work_handed_in_before_closing_is_finished() -> None:
    owner, entered, go, found = Owner(HostGpu), threading.Event(), threading.Event(), []

    def slow(_gpu: Any) -> str:
        entered.set()
        go.wait(10)
        return "done"

    asking = threading.Thread(target=lambda: found.append(owner.do(slow)))
    asking.start()
    entered.wait(10)
    closing = threading.Thread(target=owner.close)
    closing.start()
    go.set()
    asking.join()
    closing.join()
    assert found == ["done"]


@pytest.mark.parametrize(
    "use", [require_driver, lambda: open_runner(Path("m"), sha256="", backend="tensorrt")]
)
def test_without_a_driver_nothing_of_tensorrt_is_touched(use: Callable[[], object]) -> None:
    if Path("/dev/nvidiactl").exists() or Path("/dev/nvgpu").exists():
        pytest.skip("this machine has a GPU")
    with pytest.raises(BackendUnavailable, match="CUDA"):
        use()
