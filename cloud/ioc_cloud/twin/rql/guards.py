"""How a caller's rights enter a query: every leaf asks before it looks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ioc_cloud.twin.pointer import Path

Params = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class FeatureRule:
    """For `features/*/...`: which features may be looked at, under which condition.

    Attributes:
        sql: Condition on the thing `t`, such as `t.policy_id = any(%(pol3)s)`.
        ids: Ids of features.
        all_but: False: these features alone. True: every feature except these.
        params: What `sql` binds.
    """

    sql: str
    ids: frozenset[str] = frozenset()
    all_but: bool = True
    params: Params = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Guard:
    """Where a leaf may look; where it may not, the leaf does not hold.

    Attributes:
        sql: Condition on the thing `t`; `true` where everybody may look. It stands beside
            the leaf (`leaf and sql`), also below a `not`: a query of negations alone still
            needs a condition around it that hides whole things.
        params: What `sql` binds. Names beginning with `q_` and `after_` are taken.
        features: Asked for `features/*/...` alone: a feature may be looked at when any of
            these rules lets it. None: every feature of a thing for which `sql` holds.
    """

    sql: str = "true"
    params: Params = field(default_factory=dict)
    features: tuple[FeatureRule, ...] | None = None


class LeafGuard(Protocol):
    """The caller's rights, compiled by whoever knows policies."""

    def guard(self, path: Path) -> Guard:
        """What READ on `path` depends on.

        Args:
            path: As `("attributes", "geo", "lat")`, `("features", "*", "properties", "on")`,
                `("features", "lamp")`, `("thingId",)`, `("_revision",)`,
                `("_metadata", "attributes", "x")`. `features` of the answer is read for
                `("features", "*", ...)` alone.
        """


class Everything:
    """No limits: for the system's own questions."""

    def guard(self, path: Path) -> Guard:  # noqa: ARG002 the same for all
        """Always true."""
        return Guard()
