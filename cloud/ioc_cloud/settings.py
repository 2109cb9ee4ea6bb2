"""What the cloud's processes are told at start; read in `main` alone."""

import json
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

Port = Annotated[int, Field(ge=1, le=65535)]


class Settings(BaseSettings):
    """Environment `IOC_*`, checked once; the same for ingest, API and command line.

    Attributes:
        database_url: Owner's login; migrations and the command line use it.
        ingest_database_url: Login of role `ioc_ingest`; the owner's where unset.
        api_database_url: Login of role `ioc_api`; the owner's where unset.
        mqtt_ca_file: Certificate authority of the broker; None means no TLS.
        boundaries: GeoJSON of the communes; None means the approximate cells.
        feeds_database_url: Login of role `ioc_feeds`; the owner's where unset.
        feeds_dir: An installation's own contracts (`contracts/`), the watched folder (`inbox/`)
            and the originals of deliveries; `feeds` in the home folder where unset.
        sources_url: Where the systems that we ask stand; addresses in contracts are relative to
            it. None asks nobody.
        smtp_host: The mail server for reminders; None sends no mail, and the pages show them.
        twin_engine: `ditto` sends every change of the twin on to the cluster at `ditto_url`.
        twin_reserved: Namespaces in which only the system makes things and policies.
        twin_proxies: Addresses whose `x-ditto-pre-authenticated` header is believed.
        twin_models_url: Under which address the models of `/wot/` are known; part of the
            definition of every thing that is made here, so it is chosen once.
    """

    model_config = SettingsConfigDict(env_prefix="IOC_", frozen=True, extra="forbid")

    home: Path = Path("var")
    database_url: str = "postgresql:///ioc"
    ingest_database_url: str | None = None
    api_database_url: str | None = None
    feeds_database_url: str | None = None
    mqtt_host: str = "127.0.0.1"
    mqtt_port: Port = 1883
    mqtt_user: str | None = None
    mqtt_password_file: Path | None = None
    mqtt_ca_file: Path | None = None
    http_host: str = "127.0.0.1"
    http_port: Port = 8080
    wall_dir: Path | None = None
    evidence_dir: Path | None = None
    boundaries: Path | None = None
    retention_days: Annotated[int, Field(ge=1, le=36500)] = 400
    feeds_dir: Path | None = None
    sources_url: str | None = None
    smtp_host: str | None = None
    smtp_port: Port = 25
    smtp_user: str | None = None
    smtp_password_file: Path | None = None
    smtp_from: str = "ioc@localhost"
    twin_engine: Literal["embedded", "ditto"] = "embedded"
    twin_reserved: tuple[str, ...] = ("vn.camau",)
    twin_proxies: frozenset[str] = frozenset()
    twin_models_url: str = "https://ioc.camau.gov.vn"
    ditto_url: str | None = None
    ditto_user: str | None = None
    ditto_password_file: Path | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.twin_engine == "ditto" and not (self.ditto_url and self.ditto_user):
            raise ValueError("IOC_TWIN_ENGINE=ditto needs IOC_DITTO_URL and IOC_DITTO_USER")
        return self

    @property
    def ditto_password(self) -> str:
        """The password at the real Ditto, read from its file; empty where no file is set."""
        if self.ditto_password_file is None:
            return ""
        return self.ditto_password_file.read_text(encoding="utf-8").strip()

    def of_twin(self) -> dict[str, str]:
        """What was chosen for the twin, as the environment of a process that must know it."""
        chosen = {
            name: getattr(self, name)
            for name in self.model_fields_set
            if name.startswith(("twin_", "ditto_"))
        }
        return {
            f"IOC_{name.upper()}": (
                json.dumps(sorted(value)) if isinstance(value, tuple | frozenset) else str(value)
            )
            for name, value in chosen.items()
        }

    @cached_property
    def evidence_folder(self) -> Path:
        """Where pictures lie: `evidence_dir`, or `evidence` in the home folder."""
        return self.evidence_dir or self.home / "evidence"

    @cached_property
    def feeds_folder(self) -> Path:
        """Where feeds keep their files: `feeds_dir`, or `feeds` in the home folder."""
        return self.feeds_dir or self.home / "feeds"

    @property
    def contracts_folder(self) -> Path:
        """The installation's own contracts, laid over the product's."""
        return self.feeds_folder / "contracts"

    @property
    def calendar_file(self) -> Path:
        """The installation's own working days and days off."""
        return self.feeds_folder / "calendar.yaml"

    @property
    def originals_folder(self) -> Path:
        """Deliveries as they came, under their hashes."""
        return self.feeds_folder / "originals"

    @property
    def inbox_folder(self) -> Path:
        """The watched folder, with one folder a feed."""
        return self.feeds_folder / "inbox"

    @cached_property
    def smtp_password(self) -> str | None:
        """The mail server's password, read from its file; None where no file is set."""
        if self.smtp_password_file is None:
            return None
        return self.smtp_password_file.read_text(encoding="utf-8").strip()

    @cached_property
    def mqtt_password(self) -> str | None:
        """The broker password, read from its file; None where no file is set."""
        if self.mqtt_password_file is None:
            return None
        return self.mqtt_password_file.read_text(encoding="utf-8").strip()
