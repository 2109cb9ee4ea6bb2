"""The tracking scores that the benchmark prints are those of py-motmetrics."""

import numpy as np
import pytest
from tests.support.mot import Accumulator, Rect, Scores, read_mot15, scored, together
from tests.support.real import needed

EXACT = 1e-9
# As py-motmetrics 1.4.0 counts the same files (numpy 1.26), truth read with confidence 1.
TUD_CAMPUS = {
    "idf1": 0.5576592082616179,
    "idp": 0.7297297297297297,
    "idr": 0.45125348189415043,
    "mota": 0.5264623955431755,
    "motp": 0.2772010846394618,
    "precision": 0.9414414414414415,
    "recall": 0.5821727019498607,
    "objects": 359,
    "misses": 150,
    "false_positives": 13,
    "switches": 7,
    "fragmentations": 7,
    "idtp": 162,
}
# The same of the made-up clips below, by seed.
MADE_UP: dict[int, dict[str, float]] = {
    1: {
        "idf1": 0.3342776203966006,
        "mota": 0.39459459459459456,
        "precision": 0.7797619047619048,
        "recall": 0.7081081081081081,
        "switches": 21.0,
        "fragmentations": 34.0,
        "idtp": 59.0,
    },
    2: {
        "idf1": 0.3485838779956427,
        "mota": 0.34538152610441764,
        "precision": 0.7714285714285715,
        "recall": 0.6506024096385542,
        "switches": 28.0,
        "fragmentations": 45.0,
        "idtp": 80.0,
    },
    3: {
        "idf1": 0.32548179871520344,
        "mota": 0.35856573705179284,
        "precision": 0.8009259259259259,
        "recall": 0.6892430278884463,
        "switches": 40.0,
        "fragmentations": 48.0,
        "idtp": 76.0,
    },
    4: {
        "idf1": 0.2537634408602151,
        "mota": 0.29083665338645415,
        "precision": 0.7570093457943925,
        "recall": 0.6454183266932271,
        "switches": 37.0,
        "fragmentations": 59.0,
        "idtp": 59.0,
    },
}


def square(x: float, y: float = 0.0) -> Rect:
    return (x, y, x + 50, y + 50)


def made_up(seed: int) -> Scores:
    """Things that drift, are missed, change and swap their ids, and ghosts among them."""
    dice, accumulator = np.random.default_rng(seed), Accumulator()
    count = int(dice.integers(2, 9))
    place, speed = dice.uniform(0, 150, (count, 2)), dice.normal(0, 6, (count, 2))
    called, fresh = list(range(count)), 100
    for _ in range(40):
        place = place + speed
        objects = {i: square(*place[i]) for i in range(count) if dice.random() > 0.1}
        guesses = {}
        for i in objects:
            if dice.random() < 0.08:
                called[i], fresh = fresh, fresh + 1
            if dice.random() < 0.05:
                j = int(dice.integers(count))
                called[i], called[j] = called[j], called[i]
            if dice.random() > 0.15:
                guesses[called[i]] = square(*(place[i] + dice.normal(0, 8, 2)))
        if dice.random() < 0.2:
            guesses[999] = square(10, 10)
        accumulator.add(objects, guesses)
    return accumulator.scores


def test_a_perfect_tracker_scores_one() -> None:
    clip = {frame: {1: square(10 * frame), 2: square(10 * frame, 200)} for frame in range(9)}
    found = scored(clip, clip)
    assert (found.idf1, found.mota, found.motp, found.switches) == (1, 1, 0, 0)


def test_a_path_in_two_halves_counts_for_its_longer_half() -> None:
    truth = {frame: {1: square(0)} for frame in range(10)}
    guessed = {frame: {7 if frame < 6 else 8: square(0)} for frame in range(10)}
    found = scored(truth, guessed)
    assert (found.idtp, found.idf1, found.switches, found.mota) == (6, 0.6, 1, 0.9)


def test_a_box_that_hardly_touches_is_no_match() -> None:
    found = scored({1: {1: square(0)}}, {1: {1: square(26)}})
    assert (found.misses, found.false_positives, found.idf1) == (1, 1, 0)


def test_a_lost_middle_is_one_fragmentation() -> None:
    truth = {frame: {1: square(0)} for frame in range(6)}
    guessed = {frame: {1: square(0)} for frame in (1, 4)}
    found = scored(truth, guessed)
    assert (found.fragmentations, found.misses, found.switches) == (1, 4, 0)


def test_nothing_guessed_is_all_missed() -> None:
    found = scored({1: {1: square(0)}}, {})
    assert (found.idf1, found.mota, found.misses) == (0, 0, 1)


def test_clips_add_up() -> None:
    one, other = made_up(1), made_up(2)
    both = together([one, other])
    assert both.objects == one.objects + other.objects
    assert both.idtp == one.idtp + other.idtp


@pytest.mark.parametrize("seed", sorted(MADE_UP))
def test_made_up_clips_score_as_motmetrics_says(seed: int) -> None:
    found = made_up(seed)
    for name, value in MADE_UP[seed].items():
        assert getattr(found, name) == pytest.approx(value, abs=EXACT), name


def test_real_pedestrians_score_as_motmetrics_says() -> None:
    clip = needed("mot", "TUD-Campus")
    found = scored(read_mot15(clip / "gt.txt", least=1), read_mot15(clip / "test.txt"))
    for name, value in TUD_CAMPUS.items():
        assert getattr(found, name) == pytest.approx(value, abs=EXACT), name
