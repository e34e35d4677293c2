"""The command line. Every command imports what it needs beyond the networks."""

import contextlib
import json
import os
import sys
import time

import click
from click.core import ParameterSource

from cafct_keras.cli_data import data
from cafct_keras.errors import UserError
from pipelines.errors import DataError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="cafct-keras")
@click.option("--debug", is_flag=True, help="Show the traceback of an error. May stand anywhere.")
def cli(debug):
    """CAFCT-Net: liver tumour segmentation in CT, in Keras 3 on JAX.

    KERAS_BACKEND=jax|tensorflow|torch chooses the backend.
    """


cli.add_command(data)


def main():
    """Runs the command line; a user's mistake is one line and exit code 1 or 2."""
    started = time.perf_counter()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if os.environ["KERAS_BACKEND"] != "tensorflow":
        # TensorFlow only feeds the data then; its notice about oneDNN, which no log level hides, would be noise.
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    debug = len(arguments) < len(sys.argv) - 1
    try:
        code = cli.main(arguments, prog_name="cafct-keras", standalone_mode=False, obj=started)
    except click.ClickException as error:
        if debug:
            raise
        _fail(error.format_message(), code=2)
    except (UserError, DataError) as error:
        if debug:
            raise
        _fail(str(error), code=getattr(error, "exit_code", 1))
    except (click.Abort, KeyboardInterrupt):
        _fail("interrupted", code=130)
    if code:  # of a command that found what it looked for: not a mistake, but no success
        sys.exit(code)


def _fail(message, *, code):
    click.echo(f"cafct-keras: {' '.join(message.split())}", err=True)
    sys.exit(code)


def _model_options(ctx, parameter, values):
    options = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.BadParameter(f"{text}: give NAME=VALUE")
        with contextlib.suppress(ValueError):
            value = json.loads(value)
        options[name] = value
    return options


@cli.command()
@click.option("--data", default="phantom", show_default=True, help="phantom, or a folder in any layout that is known.")
@click.option("--layout", help="Of the folder, such as nifti or dicom.  [default: found by looking]")
@click.option("--target", default="lesion", show_default=True, help="lesion, liver or both.")
@click.option("--patient-pattern", help="Regular expression; its first group is the patient in a slice's name.")
@click.option("--window", type=(float, float), help="HU shown, for data in HU.  [default: -200 250; phantom: -20 180]")
@click.option("--model", default="cafct_net", show_default=True, help="The network.")
@click.option("--preset", help="Size of the network: tiny, small, base or large.  [default: base; phantom: tiny]")
@click.option(
    "--model-option",
    "model_options",
    multiple=True,
    callback=_model_options,
    metavar="NAME=VALUE",
    help="Argument of the network's builder, such as fusion=concat; may be repeated.",
)
@click.option("--size", type=int, help="Height and width in pixels.  [default: 256; phantom: 128]")
@click.option("--context", type=int, default=0, show_default=True, help="Neighbours on either side (2.5-D).")
@click.option("--cache", default="ram", show_default=True, help="Where slices are kept: ram, or none for a file.")
@click.option("--foreground-fraction", type=float, help="Share of slices with the target.  [default: as they come]")
@click.option("--epochs", type=int, help="Passes over the training slices.  [default: 100; phantom: 18]")
@click.option("--batch-size", type=int, help="Slices a step.  [default: 8; phantom: 4]")
@click.option("--optimizer", help="sgd, adam, adamw or optax:NAME.  [default: sgd; phantom: adamw]")
@click.option("--learning-rate", type=float, help="Its peak.  [default: 1e-3; phantom: 3e-3]")
@click.option("--momentum", type=float, default=0.9, show_default=True, help="Of SGD.")
@click.option("--weight-decay", type=float, default=1e-4, show_default=True, help="Of SGD and AdamW, decoupled.")
@click.option("--clip-norm", type=float, help="Length that longer gradients are cut to.  [default: any; phantom: 1]")
@click.option("--schedule", default="cosine", show_default=True, help="cosine or constant.")
@click.option("--warmup-epochs", type=float, help="Epochs of linear rise first.  [default: 0; phantom: 1]")
@click.option("--flip", is_flag=True, help="Augmentation: mirror either axis.  [phantom: on where no other is given]")
@click.option("--quarter-turns", is_flag=True, help="Augmentation: turn by 90, 180 or 270 degrees.")
@click.option("--rotation", type=float, default=0.0, help="Augmentation: turn by up to so many degrees.")
@click.option("--scale", type=float, default=0.0, help="Augmentation: magnify by up to this share.")
@click.option("--shift", type=float, default=0.0, help="Augmentation: move by up to this share of the side.")
@click.option("--brightness", type=float, default=0.0, help="Augmentation: add up to this share of the grey range.")
@click.option("--contrast", type=float, default=0.0, help="Augmentation: stretch grey by up to this share.")
@click.option("--noise", type=float, default=0.0, help="Augmentation: noise of up to this share of the grey range.")
@click.option(
    "--prior", type=float, help="Foreground share an untrained network predicts.  [default: 0.01; liver: 0.5]"
)
@click.option("--precision", default="float32", show_default=True, help="float32, mixed_bfloat16 or mixed_float16.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of everything random.")
@click.option("--init", metavar="RUN", help="Begin with the weights of this run.")
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
@click.pass_obj
def fit(started, resume, quiet, as_json, **options):
    """Train a network. Without options: the built-in phantom, a few minutes on a CPU.

    At SIGTERM, Ctrl-C or the time limit a run finishes its step, writes a checkpoint and exits with code 75; --resume
    goes on from there, or from the last checkpoint of a run that was killed, and gives the same bits as if nothing had
    happened.
    """
    import dataclasses

    from cafct_keras.training import FitOptions
    from cafct_keras.training import fit as train
    from pipelines.augmentation import Augmentation

    chosen = {field.name: options.pop(field.name) for field in dataclasses.fields(Augmentation)}
    # Nothing chosen is left to the data: none for real slices, flips for the phantom.
    augmentation = Augmentation(**chosen) if any(chosen.values()) else None
    source = click.get_current_context().get_parameter_source
    given = {name for name in options if source(name) is not ParameterSource.DEFAULT}
    given |= {"augmentation"} if augmentation else set()
    options = FitOptions(augmentation=augmentation, **options)
    card = train(options, resume=resume, given=given, quiet=quiet, started=started)
    if as_json:
        click.echo(json.dumps(card))


@cli.command()
@click.argument("run")
@click.option("--format", "file_format", default="savedmodel", show_default=True, help="savedmodel.")
@click.option("--out", required=True, metavar="DIR", help="Folder of numbered versions; the next one is written.")
@click.option("--json", "as_json", is_flag=True, help="The manifest as JSON on the last line.")
def export(run, file_format, out, as_json):
    """Write a trained network for other programs. RUN is a run folder or a .keras file."""
    from cafct_keras.export import export as write

    manifest = write(run, out=out, file_format=file_format)
    click.echo(
        f"{out}/{manifest['version']}: served by TensorFlow {manifest['tensorflow']} alone, "
        f"its predictions differ by at most {manifest['largest_difference']:.1e}"
    )
    if as_json:
        click.echo(json.dumps(manifest))


@cli.command()
@click.argument("task", type=click.Choice(["train", "predict", "data"]))
@click.option("--model", default="cafct_net", show_default=True, help="The network.")
@click.option("--preset", help="Size of the network: tiny, small, base or large.  [default: base]")
@click.option("--batch-size", type=click.IntRange(1), default=8, show_default=True, help="Images a step.")
@click.option("--size", type=int, default=256, show_default=True, help="Height and width in pixels.")
@click.option("--precision", default="float32", show_default=True, help="float32, mixed_bfloat16 or mixed_float16.")
@click.option("--repeats", type=click.IntRange(1), default=10, show_default=True, help="Timed steps.")
@click.option("--data", "folder", default="phantom", show_default=True, help="Of benchmark data: phantom or a folder.")
@click.option("--target", default="lesion", show_default=True, help="Of benchmark data.")
@click.option("--augment", is_flag=True, help="Of benchmark data: all augmentation.")
@click.option("--json", "as_json", is_flag=True, help="JSON on the last line.")
def benchmark(task, folder, target, augment, as_json, **options):
    """Time a network's step on synthetic arrays, without TensorFlow, or the data that come to it."""
    if task == "data":
        from pipelines.speed import measure, table

        chosen = {name: options[name] for name in ("size", "batch_size")}
        report = measure(folder, target=target, augment=augment, **chosen)
    else:
        from cafct_keras.benchmark import benchmark as measure
        from cafct_keras.benchmark import table

        report = measure(task, **options)
    click.echo(table(report))
    if as_json:
        click.echo(json.dumps(report))


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="JSON on the last line.")
def info(as_json):
    """Show versions, backend and devices."""
    from cafct_keras.environment import environment, unused_gpu

    report = {**environment(), "warning": unused_gpu()}
    for name, version in report["versions"].items():
        click.echo(f"{name:15s} {version}")
    click.echo(f"{'backend':15s} {report['backend']}")
    for device in report["devices"]:
        click.echo(f"{'device':15s} {device}")
    if report["warning"]:
        click.echo(f"warning: {report['warning']}", err=True)
    if as_json:
        click.echo(json.dumps(report))
