"""Options and output that `evaluate` and `score` share."""

import contextlib
import dataclasses
import importlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cafct_keras.cli.shared import Decorator, echo_json, explained, json_option, quiet_option, say
from pipelines.printable import printable

if TYPE_CHECKING:
    from cafct_keras.evaluation.metrics.options import ScoreOptions
    from cafct_keras.evaluation.results import Evaluation
    from cafct_keras.evaluation.results.methods import MethodComparison

FILES = "report.html, evaluation.json, cases.csv, slices.csv, lesions.csv"


def score_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of `ScoreOptions`."""
    for option in (
        click.option(
            "--sheet", type=click.Choice(["lits"]), help="Print the LiTS challenge's figures too, under their names."
        ),
        click.option(
            "--connectivity",
            type=click.Choice(["26", "18", "6"]),
            default="26",
            show_default=True,
            help="Neighbours that make voxels one lesion (8, 8 or 4 in single slices); the LiTS challenge's code: 6.",
        ),
        click.option(
            "--tolerance",
            "tolerances",
            type=float,
            multiple=True,
            default=(1.0, 2.0, 3.0),
            show_default=True,
            metavar="MM",
            help="Tolerance of the surface Dice (NSD), in pixels where the spacing is unknown; may be repeated.",
        ),
        click.option(
            "--iou-threshold",
            "iou_thresholds",
            type=float,
            multiple=True,
            default=(0.0, 0.1, 0.5),
            show_default=True,
            metavar="IOU",
            help="A lesion is found where its IoU exceeds it; may be repeated.",
        ),
    ):
        command = option(command)
    return command


def scoring(
    iou_thresholds: Sequence[float], tolerances: Sequence[float], connectivity: str, sheet: str | None
) -> "ScoreOptions":
    """The values of `score_options`."""
    from cafct_keras.evaluation.metrics.options import ScoreOptions

    return ScoreOptions(
        iou_thresholds=tuple(iou_thresholds),
        tolerances=tuple(tolerances),
        connectivity=int(connectivity),
        sheet=sheet,
    )


def report_options(document: str) -> Decorator:
    """The options of a command that scores.

    Args:
        document: what `--json` prints.
    """
    options = (
        click.option("--keep-going", is_flag=True, help="Skip cases that cannot be scored; the exit code is then 1."),
        click.option(
            "--seed", type=click.IntRange(0), default=0, show_default=True, help="Random seed of the bootstrap."
        ),
        click.option("--out", metavar="DIR", help=f"Folder to create, with {FILES}."),
        quiet_option(),
        json_option(document),
    )

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        command = table_options(command)
        for option in reversed(options):
            command = option(command)
        return command

    return add


def table_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options `--table` and `--decimal-comma`, see `report`."""
    command = click.option(
        "--decimal-comma", is_flag=True, help="0,5 instead of 0.5 in tables, and semicolons between fields of CSV."
    )(command)
    return click.option(
        "--table",
        type=click.Choice(["markdown", "latex"]),
        help="Print the scores as tables to paste; with --out also in scores.md or scores.tex.",
    )(command)


def report_folder(out: str | None) -> contextlib.AbstractContextManager[Path | None]:
    """Context with the folder that a report is written to, None without one."""
    if out is None:
        return contextlib.nullcontext()
    # Imported here so that a missing package is reported before anything is scored.
    importlib.import_module("cafct_keras.evaluation.writing")
    from pipelines.atomic import atomic_directory

    return atomic_directory(Path(out))


def report(
    evaluation: "Evaluation", folder: Path | None, *, table: str | None = None, decimal_comma: bool = False
) -> None:
    """Prints an evaluation, and writes it to a folder if there is one.

    Args:
        evaluation: the evaluation.
        folder: where to write; None not to.
        table: print tables of this format, `"markdown"` or `"latex"`, instead of the summary.
        decimal_comma: write 0,5 instead of 0.5 in tables.
    """
    from cafct_keras.evaluation import console, markup
    from cafct_keras.runtime.console import make_console

    decimal = "," if decimal_comma else "."
    if folder:
        from cafct_keras.evaluation.writing import write_evaluation

        write_evaluation(evaluation, folder, table=table, decimal=decimal)
    _warn(evaluation.document.data.warnings)
    if table:
        say(markup.FORMATS[table](evaluation.as_json, decimal=decimal))
        return
    output = make_console()
    shown = printable(evaluation.as_json)
    output.print(console.summary(shown, width=output.width, decimal=decimal))
    if evaluation.document.comparison:
        output.print(console.comparison(shown, width=output.width, decimal=decimal))


def _warn(warnings: Sequence[str]) -> None:
    for warning in warnings:
        say(f"warning: {explained(warning)}", err=True)


def report_all(
    evaluations: Sequence["Evaluation"],
    folder: Path | None,
    *,
    seed: int,
    table: str | None = None,
    decimal_comma: bool = False,
) -> None:
    """Reports one evaluation, or each of several in a folder of its own and their comparison; see `report`."""
    if len(evaluations) == 1:
        report(evaluations[0], folder, table=table, decimal_comma=decimal_comma)
        return
    from cafct_keras.evaluation.comparison import compare_evaluations

    for evaluation in evaluations:
        of_one = folder and folder / evaluation.name.replace("/", "-")
        report(evaluation, of_one, table=table, decimal_comma=decimal_comma)
    comparison = compare_evaluations(evaluations, seed=seed)
    report_comparison(comparison, folder, table=table, decimal_comma=decimal_comma)


def report_comparison(
    comparison: "MethodComparison", folder: Path | None, *, table: str | None = None, decimal_comma: bool = False
) -> dict[str, Any]:
    """Prints a comparison of methods, and writes it to a folder if there is one; returns it as JSON. See `report`."""
    from cafct_keras.evaluation import comparison_console, markup
    from cafct_keras.runtime.console import make_console

    decimal = "," if decimal_comma else "."
    if folder:
        from cafct_keras.evaluation.writing import write_comparison

        write_comparison(comparison, folder, table=table, decimal=decimal)
    _warn(comparison.warnings)
    document = dataclasses.asdict(comparison)
    output = make_console()
    if table:
        say(markup.FORMATS[table](document, decimal=decimal))
    else:
        output.print(comparison_console.methods(printable(document), width=output.width, decimal=decimal))
    return document


def finish(documents: Sequence[dict[str, Any]], out: str | None, as_json: Any) -> int:
    """Prints the last lines and returns the exit code, 1 if something could not be scored."""
    if out:
        written = [path.name + "/" * path.is_dir() for path in sorted(Path(out).iterdir())]
        say(f"{out}: {', '.join(written)}")
    failures = [failure for document in documents for failure in document["failures"]]
    for message in dict.fromkeys(failure["message"] for failure in failures):
        say(f"not scored: {explained(message)}", err=True)
    if as_json:
        echo_json(as_json)
    sys.stdout.flush()
    return 1 if failures else 0
