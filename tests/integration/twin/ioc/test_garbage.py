"""Whatever is asked of the extensions, they answer in Ditto's words and never with a 500."""

from collections.abc import Callable
from urllib.parse import quote, urlencode

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

Ask = Callable[..., httpx.Client]
PATHS = (
    "/api/ioc/things/geo", "/api/ioc/things/{}/relations", "/api/ioc/features", "/api/ioc/as-of",
    "/api/ioc/tiles/{}/{}/{}/{}.mvt", "/api/ioc/series/communes", "/api/2/timeseries/things",
    "/api/2/timeseries/things/{}", "/api/2/timeseries/things/{}/features/{}/properties/{}",
    "/api/ioc/things/{}", "/api/ioc/{}",
)  # fmt: skip
NAMES = (
    "within", "bbox", "near", "filter", "fields", "namespaces", "size", "cursor", "featureId",
    "definition", "direction", "depth", "time", "path", "paths", "from", "to", "step", "agg",
    "fill", "tz", "percentile", "limit", "order", "groupBy", "maxGroups", "boundaries",
    "timeFormat",
)  # fmt: skip
KNOWN = (
    "now", "now-1h", "now-1d", "2026-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "1h", "1d", "PT1H",
    "avg", "count", "stddev", "percentile", "derivative", "linear", "null", "UTC", "Asia/Kolkata",
    "1", "0", "-1", "50", "1e999", "nan", "104,8,106,10", "105,9,1000", "org.t", "org.t:a",
    "thingId", "attributes/a", "features/f/properties/p", "events/plate", "old", "desc", "both",
    "eq(attributes/a,1)", "not(exists(properties/x))", '{"type":"Polygon","coordinates":[]}',
    '{"type":"Polygon","coordinates":[[[1,2],[3,4],[5,1],[1,2]]]}', "things", "communes", "org:x:1",
)  # fmt: skip
WORDS = st.one_of(st.sampled_from(KNOWN), st.text(max_size=12), st.sampled_from("\0'%{}\\/ \ufffd"))
LAW = settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@LAW
@given(
    path=st.sampled_from(PATHS),
    parts=st.lists(WORDS, min_size=4, max_size=4),
    asked=st.dictionaries(st.sampled_from(NAMES), WORDS, max_size=6),
    range_given=st.booleans(),
)
def test_no_question_breaks_a_handler(
    ask: Ask, path: str, parts: list[str], asked: dict[str, str], *, range_given: bool
) -> None:
    if range_given:
        asked = {"from": "now-1d", "to": "now", "step": "1h", "agg": "avg"} | asked
    url = path.format(*(quote(part, safe="") for part in parts))
    answer = ask("an").get(f"{url}?{urlencode(asked, errors='surrogatepass')}")
    assert answer.status_code < 500 or answer.status_code == 501, (url, asked, answer.text)
    if answer.status_code >= 400:
        assert answer.json()["status"] == answer.status_code


@LAW
@given(body=st.one_of(st.binary(max_size=60), WORDS.map(str.encode)))
def test_no_body_breaks_a_handler(ask: Ask, body: bytes) -> None:
    for path, kind in (
        ("/api/ioc/things/geo", "application/geo+json"),
        ("/api/ioc/things/bulk", "application/x-ndjson"),
    ):
        answer = ask("an").post(path, content=body, headers={"Content-Type": kind})
        assert answer.status_code < 500, (path, body, answer.text)
