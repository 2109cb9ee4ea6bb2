"""Cells that no spreadsheet program takes for a formula when an export is opened.

Source: OWASP, "CSV Injection" (owasp.org/www-community/attacks/CSV_Injection) and ASVS 5.0, 1.2.10:
a cell that begins with = + - @, a tab, a carriage return or a line feed is evaluated, also where
the signs are full width; a leading apostrophe makes it text.
"""

import re
from typing import Final, TypeVar

T = TypeVar("T")

STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")  # noqa: RUF001 full width is the point
_PLAIN_NUMBER: Final = re.compile(r"[+-]?\d[\d.,]*%?", re.ASCII)


def is_formula_like(value: object) -> bool:
    """Whether a program would evaluate this text; numbers written as text are harmless."""
    if not isinstance(value, str) or not value:
        return False
    # Programs trim spaces before they look.
    starts = value.startswith(STARTS) or value.lstrip(" \u00a0").startswith(STARTS)
    return starts and _PLAIN_NUMBER.fullmatch(value) is None


def safe(value: T) -> T | str:
    """The value for a CSV cell; what is no text passes unchanged, a second time adds nothing."""
    return f"'{value}" if is_formula_like(value) else value
