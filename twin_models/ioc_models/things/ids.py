"""Ids of things and policies: ASCII, whatever the names look like."""

from typing import Final

AREAS: Final = "vn.camau.area"
CAMERAS: Final = "vn.camau.camera"
BOXES: Final = "vn.camau.edge"
DOMAINS: Final = "vn.camau.domain"
STATIONS: Final = "vn.camau.station"
VESSELS: Final = "vn.camau.vessel"
WALLS: Final = "vn.camau.wall"

# The province by its code in the National Statistics Office's list.
PROVINCE_CODE: Final = "96"
PROVINCE: Final = f"{AREAS}:p{PROVINCE_CODE}"


def commune(code: str) -> str:
    """A commune, by its five-digit code."""
    return f"{AREAS}:c{code}"


def camera(box: str, name: str) -> str:
    """A camera, by its box and its name there."""
    return f"{CAMERAS}:{box}.{name}"


def edge_box(box: str) -> str:
    """A box, by its name on the topics."""
    return f"{BOXES}:{box}"


def domain(name: str) -> str:
    """A domain, as `y-te`."""
    return f"{DOMAINS}:{name}"


def station(name: str) -> str:
    """A station."""
    return f"{STATIONS}:{name}"


def vessel(name: str) -> str:
    """A vessel, by a name that is not its registration number: whoever sees it sees this."""
    return f"{VESSELS}:{name}"


def wall(name: str) -> str:
    """A wall."""
    return f"{WALLS}:{name}"
