"""RFC 7396 merge patch, with Ditto's extension that deletes keys by a regular expression."""

import re
from functools import lru_cache
from typing import Any, Final

from ioc_cloud.twin.errors import DittoError

_PATTERN_KEY: Final = re.compile(r"\{\{\s*~(?P<regex>.*)~\s*\}\}", re.DOTALL)
MAX_REGEX: Final = 256


def merge(target: Any, patch: Any) -> Any:  # noqa: ANN401 JSON
    """`target` as the patch would have it; neither is changed.

    A key `{{ ~<regex>~ }}` with null takes away every key of the target that the
    expression matches in whole, before the rest of the patch applies.

    Raises:
        DittoError: An expression that cannot be compiled, or one with another value
            than null.
    """
    if not isinstance(patch, dict):
        return patch
    result: dict[str, Any] = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if (pattern := pattern_of(key)) is not None:
            _delete_matching(result, pattern, key, value)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif pattern_of(key) is None:
            result[key] = merge(result.get(key), value)
    return result


def pattern_of(key: str) -> re.Pattern[str] | None:
    """The expression inside a `{{ ~...~ }}` key; None for any other key."""
    if not key.startswith("{{"):
        return None
    found = _PATTERN_KEY.fullmatch(key.strip())
    return _compiled(found["regex"]) if found else None


def _delete_matching(
    result: dict[str, Any],
    pattern: re.Pattern[str],
    key: str,
    value: Any,  # noqa: ANN401 JSON
) -> None:
    if value is not None:
        raise DittoError(400, "things:merge.invalid", f"Key '{key}' deletes, so it takes null.")
    for name in [name for name in result if pattern.fullmatch(name)]:
        del result[name]


@lru_cache(maxsize=256)
def _compiled(regex: str) -> re.Pattern[str]:
    # Nested repetition is what makes a backtracking engine explode; the keys that
    # people delete by pattern never need it.
    if len(regex) > MAX_REGEX or re.search(r"[*+}]\)?[*+{]|\([^)]*[*+][^)]*\)[*+{]", regex):
        raise DittoError(
            400, "things:merge.invalid", f"The expression '{regex[:80]}' is not allowed."
        )
    try:
        return re.compile(regex)
    except (re.error, RecursionError) as error:
        raise DittoError(
            400, "things:merge.invalid", f"The expression '{regex}' is invalid: {error}"
        ) from error
