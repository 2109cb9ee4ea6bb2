"""The province as things: policies, province, communes, domains, stations, walls."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds.catalogue import Catalogue as Feeds
from ioc_cloud.settings import Settings
from ioc_cloud.twin.book import SYSTEM, Book
from ioc_cloud.twin.change_policy import ChangePolicy
from ioc_cloud.twin.change_thing import Change
from ioc_cloud.twin.errors import DittoError
from ioc_cloud.twin.ioc import boundaries
from ioc_cloud.twin.models import WotModels
from ioc_cloud.twin.outcome import Outcome
from ioc_cloud.twin.pointer import ROOT
from ioc_cloud.twin.request import Options
from ioc_cloud.twin.service import Job, Writer
from ioc_models import things
from ioc_models.things import Wall
from ioc_models.wot import Catalogue

BOUNDARIES: Final = Path(__file__).resolve().parents[4] / "maps" / "boundaries"
BATCH: Final = 50
_NEW: Final = Options(if_none_match="*")
_NEWS: Final = Options(if_equal="skip-minimizing-merge")
_WHOLE: Final = Options(if_equal="skip", allow_policy_lockout=True)
LOBBY: Final = Wall("sanh", "Màn hình sảnh", "Lobby wall", columns=6, rows=3, public=True)


@dataclass(frozen=True, slots=True)
class Sources:
    """What the province's things are made from.

    Attributes:
        communes: `maps/boundaries/communes.csv`.
        crosswalk: `maps/boundaries/old_to_new_communes.csv`.
        feeds: Their domains each have a thing.
    """

    communes: Path
    crosswalk: Path
    feeds: Feeds

    @classmethod
    def here(cls, feeds_folders: Sequence[Path] = ()) -> "Sources":
        """The tables and contracts of this repository, and an installation's own contracts.

        Raises:
            ContractBroken: A file of the installation's is no contract.
        """
        return cls(
            BOUNDARIES / "communes.csv",
            BOUNDARIES / "old_to_new_communes.csv",
            Feeds.of_province(*feeds_folders),
        )


@dataclass(frozen=True, slots=True)
class Seeded:
    """What a seeding did."""

    made: int
    completed: int
    left_alone: int


@dataclass(frozen=True, slots=True)
class _Complete:
    """Gives an existing thing what its newer description has and it has not.

    What people have set since stays as they set it.
    """

    thing_id: str
    thing: dict[str, Any]
    models: WotModels

    def apply(self, book: Book) -> Outcome:
        """Do it.

        Raises:
            DittoError: Nothing is missing.
        """
        held = book.thing(self.thing_id)
        known = held.doc.get("attributes", {}) if held else {}
        missing = {
            name: value for name, value in self.thing["attributes"].items() if name not in known
        }
        patch = {"definition": self.thing["definition"], "attributes": missing}
        return Change(SYSTEM, self.thing_id, "PATCH", ROOT, patch, _NEWS, self.models).apply(book)


def seed(
    connection: Connection,
    writer: Writer,
    models: WotModels,
    sources: Sources,
    *,
    demo: bool = False,
) -> Seeded:
    """Make what is not there yet; safe to repeat.

    Args:
        connection: The owner's.
        writer: Makes the changes.
        models: What the things are made after.
        sources: What they are made from.
        demo: Also the demonstration's stations, marked as simulated.

    Raises:
        DittoError: A thing of ours that its own model or policy refuses: a fault of ours.
    """
    jobs: list[Job] = [
        ChangePolicy(SYSTEM, policy_id, "PUT", ROOT, doc, _WHOLE)
        for policy_id, doc in things.policies().items()
    ]
    described = list(_described(models, sources, demo=demo))
    jobs += [Change(SYSTEM, one["thingId"], "PUT", ROOT, one, _NEW, models) for one in described]
    first = _done(connection, writer, jobs)
    there = [
        one
        for one, answer in zip(described, first[len(jobs) - len(described) :], strict=True)
        if _unchanged(answer)
    ]
    second = _done(connection, writer, [_Complete(one["thingId"], one, models) for one in there])
    return Seeded(
        made=sum(not _unchanged(answer) for answer in first),
        completed=sum(not _unchanged(answer) for answer in second),
        left_alone=sum(_unchanged(answer) for answer in second),
    )


def _described(models: WotModels, sources: Sources, *, demo: bool) -> Iterator[dict[str, Any]]:
    catalogue = models.catalogue
    yield things.province(catalogue)
    with (
        sources.communes.open(encoding="utf-8") as rows,
        sources.crosswalk.open(encoding="utf-8") as before,
    ):
        for area in things.communes(rows, before):
            yield things.commune(catalogue, area)
    for feeds in sources.feeds.domains.values():
        yield things.domain(catalogue, *feeds)
    yield things.wall(catalogue, LOBBY)
    if demo:
        for station in things.DEMO_STATIONS:
            yield things.station(catalogue, station)


def _done(connection: Connection, writer: Writer, jobs: Iterable[Job]) -> list[Any]:
    waiting, answers = list(jobs), []
    for start in range(0, len(waiting), BATCH):
        answers += writer.write(connection, waiting[start : start + BATCH])
    for answer in answers:
        if isinstance(answer, BaseException) and not _unchanged(answer):
            raise answer
    return answers


def _unchanged(answer: object) -> bool:
    return isinstance(answer, DittoError) and answer.http == 412  # noqa: PLR2004


def sow(connection: Connection, settings: Settings, *, demo: bool) -> Seeded:
    """Seed an installation's database from this repository and its own contracts.

    Raises:
        ContractBroken: A file of one of the folders is no contract.
    """
    models = WotModels(Catalogue(settings.twin_models_url))
    sources = Sources.here([settings.contracts_folder])
    boundaries.load(connection, sources.communes, sources.crosswalk)
    return seed(
        connection,
        Writer(series_of=models.series_of, outbox=settings.twin_engine == "ditto"),
        models,
        sources,
        demo=demo,
    )
