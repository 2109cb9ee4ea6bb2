"""The contracts in force: those of the product, with an installation's own laid over them."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from ioc_cloud.feeds.errors import ContractBroken, NoSuchFeed
from ioc_models.feeds import Contract, Indicator, TableSpec
from ioc_models.things.ids import PROVINCE_CODE

_REPOSITORY: Final = Path(__file__).resolve().parents[3]
PRODUCT: Final = _REPOSITORY / "twin_models" / "domains"
COMMUNES: Final = _REPOSITORY / "maps" / "boundaries" / "communes.csv"

# The same in C where libyaml is there: five times as quick, which every command waits for.
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Area:
    """What figures are of: the province or a commune, by the statistics office's code."""

    code: str
    name_vi: str


@dataclass(frozen=True)
class Catalogue:
    """Every feed by its id, in the order of screens."""

    feeds: Mapping[str, Contract]
    areas: Mapping[str, Area] = field(default_factory=dict)

    @classmethod
    def load(cls, areas: Iterable[Area], *folders: Path) -> "Catalogue":
        """Read the product's contracts and then each further folder's.

        A file with the id of a feed that is there changes what it names (an owner, a URL);
        any other is a feed of its own.

        Raises:
            ContractBroken: A file is no contract, or two feeds claim one indicator.
        """
        bodies: dict[str, tuple[Path, dict[str, Any]]] = {}
        for folder in (PRODUCT, *folders):
            for path in sorted(folder.glob("*.yaml")):
                body = _read(path)
                known = bodies.get(path.stem)
                bodies[path.stem] = (path, _laid_over(known[1], body) if known else body)
        feeds = [_contract(stem, *found) for stem, found in bodies.items()]
        feeds.sort(key=lambda feed: (feed.order, feed.id))
        _indicators_once(feeds, {feed.id: bodies[feed.id][0] for feed in feeds})
        return cls({feed.id: feed for feed in feeds}, {area.code: area for area in areas})

    @classmethod
    def of_province(cls, *folders: Path) -> "Catalogue":
        """The same over Cà Mau and its communes.

        Raises:
            ContractBroken: As `load`.
        """
        areas = [Area(PROVINCE_CODE, "Tỉnh Cà Mau")]
        with COMMUNES.open(encoding="utf-8") as rows:
            areas += [Area(row["code"], row["name_vi"]) for row in csv.DictReader(rows)]
        return cls.load(areas, *folders)

    def feed(self, feed_id: str) -> Contract:
        """A feed by its id.

        Raises:
            NoSuchFeed: There is none.
        """
        try:
            return self.feeds[feed_id]
        except KeyError:
            raise NoSuchFeed(feed_id, list(self.feeds)) from None

    def table(self, feed_id: str, table_id: str | None = None) -> TableSpec:
        """A table of a feed; None means its only or first one.

        Raises:
            NoSuchFeed: There is none.
        """
        feed = self.feed(feed_id)
        for table in feed.tables:
            if table_id in {None, table.id}:
                return table
        raise NoSuchFeed(f"{feed_id}/{table_id}", [table.id for table in feed.tables])

    def indicator(self, code: str) -> tuple[Contract, Indicator]:
        """An indicator with its feed.

        Raises:
            NoSuchFeed: There is none.
        """
        try:
            return self.indicators[code]
        except KeyError:
            raise NoSuchFeed(code, list(self.indicators)) from None

    @cached_property
    def indicators(self) -> Mapping[str, tuple[Contract, Indicator]]:
        """Every indicator by its code, with its feed."""
        return {one.code: (feed, one) for feed in self.feeds.values() for one in feed.indicators}

    @cached_property
    def domains(self) -> Mapping[str, tuple[Contract, ...]]:
        """The feeds of each domain; the first gives the domain its name and owner."""
        found: dict[str, tuple[Contract, ...]] = {}
        for feed in self.feeds.values():
            found[feed.domain] = (*found.get(feed.domain, ()), feed)
        return found

    @cached_property
    def communes(self) -> tuple[str, ...]:
        """Codes of the communes, in order."""
        return tuple(sorted(code for code in self.areas if len(code) > PROVINCE_DIGITS))

    def areas_of(self, table: TableSpec) -> tuple[str, ...]:
        """Codes of the areas that every period of a table should have."""
        match table.grid.areas:
            case "province":
                return tuple(code for code in self.areas if len(code) <= PROVINCE_DIGITS)
            case "communes":
                return self.communes
            case codes:
                return tuple(codes)


# The statistics office numbers provinces with two digits and communes with five.
PROVINCE_DIGITS: Final = 2


def _read(path: Path) -> dict[str, Any]:
    try:
        body = yaml.load(path.read_text(encoding="utf-8"), _LOADER)  # noqa: S506 both are safe
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ContractBroken(path, str(error)) from error
    if not isinstance(body, dict):
        raise ContractBroken(path, "is no mapping of names to values")
    return body


def _contract(stem: str, path: Path, body: Mapping[str, Any]) -> Contract:
    try:
        contract = Contract.model_validate(body)
    except (ValidationError, ValueError) as error:
        raise ContractBroken(path, _faults(error)) from error
    if contract.id != stem:
        raise ContractBroken(path, f"holds the feed {contract.id!r}; name the file after it")
    return contract


def _faults(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(
        f"{'.'.join(str(part) for part in one['loc']) or 'contract'}: {one['msg']}"
        for one in error.errors(include_url=False, include_input=False)
    )


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Mappings meet key by key; whatever else `above` says replaces what was below."""
    merged = dict(below)
    for name, value in above.items():
        held = merged.get(name)
        both = isinstance(held, dict) and isinstance(value, dict)
        merged[name] = _laid_over(held, value) if both else value  # type: ignore[arg-type]
    return merged


def _indicators_once(feeds: Sequence[Contract], paths: Mapping[str, Path]) -> None:
    owners: dict[str, str] = {}
    for feed in feeds:
        for one in feed.indicators:
            other = owners.setdefault(one.code, feed.id)
            if other != feed.id:
                raise ContractBroken(paths[feed.id], f"{one.code} belongs to the feed {other!r}")
