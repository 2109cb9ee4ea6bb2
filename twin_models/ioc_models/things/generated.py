"""What parts of things hold; written by `twin_models/generate.py`, not by hand."""
# ruff: noqa: D101 texts stand in the Thing Models

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from ioc_models.things.part import Part


class Config(Part):
    config_sha256: Annotated[str | None, Field(alias="configSha256", pattern="^[0-9a-f]{64}$")] = (
        None
    )
    applied_at: Annotated[AwareDatetime | None, Field(alias="appliedAt")] = None
    settings: dict[str, Any] | None = None


class DataQuality(Part):
    correct: Annotated[float | None, Field(ge=0.0, le=1.0)] = None
    complete: Annotated[float | None, Field(ge=0.0, le=1.0)] = None
    clean: Annotated[float | None, Field(ge=0.0, le=1.0)] = None
    live: Annotated[float | None, Field(ge=0.0, le=1.0)] = None
    day: date | None = None
    checked_at: Annotated[AwareDatetime | None, Field(alias="checkedAt")] = None
    version: Annotated[int | None, Field(ge=1)] = None
    failures: Annotated[int | None, Field(ge=0)] = None


class Events(Part):
    counts: dict[str, int]
    last_event_id: Annotated[
        str | None,
        Field(
            alias="lastEventId",
            pattern="^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        ),
    ] = None
    last_event_kind: Annotated[
        str | None, Field(alias="lastEventKind", pattern="^[a-z][a-z0-9_]{0,31}$")
    ] = None
    last_event_at: Annotated[AwareDatetime | None, Field(alias="lastEventAt")] = None
    last_event_seq: Annotated[int | None, Field(alias="lastEventSeq", ge=1)] = None


class Health(Part):
    state: Literal["unknown", "starting", "ok", "no_signal", "ended", "broken"]
    state_at: Annotated[AwareDatetime | None, Field(alias="stateAt")] = None
    detail: Annotated[str | None, Field(max_length=2000)] = None
    fps: Annotated[float | None, Field(ge=0.0, le=1000.0)] = None
    skipped_frames: Annotated[int | None, Field(alias="skippedFrames", ge=0)] = None
    evidence_pending: Annotated[int | None, Field(alias="evidencePending", ge=0)] = None
    spool_events: Annotated[int | None, Field(alias="spoolEvents", ge=0)] = None
    clock_offset_ms: Annotated[float | None, Field(alias="clockOffsetMs")] = None
    temperature_c: Annotated[float | None, Field(alias="temperatureC", ge=-273.15)] = None
    last_seen_at: Annotated[AwareDatetime | None, Field(alias="lastSeenAt")] = None


class IndicatorValue(Part):
    value: float
    numerator: float | None = None
    denominator: float | None = None
    unit: Annotated[str | None, Field(max_length=40)] = None
    period: Annotated[str | None, Field(max_length=40)] = None
    as_of: Annotated[AwareDatetime, Field(alias="asOf")]
    received_at: Annotated[AwareDatetime | None, Field(alias="receivedAt")] = None
    provenance: Literal["api", "file", "manual", "derived", "simulated"]
    version: Annotated[int | None, Field(ge=1)] = None


class Indicators(Part):
    values: dict[str, IndicatorValue]


class Measurements(Part):
    water_level_m: Annotated[float | None, Field(ge=-20.0, le=50.0)] = None
    salinity_g_l: Annotated[float | None, Field(ge=0.0, le=100.0)] = None
    temperature_c: Annotated[float | None, Field(ge=-30.0, le=70.0)] = None
    water_temperature_c: Annotated[float | None, Field(ge=-5.0, le=60.0)] = None
    ph: Annotated[float | None, Field(ge=0.0, le=14.0)] = None
    dissolved_oxygen_mg_l: Annotated[float | None, Field(ge=0.0, le=50.0)] = None
    turbidity_ntu: Annotated[float | None, Field(ge=0.0, le=100000.0)] = None
    rain_mm: Annotated[float | None, Field(ge=0.0, le=2000.0)] = None
    flow_m3_s: Annotated[float | None, Field(ge=-10000.0, le=10000.0)] = None
    wind_speed_m_s: Annotated[float | None, Field(ge=0.0, le=150.0)] = None
    wind_direction_deg: Annotated[float | None, Field(ge=0.0, le=360.0)] = None
    humidity_percent: Annotated[float | None, Field(ge=0.0, le=100.0)] = None
    pressure_hpa: Annotated[float | None, Field(ge=800.0, le=1100.0)] = None
    pm25_ug_m3: Annotated[float | None, Field(ge=0.0, le=5000.0)] = None
    pm10_ug_m3: Annotated[float | None, Field(ge=0.0, le=10000.0)] = None
    battery_v: Annotated[float | None, Field(ge=0.0, le=1000.0)] = None
    other: dict[str, float] | None = None
    measured_at: Annotated[AwareDatetime | None, Field(alias="measuredAt")] = None
    received_at: Annotated[AwareDatetime | None, Field(alias="receivedAt")] = None


class Position(Part):
    state: Literal["unknown", "reporting", "silent", "lost", "provider_down"]
    state_at: Annotated[AwareDatetime | None, Field(alias="stateAt")] = None
    fix_at: Annotated[AwareDatetime | None, Field(alias="fixAt")] = None
    received_at: Annotated[AwareDatetime | None, Field(alias="receivedAt")] = None
    lat: Annotated[float | None, Field(ge=-90.0, le=90.0)] = None
    long: Annotated[float | None, Field(ge=-180.0, le=180.0)] = None
    speed_kn: Annotated[float | None, Field(alias="speedKn", ge=0.0, le=100.0)] = None
    course_deg: Annotated[float | None, Field(alias="courseDeg", ge=0.0, le=360.0)] = None


class Registration(Part):
    number: Annotated[str | None, Field(max_length=40)] = None
    owner_name: Annotated[str | None, Field(alias="ownerName", max_length=200)] = None
    length_m: Annotated[float | None, Field(alias="lengthM", gt=0.0, le=200.0)] = None
    length_class: Annotated[
        Literal["6-12", "12-15", "15-24", "24+"] | None, Field(alias="lengthClass")
    ] = None
    gear: Annotated[str | None, Field(max_length=100)] = None
    home_port: Annotated[str | None, Field(alias="homePort", max_length=200)] = None
    provider: Annotated[str | None, Field(max_length=100)] = None
    licence_until: Annotated[date | None, Field(alias="licenceUntil")] = None


class Scene(Part):
    rev: Annotated[int, Field(ge=0)]
    name: Annotated[str | None, Field(max_length=100)] = None
    apply_at: Annotated[AwareDatetime | None, Field(alias="applyAt")] = None
    shown_at: Annotated[AwareDatetime | None, Field(alias="shownAt")] = None
    state: dict[str, Any] | None = None


class Sla(Part):
    work_hours: Annotated[float, Field(alias="workHours", gt=0.0, le=8784.0)]
    off_hours: Annotated[float, Field(alias="offHours", gt=0.0, le=8784.0)]
    state: Literal["unknown", "on_time", "late", "stale"]
    changed_at: Annotated[AwareDatetime | None, Field(alias="changedAt")] = None
    due_at: Annotated[AwareDatetime | None, Field(alias="dueAt")] = None
    received_at: Annotated[AwareDatetime | None, Field(alias="receivedAt")] = None


class Status(Part):
    online: bool
    online_at: Annotated[AwareDatetime | None, Field(alias="onlineAt")] = None
    last_seen_at: Annotated[AwareDatetime | None, Field(alias="lastSeenAt")] = None
    boot: Annotated[
        str | None,
        Field(pattern="^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"),
    ] = None
    epoch: Annotated[
        str | None,
        Field(pattern="^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"),
    ] = None
    versions: dict[str, str]
    config_sha256: Annotated[str | None, Field(alias="configSha256", pattern="^[0-9a-f]{64}$")] = (
        None
    )


class Location(Part):
    type: Literal["Point"]
    coordinates: Annotated[list[float], Field(max_length=3, min_length=2)]


class Geo(Part):
    lat: Annotated[float, Field(ge=-90.0, le=90.0)]
    long: Annotated[float, Field(ge=-180.0, le=180.0)]


class Mount(Part):
    height_m: Annotated[float | None, Field(alias="heightM", ge=0.0, le=200.0)] = None
    heading_deg: Annotated[float | None, Field(alias="headingDeg", ge=0.0, le=360.0)] = None
    fov_deg: Annotated[float | None, Field(alias="fovDeg", gt=0.0, le=360.0)] = None
    range_m: Annotated[float | None, Field(alias="rangeM", ge=0.0, le=10000.0)] = None


class CameraAttributes(Part):
    title_vi: Annotated[str, Field(alias="titleVi", max_length=200, min_length=1)]
    title_en: Annotated[str | None, Field(alias="titleEn", max_length=200)] = None
    simulated: bool
    location: Location
    geo: Geo
    camera_id: Annotated[
        str, Field(alias="cameraId", pattern="^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$")
    ]
    box: Annotated[str, Field(pattern="^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$")]
    is_hosted_by: Annotated[
        str,
        Field(alias="isHostedBy", pattern="^[a-zA-Z][a-zA-Z0-9_.-]*:[^/\\s]{1,200}$"),
    ]
    commune: Annotated[str | None, Field(pattern="^[a-zA-Z][a-zA-Z0-9_.-]*:[^/\\s]{1,200}$")] = None
    usage: Annotated[str | None, Field(max_length=100)] = None
    mount: Mount | None = None


class Superseded(Part):
    name: Annotated[str, Field(max_length=200)]
    district: Annotated[str | None, Field(max_length=200)] = None
    province: Annotated[str, Field(max_length=200)]
    relation: Literal["merged", "divided", "renamed", "unchanged"]
    weight: Annotated[float, Field(gt=0.0, le=1.0)]
    weight_source: Annotated[
        Literal["whole", "equal", "area", "population"], Field(alias="weightSource")
    ]


class CommuneAttributes(Part):
    title_vi: Annotated[str, Field(alias="titleVi", max_length=200, min_length=1)]
    title_en: Annotated[str | None, Field(alias="titleEn", max_length=200)] = None
    simulated: bool
    location: Location
    geo: Geo
    code: Annotated[str, Field(pattern="^([0-9]{2}|[0-9]{5})$")]
    kind: Literal["tinh", "xa", "phuong"]
    area_km2: Annotated[float | None, Field(alias="areaKm2", gt=0.0)] = None
    valid_from: Annotated[date, Field(alias="validFrom")]
    valid_to: Annotated[date | None, Field(alias="validTo")] = None
    supersedes: Annotated[list[Superseded] | None, Field(max_length=40)] = None
    part_of: Annotated[
        str | None,
        Field(alias="partOf", pattern="^[a-zA-Z][a-zA-Z0-9_.-]*:[^/\\s]{1,200}$"),
    ] = None


class DomainAttributes(Part):
    title_vi: Annotated[str, Field(alias="titleVi", max_length=200, min_length=1)]
    title_en: Annotated[str | None, Field(alias="titleEn", max_length=200)] = None
    simulated: bool
    domain_id: Annotated[str, Field(alias="domainId", pattern="^[a-z][a-z0-9-]{1,62}$")]
    owner_unit: Annotated[str | None, Field(alias="ownerUnit", max_length=200)] = None
    owner_confirmed: Annotated[bool | None, Field(alias="ownerConfirmed")] = None
    source_kind: Annotated[Literal["api", "file", "mqtt"] | None, Field(alias="sourceKind")] = None
    cadence: (
        Literal["live", "hourly", "daily", "weekly", "monthly", "quarterly", "yearly"] | None
    ) = None
    likely_source: Annotated[str | None, Field(alias="likelySource", max_length=300)] = None


class EdgeBoxAttributes(Part):
    title_vi: Annotated[str, Field(alias="titleVi", max_length=200, min_length=1)]
    title_en: Annotated[str | None, Field(alias="titleEn", max_length=200)] = None
    simulated: bool
    location: Location | None = None
    geo: Geo | None = None
    box: Annotated[str, Field(pattern="^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$")]
    hardware: Annotated[str | None, Field(max_length=200)] = None


class ProvinceAttributes(CommuneAttributes):
    pass


class StationAttributes(Part):
    title_vi: Annotated[str, Field(alias="titleVi", max_length=200, min_length=1)]
    title_en: Annotated[str | None, Field(alias="titleEn", max_length=200)] = None
    simulated: bool
    location: Location
    geo: Geo
    station_id: Annotated[
        str, Field(alias="stationId", pattern="^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$")
    ]
    kind: Literal["water", "air", "weather", "sluice", "other"]
    box: Annotated[str | None, Field(pattern="^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$")] = None
    operator: Annotated[str | None, Field(max_length=200)] = None
    commune: Annotated[str | None, Field(pattern="^[a-zA-Z][a-zA-Z0-9_.-]*:[^/\\s]{1,200}$")] = None
    observes: Annotated[list[str] | None, Field(max_length=32)] = None
    datum: Annotated[str | None, Field(max_length=100)] = None


class VesselAttributes(Part):
    title_vi: Annotated[str, Field(alias="titleVi", max_length=200, min_length=1)]
    title_en: Annotated[str | None, Field(alias="titleEn", max_length=200)] = None
    simulated: bool
    location: Location | None = None
    geo: Geo | None = None
    vessel_id: Annotated[
        str, Field(alias="vesselId", pattern="^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$")
    ]


class Canvas(Part):
    width_px: Annotated[int, Field(alias="widthPx", ge=1)]
    height_px: Annotated[int, Field(alias="heightPx", ge=1)]


class WallAttributes(Part):
    title_vi: Annotated[str, Field(alias="titleVi", max_length=200, min_length=1)]
    title_en: Annotated[str | None, Field(alias="titleEn", max_length=200)] = None
    simulated: bool
    wall_id: Annotated[str, Field(alias="wallId", pattern="^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$")]
    columns: Annotated[int, Field(ge=1, le=64)]
    rows: Annotated[int, Field(ge=1, le=64)]
    canvas: Canvas | None = None
    viewing_distance_m: Annotated[
        float | None, Field(alias="viewingDistanceM", gt=0.0, le=100.0)
    ] = None
    public: bool | None = None
