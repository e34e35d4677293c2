"""`cafct-keras score`."""

import click

from cafct_keras.cli.reporting import finish, report, report_folder


@click.command()
@click.option("--prediction", required=True, metavar="DIR", help="Masks to score: PNG slices or NIfTI volumes.")
@click.option("--reference", required=True, metavar="DIR", help="Masks to score against, of the same names.")
@click.option(
    "--label",
    "labels",
    multiple=True,
    metavar="NAME=LABELS",
    help="What labels stand for, such as liver=1,2 and lesion=2; may be repeated.  [default: 0 and 1, or 0 and 255]",
)
@click.option("--patient-pattern", help="Regular expression; its first group is the patient in a file's name.")
@click.option("--spacing", type=(float, float, float), help="Of PNG slices: mm along slice, row and column.")
@click.option("--keep-going", is_flag=True, help="Score what can be scored; exit code 1 if that is not all.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the intervals' resampling.")
@click.option("--out", metavar="DIR", help="Folder to make, with report.html, evaluation.json, cases.csv, slices.csv.")
@click.option("--quiet", is_flag=True, help="Plain lines instead of a bar.")
@click.option("--json", "as_json", is_flag=True, help="evaluation.json on the last line.")
def score(prediction, reference, out, quiet, as_json, **options):
    """Score masks from any tool against reference masks, by every rule.

    Files belong together by their names without .png, .nii or .nii.gz. A volume is a case; a PNG slice is one by
    itself, unless --patient-pattern tells which belong together. Without --out nothing is written.
    """
    from cafct_keras.evaluation.folders import score_folders
    from cafct_keras.runtime.console import make_console

    with report_folder(out) as folder:
        evaluation = score_folders(prediction, reference, **options, console=make_console(), quiet=quiet)
        report(evaluation, folder)
    return finish([evaluation.as_json], out, as_json and evaluation.as_json)
