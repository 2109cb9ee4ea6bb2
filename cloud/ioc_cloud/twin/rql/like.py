"""Patterns with `*` and `?`: the same answer in Python and in PostgreSQL.

A wildcard does not match a line feed. Without case, a character matches itself, its
lower and its upper case, each where that is one character: PostgreSQL's rule for
regular expressions.
"""

from typing import Final

MAX_PATTERN: Final = 256


def matches(pattern: str, text: str, *, fold: bool) -> bool:
    """Whether the whole text fits.

    Time is at most the product of the lengths: a regular expression of many stars could
    take for ever.
    """
    lines, patterns = text.split("\n"), pattern.split("\n")
    return len(lines) == len(patterns) and all(
        _fits(one, line, fold=fold) for one, line in zip(patterns, lines, strict=True)
    )


def _fits(pattern: str, text: str, *, fold: bool) -> bool:
    at = read = 0
    star = mark = -1
    while at < len(text):
        if read < len(pattern) and pattern[read] == "*":
            star, mark = read, at
            read += 1
        elif read < len(pattern) and _one(pattern[read], text[at], fold=fold):
            read += 1
            at += 1
        elif star >= 0:
            mark += 1
            read, at = star + 1, mark
        else:
            return False
    return all(rest == "*" for rest in pattern[read:])


def _one(wanted: str, found: str, *, fold: bool) -> bool:
    return wanted in {"?", found} or (fold and found in _cases(wanted))


def _cases(character: str) -> set[str]:
    both = (character.lower(), character.upper())
    return {character} | {case for case in both if len(case) == 1}


def regex(pattern: str) -> str:
    """The pattern as a regular expression of PostgreSQL, of XQuery and of `~`."""
    return f"^{''.join(map(_piece, pattern))}$"


def _piece(character: str) -> str:
    if character == "*":
        return ".*"
    if character == "?":
        return "."
    if character.isascii() and character.isprintable() and not character.isalnum():
        return f"\\{character}"
    return character


def sql_like(pattern: str) -> str:
    """The pattern for LIKE, which an index on the text can serve by its beginning."""
    escaped = pattern.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    return escaped.replace("*", "%").replace("?", "_")
