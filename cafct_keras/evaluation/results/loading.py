"""Reading of `evaluation.json`, of this format or the one before."""

import dataclasses
import json
import pathlib
import types
import typing
from typing import Any

from cafct_keras.errors import UserError
from cafct_keras.evaluation.metrics.bootstrap import Estimate
from cafct_keras.evaluation.results.defaults import field_defaults
from cafct_keras.evaluation.results.document import FORMAT, Document
from pipelines.documents import parse_json

FILE = "evaluation.json"
OLDER_INTERVAL = "percentile bootstrap over patients"


def load_document(path: str | pathlib.Path) -> dict[str, Any]:
    """Reads a document as `Evaluation.as_json` has it.

    A document of format 1 gets the fields of this format: those that say how it was scored hold what format 1 always
    did, and scores that it lacks are undefined.

    Args:
        path: `evaluation.json`, or the folder that holds it.

    Raises:
        UserError: there is no such file, it is damaged, no document, or of a newer format.
    """
    path = pathlib.Path(path)
    path = path / FILE if path.is_dir() else path
    try:
        document = parse_json(path.read_bytes())
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; give {FILE}, or the folder that holds it") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError:
        raise UserError(f"{path}: damaged, or not JSON; give {FILE} as evaluate and score write it") from None
    if isinstance(document, list):
        raise UserError(f"{path}: holds a list of {len(document)}; give a file of one document")
    number = document.get("format") if isinstance(document, dict) else None
    if not isinstance(number, int) or "results" not in document:
        raise UserError(f"{path}: not the document of an evaluation; give {FILE} as evaluate and score write it")
    if not 1 <= number <= FORMAT:
        raise UserError(f"{path}: format {number}, and this version reads 1 to {FORMAT}; update cafct-keras")
    try:
        if number == 1:
            document = _from_1(document)
    except (KeyError, TypeError, AttributeError):
        raise UserError(f"{path}: damaged: a field of format 1 is missing or of another type; evaluate again") from None
    try:
        return _read(document, Document, "", complete=number == 1)
    except _DamagedError as error:
        raise UserError(f"{path}: damaged: {error}; write it again with evaluate or score") from None


class _DamagedError(ValueError):
    """Names the field that is missing or of another type."""


def _read(value: Any, annotation: Any, where: str, *, complete: bool) -> Any:
    """A value with all fields of its annotation.

    A field that the value lacks has its default, as documents written before there was such a field mean it. Without a
    default it is undefined if `complete`, else an error.
    """
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        kinds = [each for each in arguments if each is not type(None)]
        annotation = max(kinds, key=lambda kind: _overlap(value, kind))
        return _read(value, annotation, where, complete=complete)
    if dataclasses.is_dataclass(annotation) or typing.is_typeddict(annotation):
        _expect(value, dict, where)
        fields, defaults = {}, field_defaults(annotation)
        for name, kind in typing.get_type_hints(annotation).items():
            if name not in value and name in defaults:
                fields[name] = defaults[name]
                continue
            if name not in value and not complete:
                raise _DamagedError(f"`{where}{name}` is missing")
            given = value[name] if name in value else _undefined(kind)
            fields[name] = _read(given, kind, f"{where}{name}.", complete=complete)
        return value | fields
    if origin is dict:
        _expect(value, dict, where)
        return {name: _read(each, arguments[1], f"{where}{name}.", complete=complete) for name, each in value.items()}
    if origin is list:
        _expect(value, list, where)
        return [_read(each, arguments[0], f"{where}{index}.", complete=complete) for index, each in enumerate(value)]
    if annotation in (str, int, float, bool):
        _expect(value, (int, float) if annotation is float else annotation, where)
    return value


def _overlap(value: Any, kind: Any) -> int:
    """How many fields of a dataclass a value has."""
    if not (isinstance(value, dict) and dataclasses.is_dataclass(kind)):
        return 0
    return sum(field.name in value for field in dataclasses.fields(kind))


def _expect(value: Any, kind: type | tuple[type, ...], where: str) -> None:
    if not isinstance(value, kind):
        raise _DamagedError(f"`{where.rstrip('.')}` holds {json.dumps(value)[:40]}")


def _undefined(kind: Any) -> Any:
    """What stands for a field that an older document does not have."""
    if type(None) in typing.get_args(kind):
        return None
    if kind is Estimate:
        return dataclasses.asdict(Estimate(value=None, units=0))
    return [] if typing.get_origin(kind) is list else {}


def _from_1(document: dict[str, Any]) -> dict[str, Any]:
    """A document of format 1 with what later formats say and it took for granted."""
    data, grid = document["data"], "masks"
    if "size" in data:
        grid = "network"
        data = data | {"grid": grid}
    results = [_result_from_1(each, grid) for each in document["results"]]
    return document | {"format": FORMAT, "data": data, "results": results}


def _result_from_1(result: dict[str, Any], grid: str) -> dict[str, Any]:
    summary = result["summary"]
    targets = {
        name: target | {"lesions": _lesions_from_1(target["lesions"])} for name, target in summary["targets"].items()
    }
    taken = {"grid": grid, "connectivity": 26, "surface": "voxels", "interval": OLDER_INTERVAL}
    options = taken | summary["options"]
    complete = {"complete_cases": summary["cases"]}  # a set with a gap was one of loose slices
    renamed = {"false_positives": "false_positives_iou_over_0"}
    return result | {
        "summary": summary | complete | {"options": options, "targets": targets},
        "cases": [{renamed.get(name, name): value for name, value in row.items()} for row in result["cases"]],
    }


def _lesions_from_1(lesions: dict[str, Any] | None) -> dict[str, Any] | None:
    """Lesions with detection by threshold.

    False positives were components that touch no lesion, which is right at an IoU over 0 only; precision and F1 at
    other thresholds are left out.
    """
    if lesions is None:
        return None
    counted = {
        "false_positives": lesions["false_positives"],
        "false_positives_per_unit": lesions["false_positives_per_unit"],
    }
    detection = {
        key: value | counted
        if key == "iou_over_0"
        else {name: value[name] for name in ("recall", "recall_by_diameter")}
        for key, value in lesions.items()
        if key.startswith("iou_over_")
    }
    return {**{name: lesions[name] for name in ("unit", "units", "lesions")}, "detection": detection}
