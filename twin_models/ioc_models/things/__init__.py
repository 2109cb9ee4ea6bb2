"""The province's things: ids, first states, policies, and what their parts hold.

`builders` makes the JSON with which a twin is created, from what is known that day;
`reports` makes the patches that move it. `generated` has a pydantic class for each feature
and each kind of attributes, written from the Thing Models by `twin_models/generate.py`.
Nothing here reads or writes anything but files of the package.
"""

from ioc_models.things.access import policies
from ioc_models.things.areas import Commune, Succession, communes, successions
from ioc_models.things.builders import (
    Wall,
    camera,
    commune,
    domain,
    edge_box,
    province,
    station,
    vessel,
    wall,
)
from ioc_models.things.reports import fixed, instant, measured
from ioc_models.things.stations import DEMO_STATIONS, Station

__all__ = [
    "DEMO_STATIONS",
    "Commune",
    "Station",
    "Succession",
    "Wall",
    "camera",
    "commune",
    "communes",
    "domain",
    "edge_box",
    "fixed",
    "instant",
    "measured",
    "policies",
    "province",
    "station",
    "successions",
    "vessel",
    "wall",
]
