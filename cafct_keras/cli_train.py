"""The command line's `fit` and `compare`: training one network, and all that the paper compares."""

import contextlib
import json

import click
from click.core import ParameterSource


def model_options_of(ctx, parameter, values):
    """Texts `NAME=VALUE` to a dictionary; a value is JSON where it can be read so, else text."""
    options = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.BadParameter(f"{text}: give NAME=VALUE")
        with contextlib.suppress(ValueError):
            value = json.loads(value)
        options[name] = value
    return options


# Of every run, whichever network it trains.
_RECIPE = (
    click.option(
        "--data", default="phantom", show_default=True, help="phantom, or a folder (./phantom) in any layout."
    ),
    click.option("--layout", help="Of the folder, such as nifti or dicom.  [default: found by looking]"),
    click.option("--patient-pattern", help="Regular expression; its first group is the patient in a slice's name."),
    click.option(
        "--window", type=(float, float), help="HU shown, for data in HU.  [default: -200 250; phantom: -20 180]"
    ),
    click.option("--preset", help="Size of the network: tiny, small, base or large.  [default: base; phantom: tiny]"),
    click.option(
        "--model-option",
        "model_options",
        multiple=True,
        callback=model_options_of,
        metavar="NAME=VALUE",
        help="Argument of the network's builder, such as fusion=concat; may be repeated.",
    ),
    click.option("--size", type=int, help="Height and width in pixels.  [default: 256; phantom: 128]"),
    click.option("--context", type=int, default=0, show_default=True, help="Neighbours on either side (2.5-D)."),
    click.option("--cache", default="ram", show_default=True, help="Where slices are kept: ram, or none for a file."),
    click.option("--foreground-fraction", type=float, help="Share of slices with the target.  [default: as they come]"),
    click.option(
        "--recipe",
        default="paper",
        show_default=True,
        help="paper: every network alike; own: as its authors trained it.",
    ),
    click.option("--epochs", type=int, help="Passes over the training slices.  [default: 100; phantom: 18]"),
    click.option("--batch-size", type=int, help="Slices a step.  [default: 8; phantom: 4]"),
    click.option("--optimizer", help="sgd, nesterov, adam, adamw or optax:NAME.  [default: sgd; phantom: adamw]"),
    click.option("--learning-rate", type=float, help="Its peak.  [default: 1e-3; phantom: 3e-3]"),
    click.option("--momentum", type=float, help="Of SGD.  [default: 0.9]"),
    click.option("--weight-decay", type=float, help="Of SGD and AdamW, decoupled.  [default: 1e-4]"),
    click.option(
        "--clip-norm", type=float, help="Length that longer gradients are cut to.  [default: any; phantom: 1]"
    ),
    click.option("--schedule", help="cosine, poly or constant.  [default: cosine]"),
    click.option("--warmup-epochs", type=float, help="Epochs of linear rise first.  [default: 0; phantom: 1]"),
    click.option("--bce-weight", type=float, help="Of cross-entropy in the loss.  [default: 1]"),
    click.option("--dice-weight", type=float, help="Of Dice in the loss.  [default: 1]"),
    click.option("--flip", is_flag=True, help="Augmentation: mirror either axis, and with it the patient's sides."),
    click.option("--quarter-turns", is_flag=True, help="Augmentation: turn by 90, 180 or 270 degrees."),
    click.option("--rotation", type=float, default=0.0, help="Augmentation: turn by up to so many degrees."),
    click.option("--scale", type=float, default=0.0, help="Augmentation: magnify by up to this share."),
    click.option("--shift", type=float, default=0.0, help="Augmentation: move by up to this share of the side."),
    click.option("--brightness", type=float, default=0.0, help="Augmentation: add up to this share of the grey range."),
    click.option("--contrast", type=float, default=0.0, help="Augmentation: stretch grey by up to this share."),
    click.option("--noise", type=float, default=0.0, help="Augmentation: noise of up to this share of the grey range."),
    click.option(
        "--prior", type=float, help="Foreground share an untrained network predicts.  [default: 0.01; liver: 0.5]"
    ),
    click.option("--precision", default="float32", show_default=True, help="float32, mixed_bfloat16 or mixed_float16."),
)


def _recipe_options(command):
    for option in reversed(_RECIPE):
        command = option(command)
    return command


def _chosen(options):
    """Gathers the augmentation among the options; returns those that the user gave, too."""
    import dataclasses

    from pipelines.loading.augmentation import Augmentation

    source = click.get_current_context().get_parameter_source
    given = {name for name in options if source(name) is not ParameterSource.DEFAULT}
    chosen = {field.name: options.pop(field.name) for field in dataclasses.fields(Augmentation)}
    # Nothing chosen is left to the recipe.
    augmentation = Augmentation(**chosen) if any(chosen.values()) else None
    given = (given - set(chosen)) | ({"augmentation"} if augmentation else set())
    return {**options, "augmentation": augmentation}, given


@click.command()
@_recipe_options
@click.option("--target", default="lesion", show_default=True, help="lesion, liver or both.")
@click.option("--model", default="cafct_net", show_default=True, help="The network.")
@click.option(
    "--validation/--no-validation",
    default=True,
    help="Choose the best epoch by validation slices, or train on them, too, and keep the last.  [default: choose]",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of everything random.")
@click.option("--out", metavar="DIR", help="Run folder to make.  [default: runs/DATA-TARGET-N]")
@click.option("--resume", is_flag=True, help="Go on with the run in --out, by its own options; begin it if it is new.")
@click.option("--checkpoint-every", default="5m", show_default=True, help="Steps, or a time such as 90s, 30m, 2h.")
@click.option("--time-limit", metavar="TIME", help="Stop after 90s, 30m or 2h as at a signal, to be resumed.")
@click.option("--deterministic", is_flag=True, help="The same bits in every run on GPUs too, at some cost of speed.")
@click.option("--devices", type=int, default=1, show_default=True, help="Share every batch, in every process.")
@click.option("--coordinator", metavar="HOST:PORT", help="Of several processes: where the first one listens.")
@click.option("--processes", type=int, help="Of several processes: how many.  [default: by SLURM, Open MPI]")
@click.option("--process-id", type=int, help="Of several processes: which one, from 0.  [default: by SLURM, Open MPI]")
@click.option("--quiet", is_flag=True, help="Plain lines instead of a bar.")
@click.option("--json", "as_json", is_flag=True, help="The run card as JSON on the last line.")
@click.option("--init", metavar="RUN", help="Begin with the weights of this run.")
@click.option(
    "--weights",
    multiple=True,
    metavar="FILE",
    help="Begin with encoders from this file (see import-weights), images normalised as for ImageNet; may be repeated.",
)
@click.pass_obj
def fit(started, resume, quiet, as_json, **options):
    """Train a network. Without options: the built-in phantom, a few minutes on a CPU.

    At SIGTERM, Ctrl-C or the time limit a run finishes its step, writes a checkpoint and exits with code 75; --resume
    goes on from there, or from the last checkpoint of a run that was killed, and gives the same bits as if nothing had
    happened.
    """
    from cafct_keras.training import FitOptions
    from cafct_keras.training import fit as train

    options, given = _chosen(options)
    card = train(FitOptions(**options), resume=resume, given=given, quiet=quiet, started=started)
    if as_json:
        click.echo(json.dumps(card))


@click.command()
@click.option("--table", type=int, required=True, help="Of the paper: 2 (lesions), 3 (liver) or 4 (ablations).")
@click.option("--models", metavar="A,B,C", help="Rows, by their networks.  [default: the table's own]")
@click.option("--seeds", type=int, default=3, show_default=True, help="Runs a row.")
@click.option("--budget", type=float, metavar="MINUTES", help="Time for all rows; epochs are fitted to it.")
@click.option("--target", help="lesion, liver or both.  [default: the table's]")
@_recipe_options
@click.option("--out", metavar="DIR", required=True, help="Folder to make, or to go on in.")
@click.option("--quiet", is_flag=True, help="Plain lines instead of a bar.")
@click.option("--json", "as_json", is_flag=True, help="table.json on the last line.")
def compare(table, models, seeds, budget, target, out, quiet, as_json, **options):
    """Train and score all systems of a table of the paper, by one recipe on one split, beside the printed figures.

    Finished rows are kept and a row that was cut off goes on when the same command is given again.
    """
    from cafct_keras.reproduction import TABLES, CompareOptions
    from cafct_keras.reproduction import compare as make_table
    from cafct_keras.training import FitOptions

    if target is None:
        target = TABLES[table].target if table in TABLES else FitOptions.target
    options, _ = _chosen(options)
    recipe = FitOptions(**options, target=target)
    chosen = CompareOptions(table=table, models=models, seeds=seeds, budget=budget, out=out, recipe=recipe)
    document = make_table(chosen, quiet=quiet)
    if as_json:
        click.echo(json.dumps(document))
