"""The catalogue of feeds as DCAT-AP 3 in JSON-LD: what open-data portals harvest.

A feed is a series, each of its tables a dataset, each format a distribution of it.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ioc_cloud.db import feeds_export_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds import wording
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_models.feeds import Cadence, Contract, TableSpec, periods
from ioc_models.feeds.contract import Classification
from ioc_models.things.ids import PROVINCE_CODE

# The EU's authority tables, which DCAT-AP names as its vocabularies.
_AUTHORITY: Final = "http://publications.europa.eu/resource/authority"
FREQUENCY: Final[Mapping[Cadence, str]] = {
    Cadence.QUARTER_HOUR: "CONT",
    Cadence.HOUR: "HOURLY",
    Cadence.DAY: "DAILY",
    Cadence.WEEK: "WEEKLY",
    Cadence.MONTH: "MONTHLY",
    Cadence.QUARTER: "QUARTERLY",
    Cadence.YEAR: "ANNUAL",
}
RESOLUTION: Final[Mapping[Cadence, str]] = {
    Cadence.QUARTER_HOUR: "PT15M",
    Cadence.HOUR: "PT1H",
    Cadence.DAY: "P1D",
    Cadence.WEEK: "P7D",
    Cadence.MONTH: "P1M",
    Cadence.QUARTER: "P3M",
    Cadence.YEAR: "P1Y",
}
ACCESS: Final[Mapping[Classification, str]] = {
    Classification.OPEN: "PUBLIC",
    Classification.INTERNAL: "RESTRICTED",
    Classification.RESTRICTED: "NON_PUBLIC",
}
FORMS: Final = (
    ("csv", "CSV", "text/csv"),
    ("xlsx", "XLSX", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("geojson", "GEOJSON", "application/geo+json"),
    ("parquet", "PARQUET", "application/vnd.apache.parquet"),
)
LICENCE: Final = "https://creativecommons.org/licenses/by/4.0/"
CONTEXT: Final = {
    "adms": "http://www.w3.org/ns/adms#",
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "locn": "http://www.w3.org/ns/locn#",
    "owl": "http://www.w3.org/2002/07/owl#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}


@dataclass(frozen=True, slots=True)
class Covered:
    """What of a table there is."""

    first: datetime
    last: datetime
    received_at: datetime
    rows: int


Coverage = Mapping[tuple[str, str], Covered]
Box = tuple[float, float, float, float]


def is_open(feed: Contract) -> bool:
    """What anybody may have."""
    return feed.classification is Classification.OPEN


def is_not_restricted(feed: Contract) -> bool:
    """What those who are signed in may know of."""
    return feed.classification is not Classification.RESTRICTED


def coverage(connection: Connection) -> Coverage:
    """What of each table there is, by feed and table."""
    return {
        (feed, table): Covered(first, last, received_at, rows)
        for feed, table, first, last, received_at, rows in connection.execute(sql.COVERAGE)
    }


def extent(connection: Connection) -> Box | None:
    """West, south, east and north of the province, in degrees."""
    row = connection.execute(sql.EXTENT).fetchone()
    return (row[0], row[1], row[2], row[3]) if row is not None else None


def described(
    catalogue: Catalogue,
    base_url: str,
    covered: Coverage,
    *,
    shows: Callable[[Contract], bool] = is_open,
    box: Box | None = None,
    licence: str = LICENCE,
) -> dict[str, Any]:
    """The catalogue.

    Args:
        catalogue: The contracts.
        base_url: Where this installation answers, without a slash at its end.
        covered: What of each table there is.
        shows: Which feeds are in it: the open ones, unless told otherwise.
        box: The province's extent.
        licence: Of the open ones; which it is the province decides.
    """
    feeds = [feed for feed in catalogue.feeds.values() if shows(feed)]
    publisher = _agent(f"{base_url}/#ubnd", "Ủy ban nhân dân tỉnh Cà Mau", "Cà Mau Province")
    datasets = [
        _dataset(catalogue, feed, table, base_url, covered.get((feed.id, table.id)), box, licence)
        for feed in feeds
        for table in feed.tables
    ]
    moments = [one.received_at for one in covered.values()]
    return {
        "@context": CONTEXT,
        "@id": f"{base_url}/api/open-data",
        "@type": "dcat:Catalog",
        "dct:title": _words("Danh mục dữ liệu tỉnh Cà Mau", "Data catalogue of Cà Mau"),
        "dct:description": _words(
            "Các nguồn dữ liệu của Trung tâm điều hành thông minh, mỗi nguồn có đầu mối, thời hạn "
            "và bốn điểm chất lượng.",
            "Feeds of the operations centre, each with an owner, a deadline and four scores.",
        ),
        "dct:publisher": publisher,
        "dct:language": [_authority("language", "VIE"), _authority("language", "ENG")],
        "dct:license": {"@id": licence},
        **({"dct:modified": _moment(max(moments))} if moments else {}),
        "dct:spatial": _place(box),
        "dcat:dataset": datasets,
        "dct:hasPart": [_series(feed, base_url) for feed in feeds],
    }


def written(body: Mapping[str, Any]) -> bytes:
    """The catalogue as JSON-LD text."""
    return json.dumps(body, ensure_ascii=False, indent=1).encode()


def _series(feed: Contract, base_url: str) -> dict[str, Any]:
    return {
        "@id": f"{base_url}/api/feeds/{feed.id}",
        "@type": "dcat:DatasetSeries",
        "dct:title": _words(feed.title.vi, feed.title.en),
        "dct:description": _words(feed.about.vi, feed.about.en),
        "dct:publisher": _agent(f"{base_url}/#{feed.id}", feed.unit.vi, feed.unit.en),
        "dcat:contactPoint": _contact(feed),
    }


def _dataset(  # noqa: PLR0913, PLR0917 one call above
    catalogue: Catalogue,
    feed: Contract,
    table: TableSpec,
    base_url: str,
    covered: Covered | None,
    box: Box | None,
    licence: str,
) -> dict[str, Any]:
    cadence = table.grid.period
    address = f"{base_url}/api/feeds/{feed.id}/tables/{table.id}"
    due, grid = wording.due(feed, table), wording.grid(catalogue, table)
    return {
        "@id": address,
        "@type": "dcat:Dataset",
        "dct:identifier": f"{feed.id}/{table.id}",
        "dct:title": _words(
            f"{feed.title.vi}: {table.title.vi}", f"{feed.title.en}: {table.title.en}"
        ),
        "dct:description": _words(
            f"{feed.about.vi} {grid.vi}. Hạn: {due.vi}.",
            f"{feed.about.en} {grid.en}. Due: {due.en}.",
        ),
        "dcat:inSeries": {"@id": f"{base_url}/api/feeds/{feed.id}"},
        "dct:publisher": _agent(f"{base_url}/#{feed.id}", feed.unit.vi, feed.unit.en),
        "dcat:contactPoint": _contact(feed),
        "dcat:keyword": list(_keywords(feed, table)),
        "dct:accrualPeriodicity": _authority("frequency", FREQUENCY[cadence]),
        "dcat:temporalResolution": {"@type": "xsd:duration", "@value": RESOLUTION[cadence]},
        "dct:accessRights": _authority("access-right", ACCESS[feed.classification]),
        "dct:spatial": _place(box),
        "owl:versionInfo": str(feed.version),
        "dct:conformsTo": {"@id": f"{base_url}/api/feeds/{feed.id}/schema"},
        "foaf:page": {"@id": f"{base_url}/api/feeds/{feed.id}/docs"},
        **_times(covered, cadence),
        "dcat:distribution": list(_distributions(feed, table, base_url, address, licence)),
    }


def _times(covered: Covered | None, cadence: Cadence) -> dict[str, Any]:
    if covered is None:
        return {}
    last = periods.containing(covered.last, cadence)
    return {
        "dct:modified": _moment(covered.received_at),
        "dct:temporal": {
            "@type": "dct:PeriodOfTime",
            "dcat:startDate": _moment(covered.first),
            "dcat:endDate": _moment(last.end),
        },
    }


def _distributions(
    feed: Contract, table: TableSpec, base_url: str, address: str, licence: str
) -> Iterator[dict[str, Any]]:
    rights = {"dct:license": {"@id": licence}} if is_open(feed) else {}
    for form, name, media in FORMS:
        yield {
            "@id": f"{address}/export?form={form}",
            "@type": "dcat:Distribution",
            "dct:title": f"{feed.id} {table.id} ({name})",
            "dcat:accessURL": {"@id": address},
            "dcat:downloadURL": {"@id": f"{address}/export?form={form}"},
            "dct:format": _authority("file-type", name),
            "dcat:mediaType": {"@id": f"https://www.iana.org/assignments/media-types/{media}"},
            "adms:status": _authority("distribution-status", "COMPLETED"),
            **rights,
        }
    yield {
        "@id": f"{base_url}/api/figures#{feed.id}",
        "@type": "dcat:Distribution",
        "dct:title": f"{feed.id} {table.id} (API)",
        "dcat:accessURL": {"@id": f"{base_url}/api/figures"},
        "dcat:accessService": {
            "@id": f"{base_url}/api",
            "@type": "dcat:DataService",
            "dct:title": _words("API của Trung tâm điều hành", "The operations centre's API"),
            "dcat:endpointURL": {"@id": f"{base_url}/api"},
            "dcat:endpointDescription": {"@id": f"{base_url}/api/openapi.json"},
        },
        "dct:format": _authority("file-type", "JSON"),
        **rights,
    }


def _keywords(feed: Contract, table: TableSpec) -> Iterator[dict[str, str]]:
    for one in feed.indicators:
        if one.table == table.id and not one.restricted:
            yield {"@language": "vi", "@value": one.title.vi}
            yield {"@language": "en", "@value": one.title.en}


def _contact(feed: Contract) -> dict[str, Any]:
    """The post, not the person: a catalogue is read by everybody and kept for long."""
    return {
        "@type": "vcard:Organization",
        "vcard:fn": f"{feed.unit.vi}, {feed.owner.post.vi}",
        "vcard:organization-name": feed.unit.vi,
    }


def _agent(address: str, vi: str, en: str) -> dict[str, Any]:
    return {"@id": address, "@type": "foaf:Agent", "foaf:name": _words(vi, en)}


def _place(box: Box | None) -> dict[str, Any]:
    place: dict[str, Any] = {
        "@type": "dct:Location",
        "dct:identifier": PROVINCE_CODE,
        "skos:prefLabel": _words("Tỉnh Cà Mau", "Cà Mau Province"),
    }
    if box is not None:
        west, south, east, north = (f"{edge:.5f}" for edge in box)
        ring = f"{west} {south},{east} {south},{east} {north},{west} {north},{west} {south}"
        place["dcat:bbox"] = {
            "@type": "http://www.opengis.net/ont/geosparql#wktLiteral",
            "@value": f"POLYGON(({ring}))",
        }
    return place


def _authority(table: str, code: str) -> dict[str, str]:
    return {"@id": f"{_AUTHORITY}/{table}/{code}"}


def _words(vi: str, en: str) -> list[dict[str, str]]:
    return [{"@language": "vi", "@value": vi}, {"@language": "en", "@value": en}]


def _moment(at: datetime) -> dict[str, str]:
    return {"@type": "xsd:dateTime", "@value": at.isoformat()}
