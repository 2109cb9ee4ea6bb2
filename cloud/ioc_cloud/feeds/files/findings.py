"""What was seen in a file that its sender should know, in both languages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

# The values of `ioc_models.feeds.contract.Severity`, which the reading child need not import.
Severity = Literal["error", "warning"]

# An officer mends a pattern, not ten thousand lines of the same.
SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """One remark, at a cell where it concerns one.

    Attributes:
        rule: A short name that scores can count by.
        sheet: Empty for the file as a whole.
        address: `B7`; empty for a sheet as a whole.
    """

    rule: str
    severity: Severity
    vi: str
    en: str
    sheet: str = ""
    address: str = ""


def at_cells(
    template: Finding, addresses: Sequence[str], *, shown: int = SHOWN
) -> Iterator[Finding]:
    """The same remark at each cell, and one more that counts those not listed."""
    for address in addresses[:shown]:
        yield Finding(
            template.rule, template.severity, template.vi, template.en, template.sheet, address
        )
    rest = len(addresses) - shown
    if rest > 0:
        yield Finding(
            template.rule,
            template.severity,
            f"{template.vi} (và {rest} ô nữa)",
            f"{template.en} (and {rest} more cells)",
            template.sheet,
        )
