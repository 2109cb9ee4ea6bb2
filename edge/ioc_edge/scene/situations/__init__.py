"""Situations to stage by name: what breaks a rule, and what only looks as if it did.

The clip's signals turn yellow after about 2 s, red after 5 s, green after 17 s.
"""

from ioc_edge.scene.situations import line, riders, road
from ioc_edge.scene.situations.stage import SITUATIONS, Part, Situation, Stage

__all__ = ["SITUATIONS", "Part", "Situation", "Stage", "line", "riders", "road", "stage"]


def stage(name: str, on: Stage) -> list[Part]:
    """The vehicles of a situation.

    Raises:
        KeyError: There is no such situation.
    """
    situation = SITUATIONS[name]
    parts = situation.build(on)
    leading = parts[0].rider
    leading.act = name
    if situation.broken:
        leading.staged = situation.rule
    return parts
