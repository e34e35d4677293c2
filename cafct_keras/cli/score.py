"""`cafct-keras score`."""

from typing import Any

import click

from cafct_keras.cli.reporting import finish, report, report_folder, report_options, score_options, scoring
from cafct_keras.cli.shared import PATIENT_PATTERN_HELP


@click.command()
@click.option("--prediction", required=True, metavar="DIR", help="Masks to score: PNG slices or NIfTI volumes.")
@click.option("--reference", required=True, metavar="DIR", help="Reference masks with the same names.")
@click.option(
    "--label",
    "labels",
    multiple=True,
    metavar="NAME=LABELS",
    help="Labels of a target, such as liver=1,2 and lesion=2; may be repeated.  [default: 0 and 1, or 0 and 255]",
)
@click.option("--patient-pattern", help=PATIENT_PATTERN_HELP)
@click.option(
    "--spacing", type=(float, float, float), help="Spacing of PNG slices in mm: between slices, rows and columns."
)
@score_options
@report_options("evaluation.json")
def score(
    prediction: str,
    reference: str,
    iou_thresholds: tuple[float, ...],
    tolerances: tuple[float, ...],
    connectivity: str,
    out: str | None,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """Score masks from any tool against reference masks, by every rule.

    Files are matched by name, without .png, .nii or .nii.gz. A volume is one case; so are the PNG slices of a patient,
    who is found by --patient-pattern, or guessed: the name before _NUMBER. Nothing is written without --out.
    """
    from cafct_keras.evaluation.folders import score_folders
    from cafct_keras.runtime.console import make_console

    chosen = scoring(iou_thresholds, tolerances, connectivity)
    with report_folder(out) as folder:
        evaluation = score_folders(
            prediction, reference, scoring=chosen, **options, console=make_console(), quiet=quiet
        )
        report(evaluation, folder)
    return finish([evaluation.as_json], out, as_json and evaluation.as_json)
