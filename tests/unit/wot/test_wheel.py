"""What is installed from a wheel finds its models and policies."""

import subprocess
import sys
import zipfile
from pathlib import Path

TWIN_MODELS = Path(__file__).resolve().parents[3] / "twin_models"
COUNT = """
from ioc_models.things import policies
from ioc_models.wot import Catalogue
import ioc_models
print(ioc_models.__file__, len(Catalogue().paths()), len(policies()))
"""


def test_a_wheel_carries_the_models_and_the_policies(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=TWIN_MODELS, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    done = subprocess.run(
        [sys.executable, "-c", COUNT],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "site")},
        check=True,
        capture_output=True,
        text=True,
    )
    file, models, policies = done.stdout.split()
    assert file.startswith(str(tmp_path))
    assert int(models) == len(list((TWIN_MODELS / "wot").rglob("*.jsonld")))
    assert int(policies) == len(list((TWIN_MODELS / "policies").glob("*.json")))
