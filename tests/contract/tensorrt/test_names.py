"""Every name of TensorRT that the backend uses exists in the real bindings, old and new."""

import ast
import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from tests.support.tensorrt_stand_in import VERSIONS, recorded, signature

from ioc_edge.backends import tensorrt

HERE = Path(__file__).parent
# Which of TensorRT's classes each name in our source is an object of.
OBJECTS = {
    "builder": "Builder",
    "network": "INetworkDefinition",
    "tensor": "ITensor",
    "parser": "OnnxParser",
    "config": "IBuilderConfig",
    "profile": "IOptimizationProfile",
    "measured": "ITimingCache",
    "self._runtime": "Runtime",
    "self._engine": "ICudaEngine",
    "self._execution": "IExecutionContext",
}
MODULES = {"trt", "self._trt"}
# Gone by 11.4: whoever reaches for one of these has written for one version alone.
GONE = {
    *("FP16", "INT8", "BF16", "FP8", "OBEY_PRECISION_CONSTRAINTS", "EXPLICIT_BATCH"),
    *("platform_has_fast_fp16", "device_memory_size", "int8_calibrator", "execute_async_v2"),
    *("num_bindings", "max_batch_size", "build_cuda_engine"),
}


def source() -> ast.Module:
    return ast.parse(inspect.getsource(tensorrt))


def used() -> Iterator[tuple[str, str]]:
    """Class and member of every name that the backend uses."""
    for node in ast.walk(source()):
        if isinstance(node, ast.Attribute):
            yield from named(node)


def named(node: ast.Attribute) -> Iterator[tuple[str, str]]:
    held = ast.unparse(node.value)
    if held in OBJECTS:
        yield OBJECTS[held], node.attr
    elif held in MODULES:
        yield "", node.attr
    elif isinstance(node.value, ast.Attribute) and ast.unparse(node.value.value) in MODULES:
        yield node.value.attr, node.attr


def test_the_walk_sees_what_the_backend_is_known_to_use() -> None:
    assert {
        ("", "Builder"),
        ("Logger", "WARNING"),
        ("NetworkDefinitionCreationFlag", "STRONGLY_TYPED"),
        ("IExecutionContext", "execute_async_v3"),
        ("IBuilderConfig", "set_timing_cache"),
        ("ICudaEngine", "num_io_tensors"),
    } <= set(used())


@pytest.mark.parametrize("version", VERSIONS)
def test_every_name_exists(version: str) -> None:
    api = recorded(version)
    missing = [
        f"{owner or 'tensorrt'}.{member}"
        for owner, member in sorted(set(used()))
        if member not in (api[owner] if owner else api.keys() | api[""].keys())
    ]
    assert missing == []


@pytest.mark.parametrize("version", VERSIONS)
def test_every_call_fits_a_signature(version: str) -> None:
    api, unfit = recorded(version), []
    for node in ast.walk(source()):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            unfit += [
                f"{owner}.{member} in line {node.lineno}"
                for owner, member in named(node.func)
                if not fits(api, owner, member, node)
            ]
    assert unfit == []


def fits(api: dict[str, dict[str, list[str]]], owner: str, member: str, call: ast.Call) -> bool:
    """Whether one of the recorded signatures takes the call's arguments."""
    texts = api[owner][member] if owner else api[member]["__init__"]
    given = (None, *call.args)
    names = {str(keyword.arg): None for keyword in call.keywords}
    for text in texts:
        try:
            signature(text).bind(*given, **names)
        except TypeError:
            continue
        return True
    return False


def test_nothing_that_11_took_away_is_named() -> None:
    names = {node.attr for node in ast.walk(source()) if isinstance(node, ast.Attribute)}
    assert names & GONE == set()


def test_what_11_took_away_is_in_the_records_of_10_alone() -> None:
    old, new = recorded("10.3"), recorded("11.4")
    assert {"FP16", "INT8"} <= old["BuilderFlag"].keys() - new["BuilderFlag"].keys()
    assert "EXPLICIT_BATCH" not in new["NetworkDefinitionCreationFlag"]


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
def test_the_records_are_what_the_real_bindings_say(version: str, recorder: ModuleType) -> None:
    kept = (HERE / f"api-{version}.json").read_text(encoding="utf-8")
    requirement = json.loads(kept)["from"]
    assert requirement == recorder.VERSIONS[version]
    try:
        found = recorder.record(requirement)
    except recorder.CannotRecord as reason:
        pytest.skip(f"the real bindings cannot be looked at here: {reason}")
    assert recorder.as_text(requirement, found) == kept


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(HERE))
    monkeypatch.delitem(sys.modules, "record", raising=False)
    import record  # type: ignore[import-not-found]  # noqa: PLC0415 a script beside this test

    return record
