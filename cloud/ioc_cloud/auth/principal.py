"""Who asks, and what they may do."""

from dataclasses import dataclass

from ioc_cloud.auth.scopes import ALL_FEEDS, FEEDS_STEWARD
from ioc_cloud.errors import NotAllowed


@dataclass(frozen=True, slots=True)
class Principal:
    """A signed-in user or the holder of a key.

    Attributes:
        box: The box that the key belongs to, for keys of boxes.
        roles: What they are to the province; the twin's policies speak of roles.
        feeds: The feeds that they answer for; `*` is every one.
    """

    name: str
    scopes: frozenset[str]
    box: str | None = None
    roles: frozenset[str] = frozenset()
    feeds: frozenset[str] = frozenset()

    def may(self, scope: str) -> bool:
        """Whether the scope is theirs."""
        return scope in self.scopes

    def must(self, *any_of: str) -> None:
        """See that one of the scopes is theirs.

        Raises:
            NotAllowed: None is.
        """
        if self.scopes.isdisjoint(any_of):
            raise NotAllowed(f"needs {' / '.join(any_of)}")

    def answers_for(self, feed: str) -> bool:
        """Whether a feed is theirs."""
        return not self.feeds.isdisjoint({feed, ALL_FEEDS}) or FEEDS_STEWARD in self.scopes
