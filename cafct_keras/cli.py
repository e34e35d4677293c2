"""The command line. Every command imports what it needs beyond the networks."""

import json
import os
import re
import sys
import time

import click

from cafct_keras.cli_data import data
from cafct_keras.cli_evaluate import evaluate, score
from cafct_keras.cli_train import compare, fit, model_options_of
from cafct_keras.errors import UserError
from pipelines.errors import DataError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="cafct-keras")
@click.option("--debug", is_flag=True, help="Show the traceback of an error. May stand anywhere.")
def cli(debug):
    """CAFCT-Net: liver tumour segmentation in CT, in Keras 3 on JAX.

    KERAS_BACKEND=jax|tensorflow|torch chooses the backend.
    """


for command in (fit, compare, evaluate, score, data):
    cli.add_command(command)


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
    click.echo(f"cafct-keras: {as_options(' '.join(message.split()))}", err=True)
    sys.exit(code)


def as_options(message):
    """Replaces the arguments that a library message names in backticks by the options of the command line."""
    options = _options(cli)
    return re.sub(r"`(\w+)`", lambda name: options.get(name[1], name[1]), message)


def _options(command):
    """Name of each parameter of a command, and of those below it, to its option."""
    named = {}
    for below in getattr(command, "commands", {}).values():
        named |= _options(below)
    return named | {each.name: max(each.opts, key=len) for each in command.params if isinstance(each, click.Option)}


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


@cli.command("import-weights")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--into", metavar="NAME", help="Network or encoder they are for.  [default: the encoder FILE holds]")
@click.option("--preset", help="Size of the network: tiny, small, base or large.")
@click.option(
    "--model-option",
    "options",
    multiple=True,
    callback=model_options_of,
    metavar="NAME=VALUE",
    help="Argument of its builder, such as input_shape=[null,null,1]; may be repeated.",
)
@click.option("--out", required=True, metavar="DIR", help="Folder to make.")
@click.option("--json", "as_json", is_flag=True, help="The card as JSON on the last line.")
def import_weights(files, out, as_json, **options):
    """Turn PyTorch's weights of encoders (PVTv2, ResNet, DenseNet) into Keras's, with every tensor accounted for.

    FILE is a .safetensors file, or a .pth, .pt or .bin file, for which PyTorch must be installed. What is written, `fit
    --weights` and `create_model(weights=...)` take; they take FILE itself, too.
    """
    from cafct_keras.import_weights import import_weights as write

    card = write(files, out=out, **options)
    for source in card["sources"]:
        left_out = f"; left out {', '.join(source['left_out'])}" if source["left_out"] else ""
        click.echo(
            f"{source['file']}: {source['holds']}, {source['parameters']:,} parameters in {source['variables']} "
            f"variables ({', '.join(source['filled'])}){left_out}"
        )
    click.echo(f"{out}/{card['weights']}: weights of {card['network']}, {card['parameters']:,} parameters")
    if as_json:
        click.echo(json.dumps(card))


@cli.command()
@click.argument("task", type=click.Choice(["train", "predict", "data"]))
@click.option("--model", default="cafct_net", show_default=True, help="The network.")
@click.option("--preset", help="Size of the network: tiny, small, base or large.  [default: base]")
@click.option("--batch-size", type=click.IntRange(1), default=8, show_default=True, help="Images a step.")
@click.option("--size", type=int, default=256, show_default=True, help="Height and width in pixels.")
@click.option("--precision", default="float32", show_default=True, help="float32, mixed_bfloat16 or mixed_float16.")
@click.option("--repeats", type=click.IntRange(1), default=10, show_default=True, help="Timed steps.")
@click.option("--data", "folder", default="phantom", show_default=True, help="Of benchmark data: phantom or a folder.")
@click.option("--layout", help="Of benchmark data.  [default: found by looking]")
@click.option("--target", default="lesion", show_default=True, help="Of benchmark data.")
@click.option("--cache", default="ram", show_default=True, help="Of benchmark data: ram, or none for a file.")
@click.option("--augment", is_flag=True, help="Of benchmark data: all augmentation.")
@click.option("--json", "as_json", is_flag=True, help="JSON on the last line.")
def benchmark(task, folder, layout, target, cache, augment, as_json, **options):
    """Time a network's step on synthetic arrays, without TensorFlow, or the data that come to it."""
    if task == "data":
        from pipelines.loading.benchmark import measure, table

        chosen = {name: options[name] for name in ("size", "batch_size")}
        report = measure(folder, layout=layout, target=target, cache=cache, augment=augment, **chosen)
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
