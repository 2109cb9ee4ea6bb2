"""The self-test tells a GPU that computes the same from one that does not."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from tests.support.tensorrt_stand_in import HostGpu, tensorrt

from ioc_edge import selftest
from ioc_edge.agreement import agreeing, drift
from ioc_edge.backends import Detection, Reading
from ioc_edge.backends.gpu import Owner
from ioc_edge.backends.manifest import Manifest
from ioc_edge.backends.runner import OrtRunner
from ioc_edge.backends.tensorrt import TensorRtRunner
from ioc_edge.errors import ConfigInvalid
from ioc_edge.scene.render import Scene
from ioc_edge.scene.spec import SceneSpec
from ioc_edge.selftest import Golden, Result, examined, manifests

MODELS = Path(selftest.__file__).parent.parent / "models"
DETECTOR = MODELS / "detector" / "model.yaml"


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return Manifest.load(DETECTOR)


@pytest.fixture(scope="module")
def street() -> list[Golden]:
    spec = SceneSpec(seed=8101, seconds=2, fps=1, tapered=False)
    return [Golden(image, truth.boxes) for image, truth in Scene(spec).frames()]


class Bent(OrtRunner):
    """A GPU whose arithmetic is off."""

    def __init__(self, weights: Path, bend: Callable[[Any], Any]) -> None:
        super().__init__(weights)
        self._bend = bend

    def run(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self._bend(array) for name, array in super().run(inputs).items()}


def test_the_shipped_detector_through_tensorrt_says_the_same(
    manifest: Manifest, street: list[Golden], tmp_path: Path
) -> None:
    owner = Owner(HostGpu)
    gpu = TensorRtRunner(
        manifest.weights, sha256=manifest.sha256, cache=tmp_path, owner=owner, trt=tensorrt("10.3")
    )
    result = examined(manifest, street, gpu=gpu)
    owner.close()
    assert result.agrees
    assert result.away < 1e-6
    same, things = result.same
    assert same == things > 4
    assert result.right > result.known / 2


@pytest.mark.parametrize(
    "bend",
    [
        lambda array: array * np.float32(1.2),
        lambda array: array * np.float32("nan"),
        lambda array: np.roll(array, 40, axis=-1),
        np.zeros_like,
    ],
)
def test_a_gpu_that_computes_something_else_is_told_apart(
    manifest: Manifest, street: list[Golden], bend: Callable[[Any], Any]
) -> None:
    assert not examined(manifest, street, gpu=Bent(manifest.weights, bend)).agrees


def test_rounding_is_no_disagreement(manifest: Manifest, street: list[Golden]) -> None:
    noise = np.random.default_rng(4)

    def rounded(array: Any) -> Any:
        return array * noise.normal(1, 5e-4, array.shape).astype(np.float32)

    result = examined(manifest, street, gpu=Bent(manifest.weights, rounded))
    assert result.agrees
    assert result.away > 1e-5


def test_without_a_gpu_there_is_nothing_to_disagree_with(
    manifest: Manifest, street: list[Golden]
) -> None:
    assert examined(manifest, street[:1]).agrees


def test_every_task_has_pictures(manifest: Manifest) -> None:
    short = tuple(spec.model_copy(update={"seconds": 0.5}) for spec in selftest.SCENES)
    heads = manifest.model_copy(update={"labels": ("helmet", "no_helmet")})
    others = [manifest.model_copy(update={"task": task}) for task in ("classifier", "lights")]
    for one in (manifest, heads, *others):
        shown = selftest.goldens(one, short)
        assert shown
        assert all(min(golden.picture.shape[:2]) > 4 for golden in shown)
    reader = manifest.model_copy(update={"task": "reader"})
    assert {golden.text for golden in selftest.goldens(reader, short)} - {None}


def box(x: float, confidence: float = 0.9, label: str = "car") -> Detection:
    return Detection((x, 0, x + 100, 100), label, confidence)


@pytest.mark.parametrize(
    ("ours", "theirs", "told"),
    [
        ([box(0)], [box(3)], (2, 2)),
        ([box(0)], [box(40)], (0, 2)),
        ([box(0)], [box(0, label="bus")], (0, 2)),
        ([box(0)], [box(0, 0.7)], (0, 2)),
        ([], [box(0)], (0, 1)),
        ([], [box(0, 0.38)], (0, 0)),
        ([], [], (0, 0)),
    ],
)
def test_boxes_are_the_same_thing_when_they_lie_on_each_other(
    manifest: Manifest, ours: list[Detection], theirs: list[Detection], told: tuple[int, int]
) -> None:
    assert agreeing(manifest, [ours], [theirs]) == told


def reading(text: str, margin: float = 0.9) -> Reading:
    return Reading(text, text, 0.9, (), 1, margin=margin)


@pytest.mark.parametrize(
    ("ours", "theirs", "told"),
    [
        (reading("69A12345"), reading("69A12345"), (2, 2)),
        (reading("69A12345"), reading("69A12346"), (0, 2)),
        (reading("69A12345"), None, (0, 1)),
        (reading("69A12345"), reading("69A12346", 0.02), (1, 1)),
        (None, None, (0, 0)),
    ],
)
def test_plates_are_the_same_when_their_texts_are(
    manifest: Manifest, ours: Reading | None, theirs: Reading | None, told: tuple[int, int]
) -> None:
    assert agreeing(manifest, [ours], [theirs]) == told


def test_classes_are_the_same_when_their_shares_are(manifest: Manifest) -> None:
    sure, other = {"red": 0.9, "green": 0.1}, {"red": 0.3, "green": 0.7}
    assert agreeing(manifest, [sure], [sure]) == (2, 2)
    assert agreeing(manifest, [sure], [other]) == (0, 2)


def test_drift_is_that_of_the_worst_output() -> None:
    base = {"a": np.arange(10.0), "b": np.arange(10.0)}
    moved = {"a": np.arange(10.0), "b": np.arange(10.0) + 1}
    assert drift([base], [base]) == 0
    assert drift([moved], [base]) == pytest.approx(1 / np.arange(10.0).std())


def settings_of(folder: Path) -> Path:
    """A box's configuration with the built-in models."""
    place = {"lon": 105.0, "lat": 9.0}
    box = {
        "schema": 1, "box": "box-1", "state_dir": "state", "reader": "ppocr",
        "broker": {"host": "localhost", "port": 1883, "username": "box-1", "password_file": "p"},
        "cameras": [{"id": "cam-1", "title_vi": "Một", "source": "a.mp4", "location": place}],
    }  # fmt: skip
    path = folder / "box.yaml"
    path.write_text(yaml.safe_dump(box))
    return path


def test_models_are_found_below_a_folder_and_in_a_configuration(tmp_path: Path) -> None:
    assert DETECTOR in manifests([MODELS])
    assert manifests([DETECTOR, DETECTOR]) == [DETECTOR]
    config = settings_of(tmp_path)
    found = manifests([config])
    assert DETECTOR in found
    assert MODELS / "lights" / "model.yaml" in found
    (tmp_path / "wrong.yaml").write_text("not: a box")
    for wrong in (tmp_path, tmp_path / "wrong.yaml", tmp_path / "absent.yaml"):
        with pytest.raises(ConfigInvalid):
            manifests([wrong])


def test_the_command_says_plainly_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    if Path("/dev/nvidiactl").exists() or Path("/dev/nvgpu").exists():
        pytest.skip("this machine has a GPU")
    assert selftest.main([str(DETECTOR), "--trt"]) == 3
    assert "no CUDA driver" in capsys.readouterr().err


def test_the_command_refuses_what_is_no_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert selftest.main([str(tmp_path)]) == 2
    assert "no model's YAML" in capsys.readouterr().err


def test_the_command_ends_badly_when_they_disagree(
    manifest: Manifest,
    street: list[Golden],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def bent(shown: Any, *_: Any, **__: Any) -> Result:
        return examined(shown, street[:1], gpu=Bent(manifest.weights, np.zeros_like))

    monkeypatch.setattr(selftest, "examined", bent)
    monkeypatch.setattr(selftest, "goldens", lambda _manifest: [])
    assert selftest.main([str(DETECTOR)]) == 1
    assert "WRONG" in capsys.readouterr().out
    assert "torch" not in sys.modules
