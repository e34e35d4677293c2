"""The command line's `evaluate` and `score`: how good networks, and masks from anywhere, are."""

import contextlib
import json
import sys

import click


@click.command()
@click.argument("runs", metavar="RUN [RUN_B ...]", nargs=-1, required=True)
@click.option("--data", metavar="DIR", help="Cases to score.  [default: what the first run was trained on]")
@click.option("--layout", help="Of the folder, such as nifti or dicom.  [default: found by looking]")
@click.option("--patient-pattern", help="Regular expression; its first group is the patient in a slice's name.")
@click.option("--split", default="test", show_default=True, help="Part that is scored: train, validation, test or all.")
@click.option(
    "--threshold",
    default="0.5",
    show_default=True,
    metavar="NUMBER|auto",
    help="Probability above which a pixel is foreground; auto: the best of the validation part.",
)
@click.option("--largest-liver", is_flag=True, help="Post-processing: keep the liver's largest component.")
@click.option("--lesions-inside-liver", is_flag=True, help="Post-processing: keep lesions in the predicted liver only.")
@click.option(
    "--smallest-lesion",
    type=click.FloatRange(0),
    default=0.0,
    metavar="MM3",
    help="Post-processing: drop smaller lesions (mm2 for loose slices, pixels where no spacing is known).",
)
@click.option("--postprocess", type=click.Choice(["auto"]), help="Choose post-processing on the validation part.")
@click.option("--keep-going", is_flag=True, help="Score what can be read; exit code 1 if that is not all.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the intervals' resampling.")
@click.option("--out", metavar="DIR", help="Folder to make, with report.html, evaluation.json, cases.csv, slices.csv.")
@click.option("--quiet", is_flag=True, help="Plain lines instead of a bar.")
@click.option("--json", "as_json", is_flag=True, help="evaluation.json on the last line; a list of them for many runs.")
def evaluate(
    runs, threshold, largest_liver, lesions_inside_liver, smallest_lesion, postprocess, out, quiet, as_json, **options
):
    """Score trained networks by every rule. RUN is a run folder; further runs are compared with the first.

    Post-processing is reported beside the masks as predicted. Without --out nothing is written.
    """
    from cafct_keras.evaluate import EvaluateOptions
    from cafct_keras.evaluate import evaluate as score_runs
    from cafct_keras.evaluation.postprocess import PostProcessing

    steps = PostProcessing(
        largest_liver=largest_liver, lesions_inside_liver=lesions_inside_liver, smallest_lesion=smallest_lesion
    )
    if postprocess and steps != PostProcessing():
        raise click.UsageError("--postprocess auto: chooses the steps; leave the other post-processing options out")
    if threshold != "auto":
        threshold = click.FLOAT.convert(threshold, None, None)
    options = EvaluateOptions(threshold=threshold, postprocessing=postprocess or steps, **options)
    with _report_folder(out) as folder:
        evaluations = score_runs(runs, options, console=_console(), quiet=quiet)
        for evaluation in evaluations:
            several = len(evaluations) > 1
            _report(evaluation, folder and (folder / evaluation.name.replace("/", "-") if several else folder))
    documents = [evaluation.document for evaluation in evaluations]
    return _finish(documents, out, as_json and (documents if len(documents) > 1 else documents[0]))


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

    with _report_folder(out) as folder:
        evaluation = score_folders(prediction, reference, **options, console=_console(), quiet=quiet)
        _report(evaluation, folder)
    return _finish([evaluation.document], out, as_json and evaluation.document)


def _console():
    from rich.console import Console

    return Console(highlight=False, soft_wrap=True)


def _report_folder(out):
    from pipelines.atomic import atomic_directory

    return contextlib.nullcontext() if out is None else atomic_directory(out)


def _report(evaluation, folder):
    """Shows an evaluation, and writes it to a folder if there is one."""
    from cafct_keras.evaluation import console

    if folder:
        from cafct_keras.evaluation.output import write_evaluation

        write_evaluation(evaluation, folder)
    for warning in evaluation.document["data"]["warnings"]:
        click.echo(f"warning: {warning}", err=True)
    _console().print(console.summary(evaluation.document))
    if evaluation.document["comparison"]:
        _console().print(console.comparison(evaluation.document))


def _finish(documents, out, as_json):
    """Last lines, and the exit code: 1 if something could not be scored."""
    if out:
        click.echo(
            f"{out}: report.html, evaluation.json, cases.csv, slices.csv" + (" for each run" * (len(documents) > 1))
        )
    failures = [failure for document in documents for failure in document["failures"]]
    for message in dict.fromkeys(failure["message"] for failure in failures):
        click.echo(f"not scored: {message}", err=True)
    if as_json:
        click.echo(json.dumps(as_json))
    sys.stdout.flush()
    return 1 if failures else 0
