"""Series of property values: the API that Ditto is building (branch `timeseries-main`).

Unreleased there at the time of writing, so it may still change; the Cà Mau IOC serves it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from ioc_ditto.names import Path, checked, comma_list, entity_id, keys, segment, url
from ioc_ditto.options import instant
from ioc_ditto.rql import Rql
from ioc_ditto.transport import Call, Transport

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ioc_ditto.shapes import Json

PATH = "timeseries/things"
Aggregate = Literal[
    "avg", "min", "max", "sum", "count", "first", "last", "stddev", "derivative", "rate",
    "integral", "percentile",
]  # fmt: skip


@dataclass(frozen=True)
class Span:
    """Which time, and in what steps.

    Attributes:
        from_: Beginning, included: a time, or text such as `now-1h`.
        to: End, excluded.
        step: Width of a bucket; None gives the raw points.
        percentile: 0 to 100, with `agg="percentile"`.
        tz: Zone in which days begin, such as `Asia/Ho_Chi_Minh`.
        limit: Most raw points in one answer; `cursor` goes on behind it.
    """

    from_: datetime | str
    to: datetime | str = "now"
    step: timedelta | str | None = None
    agg: Aggregate | None = None
    percentile: float | None = None
    fill: Literal["null", "previous", "zero", "linear"] | None = None
    tz: str | None = None
    limit: int | None = None
    cursor: str | None = None
    order: Literal["asc", "desc"] | None = None
    tag_filter: Rql | str | None = None

    def params(self) -> dict[str, str]:
        """The span as the API spells it.

        Raises:
            BadName: A value that cannot be sent.
        """
        given = {
            "from": _time(self.from_),
            "to": _time(self.to),
            "step": _step(self.step),
            "agg": self.agg,
            "percentile": self.percentile,
            "fill": self.fill,
            "tz": self.tz,
            "limit": self.limit,
            "cursor": self.cursor,
            "order": self.order,
            "tagFilter": self.tag_filter,
        }
        return {
            name: checked(str(value), name) for name, value in given.items() if value is not None
        }


@dataclass(frozen=True)
class Timeseries:
    """`/api/2/timeseries/things`."""

    transport: Transport = field(repr=False)

    def of_property(self, thing_id: str, feature: str, prop: Path, span: Span) -> Json:
        """The series of one property of a feature, in a list.

        Raises:
            NotFound: No such series, or no READ_TS on it.
        """
        at = url(PATH, entity_id(thing_id), "features", segment(feature), "properties")
        path = url(at, *map(segment, keys(prop)))
        return self.transport.value(Call("GET", path, params=span.params()))

    def of_thing(self, thing_id: str, paths: Iterable[str], span: Span) -> Json:
        """Several series of one thing; paths such as `features/health/properties/fps`."""
        params = span.params() | {"paths": comma_list(paths)}
        return self.transport.value(Call("GET", url(PATH, entity_id(thing_id)), params=params))

    def across(
        self,
        paths: Iterable[str],
        span: Span,
        *,
        namespaces: str | Iterable[str] | None = None,
        group_by: str | None = None,
        filter: Rql | str | None = None,  # noqa: A002 the API's own word
    ) -> Json:
        """Series over many things, grouped by `thingId`, `path` or a tag."""
        params = span.params() | {"paths": comma_list(paths)}
        if namespaces is not None:
            params["namespaces"] = comma_list(namespaces)
        if group_by is not None:
            params["groupBy"] = checked(group_by, "group_by")
        if filter is not None:
            params["filter"] = checked(str(filter), "the filter")
        return self.transport.value(Call("GET", PATH, params=params))


def _time(at: datetime | str) -> str:
    return instant(at) if isinstance(at, datetime) else at


def _step(step: timedelta | str | None) -> str | None:
    return f"{step // timedelta(seconds=1)}s" if isinstance(step, timedelta) else step
