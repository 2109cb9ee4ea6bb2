"""Advisory locks that processes share, each number once."""

from typing import Final

# All writers of changes queue here, so that change numbers rise in commit order.
CHANGE_LOCK: Final = 0x10C_0002
# One courier at a time, or an older state could arrive at a real Ditto last.
COURIER_LOCK: Final = 0x10C_0010
