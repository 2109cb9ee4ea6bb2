"""RQL, the language of Ditto's filters, conditions and search options."""

from ioc_cloud.twin.rql.ast import Query, SortKey
from ioc_cloud.twin.rql.errors import RqlInvalid
from ioc_cloud.twin.rql.evaluate import evaluate
from ioc_cloud.twin.rql.options import Options, parse_options
from ioc_cloud.twin.rql.parser import parse_filter, read_options
from ioc_cloud.twin.rql.properties import check, paths
from ioc_cloud.twin.rql.sql import compile_sql

__all__ = [
    "Options",
    "Query",
    "RqlInvalid",
    "SortKey",
    "check",
    "compile_sql",
    "evaluate",
    "parse_filter",
    "parse_options",
    "paths",
    "read_options",
]
