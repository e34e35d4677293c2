"""Validation of documents against the published schemas."""

import functools
import importlib.resources
import json

import jsonschema

from cafct_keras.evaluation.results.schema.generate import generate


def published(name):
    """The schema of a document, `"evaluation"` or `"comparison"`, as the package has it."""
    folder = importlib.resources.files("cafct_keras.evaluation.results.schema")
    return json.loads((folder / generate(name)[0]).read_text(encoding="utf-8"))


@functools.cache
def _validator(name):
    """Of a schema made strict: fields that nobody has described are refused."""
    schema = published(name)
    for part in (schema, *schema["$defs"].values()):
        part["additionalProperties"] = False
    return jsonschema.Draft202012Validator(schema)


def valid(document):
    """The document as JSON holds it, which its schema describes in full."""
    document = json.loads(json.dumps(document, allow_nan=False))
    name = "comparison" if "methods" in document else "evaluation"
    error = jsonschema.exceptions.best_match(_validator(name).iter_errors(document))
    assert error is None, f"{error.json_path}: {error.message[:300]}"
    return document
