"""The OpenAPI document is complete, and the API keeps to it whatever it is asked."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.support.api import Api
from tests.support.events import BoxSim
from tests.support.stored import put_in

from ioc_cloud.app import create_app
from ioc_cloud.auth import keys
from ioc_cloud.db.pool import Connection
from ioc_cloud.settings import Settings

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


SCOPES = [
    "events:read", "evidence:read", "wall:read", "status:read", "evidence:write",
    "feeds:read", "feeds:write", "feeds:steward", "alerts",
]  # fmt: skip


def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("openapi")
    return create_app(Settings(home=folder)).openapi()


@pytest.fixture(scope="module")
def openapi(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return document(tmp_path_factory)


def test_every_operation_says_what_it_does_in_vietnamese_and_english(
    openapi: dict[str, Any],
) -> None:
    for path, operations in openapi["paths"].items():
        for method, operation in operations.items():
            assert " / " in operation["summary"], (method, path)
            assert operation["description"], (method, path)
            assert operation["tags"], (method, path)
            errors = {status for status in operation["responses"] if status >= "400"}
            assert errors, (method, path)


def test_the_page_for_people_lists_every_operation_and_loads_nothing(
    openapi: dict[str, Any], api: Api
) -> None:
    answer = api.client().get("/api/docs")
    assert all(path in answer.text for path in openapi["paths"])
    assert "<script" not in answer.text
    assert "//" not in answer.text.replace("http://", "").partition("<h2>")[0]


def test_what_clients_build_on_has_examples(openapi: dict[str, Any]) -> None:
    for name in ("EventOut", "CameraOut", "WhoAmI", "SignIn"):
        assert openapi["components"]["schemas"][name]["examples"], name


def test_the_api_keeps_to_its_document(
    openapi: dict[str, Any], owner: Connection, api: Api
) -> None:
    """Generated requests; without the live line, which never ends, and without health.

    No broker runs here, and health says so with a 503.
    """
    sim = BoxSim()
    put_in(owner, sim.event(), sim.event("station", data={"values": {"level_m": 1.0}}))
    token = keys.create(owner, "fuzz", SCOPES, "box-01", roles=["steward"], feeds=["*"])
    headers = {"Authorization": f"Bearer {token}"}
    schema = schemathesis.openapi.from_dict(openapi).exclude(path=["/api/stream", "/api/health"])
    schema.config.update(base_url=api.url)
    for result in schema.get_all_operations():
        operation = result.ok()

        @settings(
            max_examples=10, deadline=None, database=None, suppress_health_check=list(HealthCheck)
        )
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            case.call_and_validate(headers=headers, checks=CHECKS)

        ask()
