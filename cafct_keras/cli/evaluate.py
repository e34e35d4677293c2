"""`cafct-keras evaluate`."""

import click

from cafct_keras.cli.reporting import finish, report, report_folder


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
    from cafct_keras.evaluation.evaluate import EvaluateOptions
    from cafct_keras.evaluation.evaluate import evaluate as score_runs
    from cafct_keras.evaluation.postprocessing import PostProcessing
    from cafct_keras.reproduction.paper import with_printed_rows
    from cafct_keras.runtime.console import make_console

    steps = PostProcessing(
        largest_liver=largest_liver, lesions_inside_liver=lesions_inside_liver, smallest_lesion=smallest_lesion
    )
    if postprocess and steps != PostProcessing():
        raise click.UsageError("--postprocess auto: chooses the steps; leave the other post-processing options out")
    if threshold != "auto":
        threshold = click.FLOAT.convert(threshold, None, None)
    options = EvaluateOptions(threshold=threshold, postprocessing=postprocess or steps, **options)
    with report_folder(out) as folder:
        evaluations = score_runs(runs, options, console=make_console(), quiet=quiet)
        evaluations = [with_printed_rows(evaluation) for evaluation in evaluations]
        for evaluation in evaluations:
            several = len(evaluations) > 1
            report(evaluation, folder and (folder / evaluation.name.replace("/", "-") if several else folder))
    documents = [evaluation.as_json for evaluation in evaluations]
    return finish(documents, out, as_json and (documents if len(documents) > 1 else documents[0]))
