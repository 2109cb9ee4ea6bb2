"""The OpenAPI document as one plain page: no script, nothing from elsewhere."""

from html import escape
from typing import Any, Final

_PAGE: Final = """<!doctype html><html lang="vi"><meta charset="utf-8"><title>{title}</title>
<style>body{{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}}
code{{background:#eee;padding:.1em .3em}}h2{{border-top:1px solid #ccc;padding-top:1rem}}
td{{padding:.2em 1em .2em 0;vertical-align:top}}</style>
<h1>{title} {version}</h1><p>{about}</p>
<p><a href="/api/openapi.json">OpenAPI 3.1 (JSON)</a></p>{operations}</html>"""


def page(openapi: dict[str, Any]) -> str:
    """HTML that lists every operation with its parameters and answers."""
    operations = [
        _operation(method, path, operation)
        for path, methods in openapi["paths"].items()
        for method, operation in methods.items()
    ]
    info = openapi["info"]
    return _PAGE.format(
        title=escape(info["title"]),
        version=escape(info["version"]),
        about=_paragraphs(info["description"]),
        operations="".join(operations),
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    parameters = [
        (one["name"], one.get("description") or one["in"])
        for one in operation.get("parameters", ())
    ]
    answers = [(code, one["description"]) for code, one in operation["responses"].items()]
    return (
        f"<h2>{escape(operation['summary'])}</h2>"
        f"<p><code>{method.upper()} {escape(path)}</code></p>"
        f"<p>{_paragraphs(operation.get('description', ''))}</p>"
        f"{_table(parameters)}{_table(answers)}"
    )


def _paragraphs(text: str) -> str:
    return escape(text.strip()).replace("\n\n", "</p><p>")


def _table(rows: list[tuple[str, str]]) -> str:
    cells = "".join(
        f"<tr><td><code>{escape(name)}</code><td>{escape(words)}" for name, words in rows
    )
    return f"<table>{cells}</table>"
