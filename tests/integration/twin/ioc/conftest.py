"""The extensions, served beside Ditto's API; policies, people and things to ask about."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from tests.support.api import Api

from ioc_cloud.auth import users

EXTRA = "truncate ts_dirty, commune_area, commune, event, rollup_event_hour, rollup_dirty cascade"
COMMUNITY = "select to_regprocedure('ioc_refresh_ts_job(int, jsonb)') is not null"
Ask = Callable[..., httpx.Client]


@pytest.fixture(autouse=True)
def _emptied_too(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "owner" in request.fixturenames:
        owner = request.getfixturevalue("owner")
        owner.execute(EXTRA)
        if owner.execute(COMMUNITY).fetchone() == (True,):
            owner.execute("call refresh_continuous_aggregate('ts_rollup_hour', null, null)")
        else:
            owner.execute("truncate ts_rollup_hour")


@pytest.fixture(scope="module")
def ask(api: Api) -> Ask:
    """A client of a person for any path of the server."""
    made: dict[str, httpx.Client] = {}

    def make(name: str = "an", *roles: str) -> httpx.Client:
        whole = "-".join([name, *roles])
        if whole not in made:
            password = f"mat-khau-cua-{whole}"
            users.create(api.owner, f"x-{whole}", password, ["twin"], roles=roles)
            client = httpx.Client(base_url=api.url, auth=(f"x-{whole}", password), timeout=60)
            made[whole] = api.clients.enter_context(client)
        return made[whole]

    return make


@pytest.fixture
def make(ask: Ask) -> Callable[..., None]:
    """Puts things under policies; each policy grants and revokes to named people."""

    def put(thing_id: str, thing: dict[str, Any], policy: str | None = None) -> None:
        body = thing if policy is None else thing | {"policyId": policy}
        answer = ask("owner").put(f"/api/2/things/{thing_id}", json=body)
        assert answer.status_code in {201, 204}, answer.text

    return put


@pytest.fixture
def policy(ask: Ask) -> Callable[..., str]:
    """Makes a policy under which `owner` may do everything and others what is given."""

    def put(policy_id: str, **others: dict[str, dict[str, list[str]]]) -> str:
        everything = {"grant": ["READ", "WRITE", "READ_TS"], "revoke": []}
        entries: dict[str, Any] = {
            "OWNER": {
                "subjects": {"nginx:x-owner": {"type": "user"}},
                "resources": {
                    f"{kind}:/": everything if kind == "thing" else
                    {"grant": ["READ", "WRITE"], "revoke": []}
                    for kind in ("thing", "policy", "message")
                },
            }
        }  # fmt: skip
        for name, resources in others.items():
            ask(name)
            entries[name.upper()] = {
                "subjects": {f"nginx:x-{name}": {"type": "user"}},
                "resources": {
                    f"thing:{path}": {"grant": [], "revoke": []} | effect
                    for path, effect in resources.items()
                },
            }
        answer = ask("owner").put(f"/api/2/policies/{policy_id}", content=json.dumps(
            {"policyId": policy_id, "entries": entries}),
            headers={"Content-Type": "application/json"})  # fmt: skip
        assert answer.status_code in {201, 204}, answer.text
        return policy_id

    return put
