"""The policies that ship with the product: one per role of a thing, shared by many things.

They only grant. What roles may do adds up, and a revoke in one role would take from a
person what another of his roles gives him; `ioc:wall` above all, which anyone carries who
may look at a wall.
"""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from ioc_models.feeds import Classification, Contract

PUBLIC_INFRASTRUCTURE: Final = "vn.camau:public-infrastructure"
STATIONS: Final = "vn.camau:stations"
CAMERAS: Final = "vn.camau:cameras"
CAMERAS_RESTRICTED: Final = "vn.camau:cameras-restricted"
EDGE: Final = "vn.camau:edge"
DOMAINS: Final = "vn.camau:domains"
DOMAINS_RESTRICTED: Final = "vn.camau:domains-restricted"
DOMAIN_TRAFFIC: Final = "vn.camau:domain-traffic"
WALLS: Final = "vn.camau:walls"
VESSELS: Final = "vn.camau:vessels"
SANDBOX: Final = "vn.camau:sandbox"
# Its policy names the indicators that a wall may show, one by one.
_TRAFFIC: Final = "camera-giao-thong"
# In a wheel they lie inside the package, in a clone beside it.
_PLACES: Final = (
    Path(__file__).resolve().parent / "policies",
    Path(__file__).resolve().parents[2] / "policies",
)


@lru_cache(maxsize=1)
def _texts() -> dict[str, str]:
    folder = next(place for place in _PLACES if place.is_dir())
    texts = (path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.json")))
    return {json.loads(text)["policyId"]: text for text in texts}


def policies() -> dict[str, dict[str, Any]]:
    """Every policy of ours by its id, as Ditto's API takes it."""
    return {policy_id: json.loads(text) for policy_id, text in _texts().items()}


def of_domain(*feeds: Contract) -> str:
    """The policy of the domain's thing on which the figures of these feeds stand.

    One restricted indicator restricts them all, because a policy speaks of the whole thing.
    """
    if any(feed.domain == _TRAFFIC for feed in feeds):
        return DOMAIN_TRAFFIC
    restricted = any(
        feed.classification is Classification.RESTRICTED
        or any(one.restricted for one in feed.indicators)
        for feed in feeds
    )
    return DOMAINS_RESTRICTED if restricted else DOMAINS
