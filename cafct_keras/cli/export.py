"""`cafct-keras export`."""

import click

from cafct_keras.cli.lazy import CheckedCommand
from cafct_keras.cli.shared import echo_json, json_option, say


@click.command(cls=CheckedCommand)
@click.argument("run")
@click.option(
    "--format",
    "file_format",
    default="savedmodel",
    show_default=True,
    metavar="savedmodel|onnx|openvino|litert",
    help="Format of the exported network.",
)
@click.option("--out", required=True, metavar="DIR", help="Folder of numbered versions; the next one is added.")
@click.option(
    "--context",
    type=click.IntRange(0),
    help="Neighbouring slices on either side that the network sees.  [default: from the run card]",
)
@click.option("--int8", is_flag=True, help="Add a network of 8-bit integers (openvino), calibrated on training slices.")
@click.option("--data", metavar="DIR", help="Data to calibrate --int8 on.  [default: what the run was trained on]")
@json_option("the manifest")
def export(
    run: str, file_format: str, out: str, context: int | None, int8: bool, data: str | None, as_json: bool
) -> None:
    """Export a trained network for serving. RUN is a run folder, a .keras file or a published model.

    The exported network is loaded by its runtime alone in a new process, and its predictions are compared with Keras's.
    """
    from cafct_keras.export import export as write

    manifest = write(run, out=out, file_format=file_format, context=context, int8=int8, data=data)
    say(
        f"{out}/{manifest['version']}: loaded by {manifest['runtime']} alone; "
        f"its predictions differ by at most {manifest['largest_difference']:.1e}"
    )
    for check in manifest["checks"]:
        say(
            f"  {check['endpoint']}  {' x '.join(map(str, check['shape']))}: {check['largest_difference']:.1e}, "
            f"{check['ms_per_image']:g} ms per image"
        )
    for precision, dice in manifest.get("int8", {}).get("dice", {}).items():
        say(f"  {precision}: Dice " + ", ".join(f"{target} {value:.4f}" for target, value in dice.items()))
    if as_json:
        echo_json(manifest)
