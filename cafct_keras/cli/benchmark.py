"""`cafct-keras benchmark`."""

from typing import Any

import click

from cafct_keras.cli.lazy import CheckedCommand
from cafct_keras.cli.shared import LAYOUT_HELP, PRESETS, SIDE_HELP, echo_json, json_option, say


@click.command(cls=CheckedCommand, short_help="Time training, prediction, or the input pipeline.")
@click.argument("task", type=click.Choice(["train", "predict", "data"]))
@click.option("--model", default="cafct_net", show_default=True, metavar="NAME", help="Network.")
@click.option("--preset", metavar=PRESETS, help="Size of the network.  [default: base]")
@click.option("--batch-size", type=click.IntRange(1), default=8, show_default=True, help="Images per step.")
@click.option("--size", type=int, default=256, show_default=True, help=SIDE_HELP)
@click.option(
    "--precision",
    default="float32",
    show_default=True,
    metavar="float32|mixed_bfloat16|mixed_float16",
    help="Keras dtype policy.",
)
@click.option("--repeats", type=click.IntRange(1), default=10, show_default=True, help="Number of timed steps.")
@click.option(
    "--data", "folder", default="phantom", show_default=True, metavar="DIR", help="For data: phantom or a folder."
)
@click.option("--layout", metavar="NAME", help=f"For data. {LAYOUT_HELP}")
@click.option(
    "--target", default="lesion", show_default=True, metavar="lesion|liver|both", help="For data: what to segment."
)
@click.option(
    "--cache",
    default="ram",
    show_default=True,
    metavar="ram|none|disk",
    help="For data: keep slices in memory, in a temporary file, or for later runs too.",
)
@click.option("--augment", is_flag=True, help="For data: apply every augmentation.")
@json_option("the measurements")
def benchmark(
    task: str,
    folder: str,
    layout: str | None,
    target: str,
    cache: str,
    augment: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Time a training step, a prediction step, or the input pipeline.

    train and predict run on synthetic arrays and need no TensorFlow; data reads and streams a data folder.
    """
    if task == "data":
        from pipelines.loading.benchmark import measure
        from pipelines.loading.benchmark import table as data_table

        chosen = {name: options[name] for name in ("size", "batch_size")}
        report = measure(folder, layout=layout, target=target, cache=cache, augment=augment, **chosen)
        say(data_table(report))
    else:
        from cafct_keras.benchmark import benchmark as run
        from cafct_keras.benchmark import table

        report = run(task, **options)
        say(table(report))
    if as_json:
        echo_json(report)
