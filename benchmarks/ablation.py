"""Ablation of a recipe: trains it with one option changed at a time, and tabulates the scores of held-out patients.

    python benchmarks/ablation.py benchmarks/lits_ablation.toml --data FOLD0 --data FOLD1 --out DIR

The TOML file names the recipe, options of all rows and those of each row. The data folders are folds of the training
patients: each has another few of them as its test part, and a row's scores are over the test cases of all. An
interrupted ablation resumes with the same command, and rows that are finished are only read.
"""

import argparse
import csv
import dataclasses
import json
import pathlib
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator

import numpy as np

from pipelines.atomic import atomic_write_text

RESULT = "post-processed"  # lesions outside the predicted liver removed


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """Scores of one row.

    Attributes:
        dice: case to lesion Dice, of cases that show a lesion.
        liver: liver Dice per case.
        found, lesions: lesions found at IoU over 0.1, and all.
        false_positives: components that are not.
        cases: number of held-out cases.
        minutes: of training, over all folds.
    """

    dice: dict[str, float]
    liver: list[float]
    found: int
    lesions: int
    false_positives: int
    cases: int
    minutes: float


def main() -> None:
    """Runs what is left to run and writes `table.md`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("--data", action="append", required=True, type=pathlib.Path)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    arguments = parser.parse_args()
    plan = tomllib.loads(arguments.file.read_text(encoding="utf-8"))
    common = ["--config", plan["config"], *shlex.split(plan["options"])]
    rows: dict[str, Row] = {}
    for name, options in plan["rows"].items():
        runs = [
            run([*common, *shlex.split(options)], data=data, out=arguments.out / f"{_slug(name)}-{data.name}")
            for data in arguments.data
        ]
        rows[name] = read(runs)
        atomic_write_text(arguments.out / "table.md", "\n".join(table(rows)) + "\n")
        print(f"{name}: lesion Dice per case {np.mean(list(rows[name].dice.values())):.3f}", flush=True)
    print("\n".join(table(rows)))


def run(options: list[str], *, data: pathlib.Path, out: pathlib.Path) -> pathlib.Path:
    """Trains and scores one row on one fold, where that is not done yet; returns its run folder."""
    scores = out / "evaluation"
    if not (scores / "cases.csv").exists():
        train = ["fit", *options, "--data", str(data), "--out", str(out), "--resume", "--quiet"]
        score = ["evaluate", str(out), "--lesions-inside-liver", "--out", str(scores)]
        for command in (train, [*score, "--quiet"]):
            subprocess.run(["cafct-keras", *command], check=True)
    return out


def read(runs: list[pathlib.Path]) -> Row:
    """Reads the scores of one row."""
    cases = [(run, case) for run in runs for case in _cases(run)]
    lesions = [(run, case) for run, case in cases if case["target"] == "lesion"]
    return Row(
        dice={
            f"{run.name.rsplit('-', 1)[-1]}/{case['case']}": float(case["dice"])
            for run, case in lesions
            if int(case["tp"]) + int(case["fn"])
        },
        liver=[float(case["dice"]) for _, case in cases if case["target"] == "liver"],
        found=sum(int(case["lesions_found_iou_over_0.1"]) for _, case in lesions),
        lesions=sum(int(case["lesions"]) for _, case in lesions),
        false_positives=sum(int(case["false_positives_iou_over_0.1"]) for _, case in lesions),
        cases=len(lesions),
        minutes=sum(json.loads((run / "run.json").read_text())["seconds"]["total"] for run in runs) / 60,
    )


def table(rows: dict[str, Row]) -> Iterator[str]:
    """Lines of a Markdown table; differences are from the first row, case by case."""
    first = next(iter(rows.values()))
    columns = ("", "lesion Dice per case", "difference", "cases better, worse", "recall", "false positives per case")
    yield f"| {' | '.join((*columns, 'liver', 'minutes'))} |"
    yield "|---|---|---|---|---|---|---|---|"
    for name, row in rows.items():
        change = np.array([row.dice[case] - first.dice[case] for case in first.dice])
        compared = (
            f"{change.mean():+.3f} | {(change > 0.01).sum()}, {(change < -0.01).sum()}" if row is not first else "| "
        )
        yield (
            f"| {name} | {np.mean(list(row.dice.values())):.3f} | {compared} | {row.found} of {row.lesions} "
            f"| {row.false_positives / row.cases:.1f} | {np.mean(row.liver):.3f} | {row.minutes:.0f} |"
        )


def _cases(run: pathlib.Path) -> list[dict[str, str]]:
    with (run / "evaluation" / "cases.csv").open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["result"] == RESULT]


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "_", name.lower()).strip("_")


if __name__ == "__main__":
    main()
