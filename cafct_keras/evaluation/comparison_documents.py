"""Comparison of methods by the documents of their evaluations."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from cafct_keras.errors import UserError
from cafct_keras.evaluation.comparison import Tables, compare_units
from cafct_keras.evaluation.comparison_units import units_of_rows
from cafct_keras.evaluation.results import AS_PREDICTED
from cafct_keras.evaluation.results.methods import MethodComparison

# Options by which a set was scored, and a column of a reference, each of which differs for one reason only.
_OPTIONS = ("grid", "connectivity", "surface", "contiguous", "spacing_known")
_REFERENCE = ("patient", "slices", "pixels", "lesions", "reference_ml")

Rows = dict[str, dict[str, dict[str, Any]]]  # case to target to row


def compare_documents(
    documents: Mapping[str, dict[str, Any]], *, seed: int = 0, resamples: int = 1000
) -> MethodComparison:
    """Compares methods as `compare_methods` does, by the rows of their cases.

    Rules that score slices are left out, for which rows of cases do not suffice, and so are distances over all units
    and metrics that not all documents have.

    Args:
        documents: name to document, see `load_document`; two or more. Post-processed masks are compared where all
            documents have them.
        seed: of the bootstrap.
        resamples: of the bootstrap.

    Raises:
        UserError: there is one document, they share no case, or differ in targets, grid, rules or references.
    """
    if len(documents) < 2:
        raise UserError("documents: give two or more to compare")
    last = {document["results"][-1]["name"] for document in documents.values()}
    result = last.pop() if len(last) == 1 else AS_PREDICTED
    results = {
        name: next(each for each in document["results"] if each["name"] == result)
        for name, document in documents.items()
    }
    (first, reference), *others = results.items()
    for name, other in others:
        _check_same_rule(first, reference["summary"], name, other["summary"])
    rows = {name: _rows(each["cases"]) for name, each in results.items()}
    cases = [case for case in rows[first] if all(case in each for each in rows.values())]
    if not cases:
        raise UserError(f"{' and '.join(documents)}: share no case, so there is nothing to compare")
    for name, _ in others:
        for case in cases:
            _check_same_reference(case, first, rows[first][case], name, rows[name][case])
    options = reference["summary"]["options"]
    return compare_units(
        {
            name: _tables([each[case] for case in cases], volumes=options["contiguous"] and options["spacing_known"])
            for name, each in rows.items()
        },
        cases={name: list(each) for name, each in rows.items()},
        patients=len(_patients([rows[first][case] for case in cases])),
        result=result,
        seed=seed,
        resamples=resamples,
    )


def _check_same_rule(first: str, one: dict[str, Any], name: str, other: dict[str, Any]) -> None:
    targets = [" and ".join(sorted(summary["targets"])) for summary in (one, other)]
    if targets[0] != targets[1]:
        raise UserError(f"{name}: scores {targets[1]}, and {first} {targets[0]}; give documents of the same targets")
    for option in _OPTIONS:
        values = [summary["options"].get(option) for summary in (one, other)]
        if None not in values and values[0] != values[1]:
            raise UserError(
                f"{name}: was scored with {option} {values[1]}, and {first} with {values[0]}; score both the same way"
            )


def _check_same_reference(
    case: str, first: str, one: dict[str, dict[str, Any]], name: str, other: dict[str, dict[str, Any]]
) -> None:
    same = set(one) == set(other)
    for target in set(one) & set(other):
        a, b = one[target], other[target]
        same = same and a["tp"] + a["fn"] == b["tp"] + b["fn"] and all(a[key] == b[key] for key in _REFERENCE)
    if not same:
        raise UserError(f"{case}: its references differ between {first} and {name}; score both against the same masks")


def _rows(rows: list[dict[str, Any]]) -> Rows:
    cases: Rows = {}
    for row in rows:
        cases.setdefault(row["case"], {})[row["target"]] = row
    return cases


def _patients(cases: list[dict[str, dict[str, Any]]]) -> dict[str, int]:
    """Number of each patient, in the order in which they come."""
    names = dict.fromkeys(row["patient"] for case in cases for row in case.values())
    return {name: number for number, name in enumerate(names)}


def _tables(cases: list[dict[str, dict[str, Any]]], *, volumes: bool) -> Tables:
    patients = _patients(cases)
    by_target: dict[str, list[dict[str, Any]]] = {}
    for case in cases:
        for target, row in case.items():
            by_target.setdefault(target, []).append(row)
    return {
        target: units_of_rows(rows, np.array([patients[row["patient"]] for row in rows]), volumes=volumes)
        for target, rows in by_target.items()
    }
