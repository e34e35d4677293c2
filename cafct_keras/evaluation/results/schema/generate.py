"""Generation of the schemas from the dataclasses in `results`, whose docstrings describe the fields.

Run `python -m cafct_keras.evaluation.results.schema.generate` after a change of theirs.
"""

import inspect
import json
import pathlib
import re
import types
import typing
from typing import Any

from cafct_keras.evaluation.results.defaults import field_defaults
from cafct_keras.evaluation.results.document import FORMAT, Document
from cafct_keras.evaluation.results.methods import COMPARISON_FORMAT, MethodComparison
from pipelines.atomic import atomic_write_text

SCHEMAS: dict[str, tuple[type, int]] = {
    "evaluation": (Document, FORMAT),
    "comparison": (MethodComparison, COMPARISON_FORMAT),
}
_SCALARS = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


def generate(name: str) -> tuple[str, dict[str, Any]]:
    """Schema of a document, with one definition for each class that it is made of.

    Args:
        name: of `SCHEMAS`.

    Returns:
        The name of its file, and the schema.
    """
    kind, number = SCHEMAS[name]
    definitions: dict[str, Any] = {}
    _reference(kind, definitions)
    root = definitions.pop(kind.__name__)
    root["properties"]["format"]["const"] = number
    return f"{name}-{number}.json", {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{name}.json, format {number}",
        **root,
        "$defs": dict(sorted(definitions.items())),
    }


def _schema(annotation: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    """Schema of an annotation; classes go to the definitions."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is Any:
        return {}
    if annotation in _SCALARS:
        return {"type": _SCALARS[annotation]}
    if origin is typing.Literal:
        return {"enum": list(arguments)}
    if origin in (typing.Union, types.UnionType):
        return _any_of([_schema(each, definitions) for each in arguments])
    if origin is list:
        return {"type": "array", "items": _schema(arguments[0], definitions)}
    if origin is tuple:
        if arguments[-1] is ...:
            return {"type": "array", "items": _schema(arguments[0], definitions)}
        items = [_schema(each, definitions) for each in arguments]
        return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
    if origin is dict:
        values = _schema(arguments[1], definitions)
        return {"type": "object"} | ({"additionalProperties": values} if values else {})
    return _reference(annotation, definitions)


def _any_of(choices: list[dict[str, Any]]) -> dict[str, Any]:
    if all(list(choice) == ["type"] for choice in choices):
        return {"type": [choice["type"] for choice in choices]}
    return {"anyOf": choices}


def _reference(kind: type, definitions: dict[str, Any]) -> dict[str, Any]:
    """Reference to the definition of a dataclass."""
    if kind.__name__ not in definitions:
        definitions[kind.__name__] = {}  # before its fields, one of which may be of the same class
        described = _descriptions(kind)
        fields = typing.get_type_hints(kind)
        definitions[kind.__name__] = {
            "description": _summary(kind),
            "type": "object",
            "properties": {
                name: _schema(annotation, definitions) | {"description": described[name]}
                for name, annotation in fields.items()
            },
            "required": [name for name in fields if name not in field_defaults(kind)],
        }
    return {"$ref": f"#/$defs/{kind.__name__}"}


def _summary(kind: type) -> str:
    return _text((inspect.getdoc(kind) or "").split("\n\n")[0])


def _descriptions(kind: type) -> dict[str, str]:
    """Field to its lines under "Attributes:", those of base classes included."""
    described: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        _, _, attributes = inspect.cleandoc(each.__doc__ or "").partition("Attributes:\n")
        for names, text in re.findall(r"^    (\w[\w, ]*): (.+(?:\n     +.+)*)", attributes, re.MULTILINE):
            described |= dict.fromkeys(names.split(", "), _text(text))
    return described


def _text(docstring: str) -> str:
    """Part of a docstring on one line, in the words of JSON."""
    return re.sub(r"\bNone\b", "null", " ".join(docstring.split()))


if __name__ == "__main__":
    for each in SCHEMAS:
        file, schema = generate(each)
        path = pathlib.Path(__file__).with_name(file)
        atomic_write_text(path, json.dumps(schema, indent=1, ensure_ascii=False) + "\n")
