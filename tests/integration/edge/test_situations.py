"""Staged situations through tracker and rules: what breaks a rule is told, what tempts is not.

A small part of `tests.bench.vision.violations`, which has the figures.
"""

from collections import Counter

import pytest
from tests.support.staged import Noise, expected, run

CLEAR = Noise(hidden=0.0, double=0.0)
CLIPS = {
    "run_bike": ("run_bike", "waits_car", "hugs_middle"),
    "run_left": ("run_left", "right_turn", "tall_car"),
    "stops_over_bike": ("stops_over_bike", "amber", "lorry_across"),
    "against_bike": ("against_bike", "spill_back_car"),
    "bike_among_cars": ("bike_among_cars", "brakes_on_amber_bike"),
    "parks_bike": ("parks_bike", "backs_off"),
    "bare_driver": ("bare_driver", "ambulance"),
    "four_people": ("four_people", "touches_line_car"),
    "fast_bike": ("fast_bike", "amber_tail"),
}
# In the clip of seed 4 the rider's head is never near enough to be judged.
SEEDS = {"bare_driver": 5}


@pytest.mark.parametrize("broken", CLIPS)
def test_what_was_broken_is_told_once_and_nothing_else(broken: str) -> None:
    outcome = run(CLIPS[broken], SEEDS.get(broken, 4), noise=CLEAR)

    told = Counter((owner, rule) for rule, owner, _, _ in outcome.found)

    assert told == {key: 1 for key, is_broken in expected(outcome).items() if is_broken}


def test_a_lorry_is_told_of_within_the_hours_of_its_ban_alone() -> None:
    within = run(["lorry"], 4, banned=True, noise=CLEAR)
    after = run(["lorry"], 4, banned=False, noise=CLEAR)

    assert [found[0] for found in within.found if found[2] == "lorry"] == ["forbidden"]
    assert [found for found in after.found if found[2] == "lorry"] == []
