"""A clause is data with a date; what is not known of it stays empty."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc_models.scene import VIETNAM
from ioc_models.violations import RULES
from ioc_models.violations.law import clause, speed_act

BEFORE = datetime(2026, 8, 14, 23, 59, tzinfo=VIETNAM)
AFTER = datetime(2026, 8, 15, tzinfo=VIETNAM)


def test_the_amendment_begins_at_midnight_in_viet_nam() -> None:
    old = clause("red_light", "car", BEFORE.astimezone(timezone.utc))
    new = clause("red_light", "car", AFTER.astimezone(timezone.utc))

    assert old is not None
    assert new is not None
    assert (old.version, old.fine_vnd, old.points) == (
        "168/2024/NĐ-CP", (18_000_000, 20_000_000), 4,
    )  # fmt: skip
    assert "238/2026" in new.version
    assert new.fine_vnd is None
    assert new.points is None
    assert new.note


def test_before_the_decree_there_is_no_clause() -> None:
    assert clause("red_light", "car", datetime(2024, 12, 31, tzinfo=VIETNAM)) is None


def test_a_bicycle_is_judged_by_neither_article() -> None:
    assert clause("red_light", "bicycle", BEFORE) is None


def test_only_motorbikes_need_helmets() -> None:
    assert clause("helmet_driver", "car", BEFORE) is None
    assert clause("helmet_driver", "motorbike", BEFORE) is not None


@pytest.mark.parametrize(
    ("excess", "label", "act"),
    [
        (4.99, "car", None), (5.0, "car", "speed_5"), (9.99, "car", "speed_5"),
        (10.0, "car", "speed_10"), (20.0, "car", "speed_10"), (20.01, "car", "speed_20"),
        (35.0, "car", "speed_20"), (35.01, "car", "speed_35"), (60.0, "motorbike", "speed_20"),
        (20.0, "motorbike", "speed_10"),
    ],
)  # fmt: skip
def test_speed_classes_have_the_decrees_edges(excess: float, label: str, act: str | None) -> None:
    assert speed_act(excess, label) == act


@given(excess=st.floats(5, 120), label=st.sampled_from(("car", "truck", "motorbike")))
def test_every_speed_class_has_a_clause(excess: float, label: str) -> None:
    act = speed_act(excess, label)

    assert act is not None
    assert clause(act, label, BEFORE) is not None


@given(days=st.integers(0, 3000))
def test_some_text_is_in_force_on_every_day_since_2025(days: int) -> None:
    at = datetime(2025, 1, 1, tzinfo=VIETNAM) + timedelta(days=days)

    assert clause("stop_line", "motorbike", at) is not None


def test_the_rules_are_the_nine_that_were_asked_for() -> None:
    assert set(RULES) == {
        "red_light", "stop_line", "wrong_way", "wrong_lane", "forbidden",
        "stopping", "helmet", "passengers", "speeding",
    }  # fmt: skip
