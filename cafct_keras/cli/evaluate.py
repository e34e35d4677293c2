"""`cafct-keras evaluate`."""

from typing import Any

import click

from cafct_keras.cli.lazy import CheckedCommand
from cafct_keras.cli.reporting import finish, report_all, report_folder, report_options, score_options, scoring
from cafct_keras.cli.shared import LAYOUT_HELP, postprocessing_options, reading_options, say, smoothing_option


def _threshold(ctx: click.Context, parameter: click.Parameter, value: str) -> float | str:
    try:
        return value if value in ("auto", "kept") else float(value)
    except ValueError:
        raise click.BadParameter(f"{value}: give a number between 0 and 1, auto or kept", ctx, parameter) from None


@click.command(cls=CheckedCommand)
@click.argument("runs", metavar="RUN [RUN_B ...]", nargs=-1, required=True)
@click.option("--data", metavar="DIR", help="Data folder to score on.  [default: that of the first run]")
@click.option("--layout", metavar="NAME", help=LAYOUT_HELP)
@reading_options()
@click.option(
    "--split",
    default="test",
    show_default=True,
    metavar="train|validation|test|all",
    help="Part of the data to score.",
)
@click.option(
    "--grid",
    default="native",
    show_default=True,
    metavar="native|network",
    help="Pixels that are scored: those of the data, or those that the network sees.",
)
@click.option(
    "--threshold",
    default="0.5",
    show_default=True,
    metavar="NUMBER|auto|kept",
    callback=_threshold,
    help="Probability above which a pixel is foreground; auto: the best one by Dice per case on the validation part; "
    "kept: see --keep.",
)
@smoothing_option("0, or what was kept if the threshold or post-processing is")
@postprocessing_options(["auto", "kept"], "Post-processing chosen on the validation part, or kept with the run.")
@click.option(
    "--keep",
    is_flag=True,
    help="Keep the threshold, smoothing and post-processing in the run folder; predict uses them.",
)
@score_options
@report_options("evaluation.json; a list for several runs")
def evaluate(
    runs: tuple[str, ...],
    threshold: float | str,
    postprocessing: Any,
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
    """Score trained networks by every rule. RUN is a run folder or a published model; several are compared.

    Post-processed masks are scored beside the masks as predicted. Nothing is written without --out.
    """
    from cafct_keras.evaluation.evaluate import evaluate as score_runs
    from cafct_keras.evaluation.options import EvaluateOptions
    from cafct_keras.reproduction.paper import with_printed_rows
    from cafct_keras.runs import Run
    from cafct_keras.runtime.console import make_console

    chosen = EvaluateOptions(
        threshold=threshold,
        postprocessing=postprocessing,
        scoring=scoring(iou_thresholds, tolerances, connectivity, sheet),
        **options,
    )
    with report_folder(out) as folder:
        evaluations = score_runs(runs, chosen, console=make_console(), quiet=quiet)
        evaluations = [with_printed_rows(evaluation) for evaluation in evaluations]
        report_all(evaluations, folder, seed=chosen.seed, table=table, decimal_comma=decimal_comma)
    for run in map(Run.open, runs if chosen.keep else ()):
        say(f"{run.path}: keeps {run.choice and run.choice.describe()}")
    documents = [evaluation.as_json for evaluation in evaluations]
    return finish(documents, out, as_json and (documents if len(documents) > 1 else documents[0]))
