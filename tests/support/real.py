"""Real pictures, which the project may not ship: who has them names their folder."""

import os
from pathlib import Path

import pytest


def folder(*parts: str) -> Path | None:
    """A folder of the real pictures; None where they are not at hand."""
    named = os.environ.get("IOC_REAL_DATA")
    found = Path(named, *parts) if named else None
    return found if found is not None and found.is_dir() else None


def needed(*parts: str) -> Path:
    """The same for a test that cannot be without."""
    found = folder(*parts)
    if found is None:
        pytest.skip(
            "real pictures may not be shipped: set IOC_REAL_DATA to a folder that holds "
            + ("/".join(parts) or "them")
        )
    return found
