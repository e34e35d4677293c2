"""Markdown of the JSON schemas of evaluations."""

import json
from typing import Any

import links

FOLDER = links.ROOT / "cafct_keras" / "evaluation" / "results" / "schema"


def render(name: str) -> str:
    """A table of the fields of a document, and one of each object in it.

    Args:
        name: of the schema without its format, such as `"evaluation"`.
    """
    (file,) = FOLDER.glob(f"{name}-*.json")
    schema = json.loads(file.read_text(encoding="utf-8"))
    lines = [*_table(schema), ""]
    for title, definition in schema["$defs"].items():
        lines += [f"### {title} {{#{title.lower()}}}", "", definition["description"], "", *_table(definition), ""]
    return "\n".join(lines)


def _table(definition: dict[str, Any]) -> list[str]:
    rows = [
        f"| `{name}` | {_type(field)} | {_cell(field.get('description', ''))} |"
        for name, field in definition["properties"].items()
    ]
    return ["| field | type | contents |", "|---|---|---|", *rows]


def _type(schema: dict[str, Any]) -> str:
    """A type in words, with links to objects."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "const" in schema:
        return f"{schema['const']}"
    if "enum" in schema:
        return " or ".join(f'`"{value}"`' if isinstance(value, str) else str(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(map(_type, schema["anyOf"]))
    kind = schema.get("type", "anything")
    if isinstance(kind, list):
        return " or ".join(kind)
    if "prefixItems" in schema:
        return f"array of {' and '.join(map(_type, schema['prefixItems']))}"
    if "items" in schema:
        return f"array of {_type(schema['items'])}"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_type(schema['additionalProperties'])}"
    return kind


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
