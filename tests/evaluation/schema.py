"""Validation of documents against the published schema."""

import functools
import importlib.resources
import json

import jsonschema

from cafct_keras.evaluation.results import FORMAT


def published():
    """The schema as the package has it."""
    folder = importlib.resources.files("cafct_keras.evaluation.results.schema")
    return json.loads((folder / f"evaluation-{FORMAT}.json").read_text(encoding="utf-8"))


@functools.cache
def _validator():
    """Of the schema made strict: fields that nobody has described are refused."""
    schema = published()
    for part in (schema, *schema["$defs"].values()):
        part["additionalProperties"] = False
    return jsonschema.Draft202012Validator(schema)


def valid(document):
    """The document as JSON holds it, which the schema describes in full."""
    document = json.loads(json.dumps(document, allow_nan=False))
    error = jsonschema.exceptions.best_match(_validator().iter_errors(document))
    assert error is None, f"{error.json_path}: {error.message[:300]}"
    return document
