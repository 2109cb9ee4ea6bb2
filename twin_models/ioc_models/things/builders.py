"""Things as they are first written: definition, policy, attributes, features.

Each function takes the catalogue, which knows the installation's base URL, and gives the
whole body of a `PUT /api/2/things/{thingId}`. What has not been reported is absent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from ioc_models.events import CameraCard
from ioc_models.feeds import Cadence, Contract
from ioc_models.geo import Point
from ioc_models.things import access, ids
from ioc_models.things.areas import Commune
from ioc_models.things.generated import Registration
from ioc_models.things.stations import Station
from ioc_models.wot import Catalogue, ThingInvalid

Thing = dict[str, Any]

VERSION: Final = "1.0.0"
# Two-tier government and the merger of Cà Mau and Bạc Liêu began on this day: Resolutions
# 202/2025/QH15 and 1655/NQ-UBTVQH15.
MERGED_ON: Final = date(2025, 7, 1)
# As Resolution 202/2025/QH15 states it; the outlines' areas add up to less.
PROVINCE_KM2: Final = 7942.39
# Words of the domain's model for the length of its first table's periods.
_CADENCES: Final[Mapping[Cadence, str]] = {
    Cadence.QUARTER_HOUR: "live",
    Cadence.HOUR: "hourly",
    Cadence.DAY: "daily",
    Cadence.WEEK: "weekly",
    Cadence.MONTH: "monthly",
    Cadence.QUARTER: "quarterly",
    Cadence.YEAR: "yearly",
}
_CENTRE: Final = Point(lon=105.15, lat=9.18)


@dataclass(frozen=True, slots=True)
class Wall:
    """A video wall; `public` says whether anyone who passes by can see it."""

    id: str
    title_vi: str
    title_en: str = ""
    columns: int = 1
    rows: int = 1
    public: bool | None = None


def province(models: Catalogue) -> Thing:
    """Cà Mau as it is since the merger."""
    attributes = {
        "titleVi": "Tỉnh Cà Mau",
        "titleEn": "Cà Mau Province",
        "code": ids.PROVINCE_CODE,
        "kind": "tinh",
        "areaKm2": PROVINCE_KM2,
        "validFrom": MERGED_ON.isoformat(),
        **_place(_CENTRE),
    }
    return _made(models, "province", ids.PROVINCE, access.PUBLIC_INFRASTRUCTURE, attributes)


def commune(models: Catalogue, spec: Commune) -> Thing:
    """A commune, with the old ones that it was made of."""
    attributes = {
        "titleVi": spec.name_vi,
        "titleEn": spec.name_en,
        "code": spec.code,
        "kind": spec.kind,
        "areaKm2": spec.area_km2,
        "validFrom": MERGED_ON.isoformat(),
        "partOf": ids.PROVINCE,
        "supersedes": [one.of_new() for one in spec.supersedes] or None,
        **_place(spec.at),
    }
    thing_id = ids.commune(spec.code)
    return _made(models, "commune", thing_id, access.PUBLIC_INFRASTRUCTURE, attributes)


def camera(
    models: Catalogue,
    box: str,
    card: CameraCard,
    *,
    commune: str | None = None,
    policy: str = access.CAMERAS,
) -> Thing:
    """A camera as its box describes it at birth, in the commune of that code.

    One that only the police may follow takes `access.CAMERAS_RESTRICTED`.
    """
    attributes = {
        "titleVi": card.title_vi,
        "titleEn": card.title_en or None,
        "simulated": card.simulated,
        "cameraId": card.id,
        "box": box,
        "isHostedBy": ids.edge_box(box),
        "commune": ids.commune(commune) if commune else None,
        **_place(card.location),
    }
    return _made(models, "camera", ids.camera(box, card.id), policy, attributes)


def edge_box(
    models: Catalogue,
    box: str,
    *,
    title_vi: str | None = None,
    title_en: str | None = None,
    at: Point | None = None,
    simulated: bool = False,
) -> Thing:
    """A box, by the name on its topics; its title is that name until someone gives one."""
    attributes = {
        "titleVi": title_vi or box,
        "titleEn": title_en,
        "simulated": simulated,
        "box": box,
        **(_place(at) if at else {}),
    }
    return _made(models, "edge-box", ids.edge_box(box), access.EDGE, attributes)


def domain(models: Catalogue, contract: Contract, *others: Contract) -> Thing:
    """A data domain before any figure has arrived.

    Args:
        models: Knows the installation's base URL.
        contract: The feed that gives the domain its name, owner and cadence.
        others: Further feeds of the same domain; the strictest decides who may see the figures.
    """
    attributes = {
        "titleVi": contract.title.vi,
        "titleEn": contract.title.en,
        "domainId": contract.domain,
        "ownerUnit": contract.unit.vi,
        "ownerConfirmed": contract.confirmed,
        "cadence": _CADENCES[contract.tables[0].grid.period],
        "sourceKind": contract.mode,
        "likelySource": contract.likely_source,
    }
    sla = {"workHours": _hours(contract.sla.working), "offHours": _hours(contract.sla.off)}
    return _made(
        models,
        "domain",
        ids.domain(contract.domain),
        access.of_domain(contract, *others),
        attributes,
        {"sla": {"properties": sla}},
    )


def _hours(duration: timedelta) -> float:
    hours = duration / timedelta(hours=1)
    return int(hours) if hours.is_integer() else hours


def station(models: Catalogue, spec: Station) -> Thing:
    """A station before it has measured."""
    attributes = {
        "titleVi": spec.title_vi,
        "titleEn": spec.title_en or None,
        "simulated": spec.simulated,
        "stationId": spec.id,
        "kind": spec.kind,
        "box": spec.box,
        "operator": spec.operator,
        "commune": ids.commune(spec.commune) if spec.commune else None,
        "observes": list(spec.observes) or None,
        "datum": spec.datum,
        **_place(spec.at),
    }
    return _made(models, "station", ids.station(spec.id), access.STATIONS, attributes)


def vessel(
    models: Catalogue,
    vessel_id: str,
    *,
    title_vi: str,
    title_en: str | None = None,
    registration: Registration | None = None,
    simulated: bool = False,
) -> Thing:
    """A vessel before its first fix; it has no place until then.

    Its id is not its registration number: whoever sees the twin sees its id.
    """
    attributes = {
        "titleVi": title_vi,
        "titleEn": title_en,
        "simulated": simulated,
        "vesselId": vessel_id,
    }
    papers = registration.model_dump(mode="json", exclude_none=True) if registration else {}
    features = {"registration": {"properties": papers}} if papers else {}
    return _made(models, "vessel", ids.vessel(vessel_id), access.VESSELS, attributes, features)


def wall(models: Catalogue, spec: Wall) -> Thing:
    """A wall with nothing on it yet."""
    attributes = {
        "titleVi": spec.title_vi,
        "titleEn": spec.title_en or None,
        "wallId": spec.id,
        "columns": spec.columns,
        "rows": spec.rows,
        "public": spec.public,
    }
    return _made(models, "wall", ids.wall(spec.id), access.WALLS, attributes)


def _place(at: Point) -> dict[str, Any]:
    """A point twice: as GeoJSON, and as numbers that any query language compares."""
    return {
        "location": {"type": "Point", "coordinates": [at.lon, at.lat]},
        "geo": {"lat": at.lat, "long": at.lon},
    }


def _made(
    models: Catalogue,
    model: str,
    thing_id: str,
    policy: str,
    attributes: Mapping[str, Any],
    features: Mapping[str, Any] | None = None,
) -> Thing:
    known = {name: value for name, value in attributes.items() if value is not None}
    thing = {
        "thingId": thing_id,
        "policyId": policy,
        **models.skeleton(
            models.url(f"things/{model}-{VERSION}"), attributes=known, features=features
        ),
    }
    faults = models.validate(thing)
    if faults:
        raise ThingInvalid(faults)
    return thing
