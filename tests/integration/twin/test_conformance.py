"""Outside judges: Ditto's own OpenAPI through schemathesis, and somebody else's client.

Ditto's files are not part of this repository; `IOC_DITTO_REFERENCE` names their folder.
"""

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import schemathesis
import yaml
from ditto_client import BasicAuthProvider
from ditto_client.generated.api.two.search.things.things_request_builder import (
    ThingsRequestBuilder,
)
from ditto_client.generated.ditto_client import DittoClient
from ditto_client.generated.models.new_thing import NewThing
from ditto_client.generated.models.patch_thing import PatchThing
from hypothesis import HealthCheck, given, settings
from kiota_abstractions.api_error import APIError
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_http.httpx_request_adapter import HttpxRequestAdapter
from kiota_http.kiota_client_factory import KiotaClientFactory
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import status_code_conformance
from tests.support.api import Api
from tests.support.ditto_judge import reference

# What GET /api/ioc/capabilities names as left out.
OUTSIDE = (
    "/connections", "/cloudevents", "/devops", "/.well-known", "/migrateDefinition", "/actions/",
    "/allowedAdditions", "/transitiveImports", "/references", "/imports/{importedPolicyId}/entries",
)  # fmt: skip
EXAMPLES = 10
# Examples of the document that make things and policies to ask about.
SAMPLES = {
    "thingId": "org.x:lamp", "policyId": "org.x:lamp", "featureId": "light", "label": "DEFAULT",
    "attributePath": "maker", "propertyPath": "on", "subjectId": "nginx:an",
    "resourcePath": "thing:/", "messageSubject": "ask", "importedPolicyId": "org.x:other",
}  # fmt: skip


def profile() -> dict[str, Any]:
    """The reference's document, restricted to the profile."""
    folder = reference()
    if folder is None:
        pytest.skip("Ditto's OpenAPI is not at hand: IOC_DITTO_REFERENCE names its folder")
    document: dict[str, Any] = yaml.safe_load((folder / "ditto-api-2.yml").read_text("utf-8"))
    document["paths"] = {
        path: operations
        for path, operations in document["paths"].items()
        if not any(part in path for part in OUTSIDE)
    }
    for path, operations in document["paths"].items():
        for method in operations.keys() & {"get", "put", "post", "patch", "delete"}:
            _complete(path, method, operations[method])
    return document


def _complete(path: str, method: str, operation: dict[str, Any]) -> None:
    """Statuses that Ditto's text documents and its `responses` leave out."""
    responses = operation["responses"]
    # A live channel needs somebody who answers: test_websocket is there for it.
    operation["parameters"] = [
        one
        for one in operation.get("parameters", ())
        if "channel" not in str(one.get("$ref", one.get("name", ""))).lower()
    ]
    names = {
        str(one.get("$ref", one.get("name", ""))).lower() for one in operation.get("parameters", ())
    }
    if any("responserequired" in name.replace("-", "") for name in names):
        responses.setdefault("202", {"description": "response-required=false"})
    if "messages" in path:
        # "The response's status code is the one that the responder chose", 10 s at the most.
        responses.setdefault("408", {"description": "nobody answered"})
    if method in {"put", "post", "patch"} and "requestBody" in operation:
        responses.setdefault("413", {"description": "too large"})


def test_no_request_of_dittos_document_gets_a_fault_or_an_undocumented_status(
    an: httpx.Client, api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    document = profile()
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=api.url)
    assert isinstance(an.auth, httpx.BasicAuth)
    seen: Counter[tuple[str, int]] = Counter()
    operations = requests = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        operations += 1
        an.put("/things/org.x:lamp", json={
            "attributes": {"maker": "x"}, "features": {"light": {"properties": {"on": True}}},
            "policyId": "org.x:lamp",
        } if an.get("/policies/org.x:lamp").status_code == 200 else {
            "attributes": {"maker": "x"}, "features": {"light": {"properties": {"on": True}}},
        })  # fmt: skip
        an.put("/policies/org.x:other", json=an.get("/policies/org.x:lamp").json()
               | {"policyId": "org.x:other"})  # fmt: skip

        @settings(
            max_examples=EXAMPLES, deadline=None, database=None, derandomize=True,
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            nonlocal requests
            requests += 1
            if requests % 2:
                # Every other request is a plain one about something that exists.
                known = {name: SAMPLES[name] for name in case.path_parameters or {}}
                case.path_parameters, case.headers, case.query = known, {}, {}
            if "messages" in case.path or "claim" in case.path:
                # Nobody answers here; ten seconds each are not needed to see it.
                case.query = {**(case.query or {}), "timeout": "20ms"}
            headers = {"Authorization": an.headers.get("authorization", _basic(an))}
            answer = case.call_and_validate(
                headers=headers, checks=[not_a_server_error, status_code_conformance]
            )
            seen[f"{case.method} {case.path}", answer.status_code] += 1

        ask()
    statuses = Counter(status for (_, status), n in seen.items() for _ in range(n))
    with capsys.disabled():
        shares = ", ".join(f"{status}: {n}" for status, n in sorted(statuses.items()))
        print(f"\nschemathesis on Ditto's OpenAPI: {operations} operations,"
              f" {sum(statuses.values())} requests ({shares}), no fault")  # fmt: skip
    assert operations > 80
    assert {200, 201, 204, 404} <= statuses.keys()


def _basic(client: httpx.Client) -> str:
    request = next(client.auth.sync_auth_flow(httpx.Request("GET", client.base_url)))  # type: ignore[union-attr]
    return str(request.headers["authorization"])


def test_a_client_that_others_wrote_creates_reads_merges_searches_and_deletes(
    an: httpx.Client, api: Api
) -> None:
    """PyPI's ditto-client, generated from Ditto's document."""
    assert an
    # In a thread of its own: a browser of other tests keeps a loop running in this one.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, _drive_at(api.url)).result()


async def _drive_at(url: str) -> None:
    async with KiotaClientFactory.create_with_default_middleware() as line:
        adapter = HttpxRequestAdapter(BasicAuthProvider("an", "mat-khau-cua-an"), http_client=line)
        adapter.base_url = url
        await _drive(DittoClient(adapter))


async def _drive(client: DittoClient) -> None:
    things = client.api.two.things
    lamp = things.by_thing_id("org.x:lamp")

    await lamp.put(body=NewThing(additional_data={"attributes": {"maker": "Đèn Việt"}}))
    await lamp.patch(body=PatchThing(additional_data={"attributes": {"room": 7}}))
    read = await lamp.get()
    assert read is not None
    assert read.thing_id == "org.x:lamp"
    assert read.attributes is not None
    assert read.attributes.additional_data == {"maker": "Đèn Việt", "room": 7}

    query = ThingsRequestBuilder.ThingsRequestBuilderGetQueryParameters()
    query.filter, query.option = "eq(attributes/room,7)", "size(5),sort(+thingId)"
    search = client.api.two.search.things
    found = await search.get(RequestConfiguration(query_parameters=query))
    assert found is not None
    assert [thing.thing_id for thing in found.items or []] == ["org.x:lamp"]
    assert await search.count.get() == 1

    await lamp.delete()
    with pytest.raises(APIError) as gone:
        await lamp.get()
    assert gone.value.response_status_code == 404
