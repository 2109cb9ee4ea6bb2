"""Figures and scores as screens and programs get them.

A figure never travels alone: when it was true, when it came, from whom, how, and how good the
feed is stand beside it, and what may not be shown of it is left out here, for everybody.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Literal

from pydantic import Field

from ioc_cloud.auth.principal import Principal
from ioc_cloud.auth.scopes import FEEDS_READ, FEEDS_STEWARD
from ioc_cloud.db import feeds_read_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.events.shown import Instant, Shown
from ioc_cloud.feeds.catalogue import PROVINCE_DIGITS, Catalogue
from ioc_cloud.feeds.errors import NoSuchFeed
from ioc_models.feeds import Contract, Indicator
from ioc_models.feeds.contract import Classification
from ioc_models.things.ids import PROVINCE_CODE

TRUSTED_ROLES: Final = frozenset({"leader", "steward", "auditor", "dpo"})
MOST_POINTS: Final = 50_000


class WordsOut(Shown):
    """The same in Vietnamese and English."""

    vi: str
    en: str


class SourceOut(Shown):
    """Who says so."""

    feed: str
    title: WordsOut
    unit: WordsOut
    system: str


class QualityOut(Shown):
    """The feed's newest four scores, 0 to 100; null where one was not or cannot be measured."""

    day: date | None = None
    version: int | None = None
    correct: float | None = None
    complete: float | None = None
    clean: float | None = None
    live: float | None = None
    grade: float | None = None


class FigureOut(Shown):
    """A value of an indicator.

    `suppressed` says that a small group is behind it, so that its value is not shown.
    """

    indicator: str
    title: WordsOut
    unit: str
    area: str
    area_name: str
    period: str
    period_start: Instant
    period_end: Instant
    value: float | None
    numerator: float | None
    denominator: float | None
    suppressed: bool = False
    covered: int = Field(description="Số nơi đã có số liệu / areas behind it")
    expected: int | None = Field(description="Số nơi phải có / areas that should be")
    state: Literal["ok", "warn", "danger"]
    direction: Literal["up", "down", "neutral", "target"]
    decimals: int
    version: int
    as_of: Instant
    received_at: Instant
    source: SourceOut
    provenance: Literal["api", "file", "manual", "derived", "simulated"]
    quality: QualityOut


@dataclass(frozen=True, slots=True)
class Reader:
    """What one principal may see of figures."""

    who: Principal

    def sees(self, feed: Contract) -> bool:
        """Whether a feed's figures are for them at all."""
        if feed.classification is not Classification.RESTRICTED:
            return True
        return self.full(feed)

    def full(self, feed: Contract) -> bool:
        """Whether they see it without any covers."""
        if FEEDS_READ not in self.who.scopes and FEEDS_STEWARD not in self.who.scopes:
            return False
        return self.who.answers_for(feed.id) or not self.who.roles.isdisjoint(TRUSTED_ROLES)

    def shows(self, feed: Contract, one: Indicator) -> bool:
        """Whether an indicator is for them."""
        return self.sees(feed) and (not one.restricted or self.full(feed))


def source(feed: Contract) -> SourceOut:
    """Who answers for a feed's figures."""
    return SourceOut(
        feed=feed.id,
        title=WordsOut(vi=feed.title.vi, en=feed.title.en),
        unit=WordsOut(vi=feed.unit.vi, en=feed.unit.en),
        system=feed.likely_source,
    )


def qualities(connection: Connection) -> dict[str, QualityOut]:
    """The newest scores of every feed."""
    return {row[0]: quality(row) for row in connection.execute(sql.QUALITY_LATEST)}


def quality(row: Sequence[Any]) -> QualityOut:
    """A row of scores."""
    _, day, version, correct, complete, clean, live, grade, *_ = row
    return QualityOut(
        day=day,
        version=version,
        correct=correct,
        complete=complete,
        clean=clean,
        live=live,
        grade=grade,
    )


def figure(
    row: Sequence[Any],
    catalogue: Catalogue,
    reader: Reader,
    scores: Mapping[str, QualityOut],
) -> FigureOut:
    """A row of figures as a reader may see it."""
    (
        code, area, _, period, start, end, version, value, numerator, denominator, covered,
        expected, as_of, received_at, provenance, _,
    ) = row  # fmt: skip
    feed, one = catalogue.indicator(code)
    small = is_small(feed, one, area, value, numerator) and not reader.full(feed)
    return FigureOut(
        indicator=code,
        title=WordsOut(vi=one.title.vi, en=one.title.en),
        unit=one.unit,
        area=area,
        area_name=catalogue.areas[area].name_vi if area in catalogue.areas else area,
        period=period,
        period_start=start,
        period_end=end,
        value=None if small else value,
        numerator=None if small else numerator,
        denominator=None if small else denominator,
        suppressed=small,
        covered=covered,
        expected=expected,
        state="ok" if small or value is None else one.state(value),
        direction=one.direction,
        decimals=one.decimals,
        version=version,
        as_of=as_of,
        received_at=received_at,
        source=source(feed),
        provenance=provenance,
        quality=scores.get(feed.id, QualityOut()),
    )


def is_small(
    feed: Contract, one: Indicator, area: str, value: float | None, numerator: float | None
) -> bool:
    """A count of people, too few to hide in, of an area below the province."""
    if not one.persons or feed.k_min == 0 or len(area) <= PROVINCE_DIGITS:
        return False
    count = numerator if one.is_ratio else value
    return count is not None and 0 < count < feed.k_min


@dataclass(frozen=True, slots=True)
class Figures:
    """What one reader asks of the figures."""

    connection: Connection
    catalogue: Catalogue
    reader: Reader

    def codes(self, asked: Sequence[str] | None) -> list[str]:
        """The indicators that a question is about and its asker may see; None asks for all.

        Raises:
            NoSuchFeed: One that does not exist or is not for them: both look the same.
        """
        seen = [
            code
            for code, (feed, one) in self.catalogue.indicators.items()
            if self.reader.shows(feed, one)
        ]
        for code in asked or ():
            if code not in seen:
                raise NoSuchFeed(code, seen)
        return list(asked) if asked is not None else seen

    def areas(self, asked: Sequence[str] | None) -> list[str]:
        """The areas that a question is about; None asks for the province as a whole.

        Raises:
            NoSuchFeed: One that does not exist.
        """
        for code in asked or ():
            if code not in self.catalogue.areas:
                raise NoSuchFeed(code, [PROVINCE_CODE, *self.catalogue.communes])
        return list(asked) if asked else [PROVINCE_CODE]

    def latest(self, codes: Sequence[str], areas: Sequence[str]) -> list[FigureOut]:
        """The newest figure of each indicator and area that has one."""
        asked = {"indicators": list(codes), "areas": list(areas)}
        return self._shown(sql.LATEST, asked)

    def series(
        self, codes: Sequence[str], areas: Sequence[str], since: datetime, until: datetime
    ) -> list[FigureOut]:
        """The figures over a time, oldest first; `MOST_POINTS` at most."""
        asked = {
            "indicators": list(codes),
            "areas": list(areas),
            "since": since,
            "until": until,
            "most": MOST_POINTS,
        }
        return self._shown(sql.SERIES, asked)

    def versions(self, code: str, area: str, start: datetime) -> list[FigureOut]:
        """Every version of one figure, newest first."""
        asked = {"indicator": code, "area": area, "start": start}
        return self._shown(sql.VERSIONS, asked)

    def _shown(self, query: str, asked: Mapping[str, Any]) -> list[FigureOut]:
        scores = qualities(self.connection)
        rows = self.connection.execute(query, asked)
        return [figure(row, self.catalogue, self.reader, scores) for row in rows]
