"""W3C Web of Things: Thing Models as the twin's types, without network or outside library.

`Catalogue` is the door. It loads our models (folder `wot/`) and, through a `Resolver`,
anyone else's; makes skeletons of new things, judges things as Eclipse Ditto does (what is
not modelled is forbidden), writes Thing Descriptions and says which properties are series.
"""

from ioc_models.wot.catalogue import Catalogue, Faults, is_url
from ioc_models.wot.errors import (
    ModelInvalid,
    ModelNotFound,
    NotJudgedAlone,
    ThingInvalid,
    WotError,
)
from ioc_models.wot.files import DEFAULT_BASE, Resolver
from ioc_models.wot.schema import json_schema
from ioc_models.wot.series import Series

__all__ = [
    "DEFAULT_BASE",
    "Catalogue",
    "Faults",
    "ModelInvalid",
    "ModelNotFound",
    "NotJudgedAlone",
    "Resolver",
    "Series",
    "ThingInvalid",
    "WotError",
    "is_url",
    "json_schema",
]
