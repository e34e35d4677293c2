"""`cafct-keras score`."""

import os
from pathlib import Path
from typing import Any

import click

from cafct_keras.cli.lazy import CheckedCommand
from cafct_keras.cli.reporting import finish, report_all, report_folder, report_options, score_options, scoring
from cafct_keras.cli.shared import PATIENT_PATTERN_HELP, named_paths


@click.command(cls=CheckedCommand, short_help="Score masks of any tool against reference masks.")
@click.option(
    "--prediction",
    "predictions",
    required=True,
    multiple=True,
    metavar="[NAME=]DIR",
    help="Masks to score: PNG slices, or volumes as NIfTI, NRRD, MetaImage or DICOM SEG; repeated, methods are ranked.",
)
@click.option("--reference", required=True, metavar="DIR", help="Reference masks.")
@click.option(
    "--match",
    metavar="REGEX",
    help=r"What the names of prediction and reference share: the first group, as in (case_\d+).  [default: all of it]",
)
@click.option("--pairs", metavar="CSV", help="Table of prediction and reference names, where no pattern fits.")
@click.option(
    "--missing",
    type=click.Choice(["error", "miss"]),
    default="error",
    show_default=True,
    help="What a missing prediction is: an error, or an empty one.",
)
@click.option(
    "--label",
    "labels",
    multiple=True,
    metavar="NAME=LABELS",
    help="Labels of a target, such as liver=1,2 and lesion=2, or colors (#ff0000); may be repeated.  "
    "[default: 0 and 1, or 0 and 255]",
)
@click.option("--patient-pattern", metavar="REGEX", help=PATIENT_PATTERN_HELP)
@click.option(
    "--spacing", type=(float, float, float), help="Spacing of PNG slices in mm: between slices, rows and columns."
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Number of processes, each with one case in memory; the scores do not depend on it.",
)
@score_options
@report_options("evaluation.json; a list for several methods")
def score(
    predictions: tuple[str, ...],
    reference: str,
    iou_thresholds: tuple[float, ...],
    tolerances: tuple[float, ...],
    connectivity: str,
    sheet: str | None,
    out: str | None,
    table: str | None,
    decimal_comma: bool,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """Score masks from any tool against reference masks, by every rule.

    Files are matched by name, without .png, .nii.gz and the like, or by --match or --pairs; labels that no --label
    names are background. A volume is one case; so are the PNG slices of a patient, who is found by --patient-pattern,
    or guessed: the name before _NUMBER. Nothing is written without --out.
    """
    from cafct_keras.evaluation.folders import score_folders
    from cafct_keras.runtime.console import make_console

    named = named_paths("predictions", predictions, name_of=lambda path: Path(os.path.realpath(path)).name)
    chosen = scoring(iou_thresholds, tolerances, connectivity, sheet)
    with report_folder(out) as folder:
        evaluations = score_folders(named, reference, scoring=chosen, **options, console=make_console(), quiet=quiet)
        report_all(evaluations, folder, seed=options["seed"], table=table, decimal_comma=decimal_comma)
    documents = [evaluation.as_json for evaluation in evaluations]
    return finish(documents, out, as_json and (documents if len(documents) > 1 else documents[0]))
