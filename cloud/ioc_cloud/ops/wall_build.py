"""Building the wall with the Node that came as a Python package."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from ioc_cloud.errors import CloudError
from ioc_cloud.ops.home import REPOSITORY

WALL = REPOSITORY / "maps" / "wall"
DIST = WALL / "dist"


class WallBuildFailed(CloudError):
    """The wall's page could not be built."""


def build() -> None:
    """Build the page unless the one there is of these sources.

    Raises:
        WallBuildFailed: With the builder's last words.
    """
    stamp = DIST / ".ioc-built"
    mark = _sources_mark()
    if stamp.exists() and stamp.read_text() == mark:
        return
    binaries = Path(sys.executable).parent
    done = subprocess.run(  # noqa: S603 our own build script
        [str(binaries / "npm"), "run", "--silent", "build"],
        cwd=WALL,
        env={**os.environ, "PATH": f"{binaries}:{os.environ.get('PATH', '')}"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise WallBuildFailed(f"maps/wall: {(done.stderr or done.stdout).strip()[-1500:]}")
    stamp.write_text(mark)


def _sources_mark() -> str:
    digest = hashlib.sha256()
    for folder, inside, names in os.walk(WALL):
        inside[:] = sorted(set(inside) - {"node_modules", "dist"})
        for path in sorted(Path(folder, name) for name in names):
            digest.update(str(path.relative_to(WALL)).encode() + path.read_bytes())
    return digest.hexdigest()
