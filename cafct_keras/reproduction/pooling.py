"""Scores of several runs of one system, pooled from the tables of their evaluations."""

import csv
import pathlib
from collections.abc import Sequence

import numpy as np

from cafct_keras.evaluation.metrics.bootstrap import Bootstrap
from cafct_keras.evaluation.metrics.overlap import Counts, overlap_estimates
from cafct_keras.evaluation.results import AS_PREDICTED


def pooled_estimates(tables: Sequence[str | pathlib.Path], target: str, *, seed: int = 0) -> dict[str, dict[str, dict]]:
    """Estimates every measure by every rule over the slices of several runs on the same cases.

    Values are means over runs; intervals (95 %) resample runs and patients, independently of each other.

    Args:
        tables: the runs' `slices.csv`, see `slice_rows`; one or more.
        target: target of the rows.
        seed: of the bootstrap.

    Returns:
        Rule to measure to the fields of an `Estimate`.
    """
    runs = [_rows(path, target) for path in tables]
    patients = sorted({row["patient"] for rows in runs for row in rows})
    number = {name: index for index, name in enumerate(patients)}
    rows = [(run, row) for run, rows in enumerate(runs) for row in rows]
    counts = Counts(
        **{name: np.array([int(row[name]) for _, row in rows], np.int64) for name in ("tp", "fp", "fn", "pixels")}
    )
    cases: dict[tuple[int, str], int] = {}
    case = np.array([cases.setdefault((run, row["case"]), len(cases)) for run, row in rows])
    group = np.array([run * len(patients) + number[row["patient"]] for run, row in rows])
    bootstrap = Bootstrap(patients=len(patients), runs=len(runs), seed=seed)
    estimates = overlap_estimates(counts, case, group, bootstrap)
    return {rule: {name: vars(one) for name, one in measures.items()} for rule, measures in estimates.items()}


def _rows(path: str | pathlib.Path, target: str) -> list[dict[str, str]]:
    with pathlib.Path(path).open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["target"] == target and row["result"] == AS_PREDICTED]
