"""Rules on staged situations: `python -m tests.bench vision.violations`, or this file itself.

Track level: the renderer's truth as boxes with a detector's measured errors, through the real
tracker and the rules. Pixels (`--pixels N`): rendered, encoded, decoded, found by the real
detector; helmets and lights are then read by the product's own models where it has them.
"""

import argparse
import os
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from tests.bench.table import show
from tests.support.staged import RULE_OF, Outcome, casts, expected, run

from ioc_edge.scene.situations import SITUATIONS
from ioc_edge.scene.spec import View
from ioc_models.violations import RULES

POSITIVES, NEGATIVES, SEED = 50, 200, 20_000
# Heads and plates are judged near the lens, everything else where the road is seen at length.
NEAR = frozenset({"helmet", "passengers"})
Job = tuple[list[str], int, bool, View]


@dataclass
class Tally:
    """Of one rule."""

    broken: int = 0
    told: int = 0
    tempting: int = 0
    false: int = 0
    twice: int = 0
    missed: Counter[str] = field(default_factory=Counter)
    falsely: list[str] = field(default_factory=list)

    @property
    def precision(self) -> float:
        return self.told / max(1, self.told + self.false)

    @property
    def recall(self) -> float:
        return self.told / max(1, self.broken)


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of 50 and 200 per rule")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--pixels", type=int, default=0, help="clips per rule through pixels")
    chosen = parser.parse_args(list(arguments))
    began = time.monotonic()
    work = jobs(chosen.share, chosen.seed)
    with ProcessPoolExecutor(chosen.workers) as pool:
        outcomes = list(pool.map(_one, work, chunksize=4))
    table(
        f"violations, TRACK LEVEL: {sum(len(job[0]) for job in work)} situations in {len(work)} "
        f"clips, {time.monotonic() - began:.0f} s",
        tally(outcomes),
    )
    speeds(outcomes)
    if chosen.pixels:
        from tests.bench.vision.violations_pixels import pixels  # noqa: PLC0415 needs the models

        pixels(chosen.pixels, chosen.seed)


def jobs(share: float, seed: int) -> list[Job]:
    """Clips of a few situations each; the hour decides whether lorries are banned."""
    rng = np.random.default_rng(seed)
    names = [name for name, count in quotas(share).items() for _ in range(count) if name != "lorry"]
    rng.shuffle(names)
    near = [name for name in names if rule_of(name) in NEAR]
    far = [name for name in names if rule_of(name) not in NEAR]
    half = len(far) // 2
    lorries = ["lorry"] * int(np.ceil(POSITIVES * share))
    banned, free = casts(far[:half] + lorries, rng), casts(far[half:] + lorries, rng)
    work: list[tuple[list[str], bool, View]] = [(clip, True, "approach") for clip in banned]
    work += [(clip, False, "approach") for clip in free]
    work += [(clip, False, "junction") for clip in casts(near, rng)]
    return [(clip, seed + at, hours, view) for at, (clip, hours, view) in enumerate(work)]


def rule_of(name: str) -> str:
    """The rule that a situation is about."""
    rule = SITUATIONS[name].rule
    return RULE_OF.get(rule, rule)


def quotas(share: float) -> dict[str, int]:
    """How often each situation is staged: 50 broken and 200 tempting for each rule."""
    wanted = {}
    for name, situation in SITUATIONS.items():
        alike = [
            each
            for each in SITUATIONS.values()
            if (each.rule, each.broken) == (situation.rule, situation.broken)
        ]
        whole = POSITIVES if situation.broken else NEGATIVES
        if situation.rule == "forbidden" and not situation.broken:
            whole = whole * 3 // 4  # a lorry out of hours is the fourth quarter
        wanted[name] = int(np.ceil(whole * share / len(alike)))
    return wanted


def _one(job: Job) -> Outcome:
    names, seed, banned, view = job
    return run(names, seed, banned=banned, view=view)


def tally(outcomes: Sequence[Outcome]) -> dict[str, Tally]:
    """What was told of what was staged, by rule; anything else that was told is false."""
    rules = {rule: Tally() for rule in RULES}
    for outcome in outcomes:
        wanted = expected(outcome)
        told = Counter((owner, rule) for rule, owner, _, _ in outcome.found)
        for (track, rule), broken in wanted.items():
            known, act = rules[rule], outcome.staged[track]
            known.broken += broken
            known.tempting += not broken
            if broken and told[track, rule]:
                known.told += 1
            elif broken:
                known.missed[act] += 1
        for (owner, rule), count in told.items():
            known = rules[rule]
            known.twice += count - 1
            lorry = rule == "forbidden" and outcome.banned and owner in outcome.lorries
            if not wanted.get((owner, rule)) and not lorry:
                known.false += 1
                act = outcome.staged.get(owner, "passing traffic")
                measured = next(f[3].measured for f in outcome.found if f[:2] == (rule, owner))
                known.falsely.append(f"{act} in clip {outcome.seed}: {measured}")
    return rules


def table(title: str, rules: dict[str, Tally]) -> None:
    rows = [
        (
            rule, known.broken, known.told, known.tempting, known.false, known.twice,
            f"{known.precision:.3f}", f"{known.recall:.3f}",
            ", ".join(f"{name} {count}" for name, count in known.missed.most_common(3)) or "-",
        )
        for rule, known in rules.items()
    ]  # fmt: skip
    heads = (
        "rule",
        "broken",
        "told",
        "tempting",
        "false",
        "twice",
        "precision",
        "recall",
        "missed",
    )
    goal = ("goal", ">=50", "", ">=200", "0", "0", "1.000", ">=0.950", "")
    show(title, heads, [goal, *rows])
    for rule, known in rules.items():
        if known.falsely:
            print(f"  {rule} falsely told of: {known.falsely}")


def speeds(outcomes: Sequence[Outcome]) -> None:
    """Error of all measured speeds, told or not, by speed."""
    measured = np.array([each for outcome in outcomes for each in outcome.speeds])
    rows = []
    for low, high in ((15, 40), (40, 60), (60, 80), (80, 101)):
        some = measured[(measured[:, 0] >= low) & (measured[:, 0] < high)] if len(measured) else []
        if len(some):
            off = np.abs(some[:, 1])
            rows.append(
                (
                    f"{low}-{high} km/h", len(some), f"{off.mean():.2f}",
                    f"{np.quantile(off, 0.95):.2f}", f"{off.max():.2f}", f"{some[:, 2].mean():.2f}",
                    f"{np.mean(off <= some[:, 2]):.3f}", f"{np.mean(off <= 3):.3f}",
                )
            )  # fmt: skip
    heads = ("speed", "n", "mean error", "p95", "worst", "error bar", "inside bar", "within 3 km/h")
    show("speeds at track level, km/h (goal: error <= 3 up to 100)", heads, rows)


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
