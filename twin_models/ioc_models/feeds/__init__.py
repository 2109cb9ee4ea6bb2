"""Feeds: what a contract says, the periods it counts in, the rules it is judged by."""

from ioc_models.feeds.contract import (
    Classification,
    Contract,
    FieldSpec,
    Indicator,
    Rule,
    TableSpec,
    Words,
)
from ioc_models.feeds.periods import LOCAL, Cadence, NotAPeriod, Period

__all__ = [
    "LOCAL",
    "Cadence",
    "Classification",
    "Contract",
    "FieldSpec",
    "Indicator",
    "NotAPeriod",
    "Period",
    "Rule",
    "TableSpec",
    "Words",
]
