"""`cafct-keras import-weights`."""

from typing import Any

import click

from cafct_keras.cli.lazy import CheckedCommand
from cafct_keras.cli.options import model_options_of
from cafct_keras.cli.shared import PRESETS, echo_json, json_option, say


@click.command(
    "import-weights", cls=CheckedCommand, short_help="Convert published PyTorch weights of encoders to Keras."
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--into", metavar="NAME", help="Network or encoder to fill.  [default: the encoder that FILE holds]")
@click.option("--preset", metavar=PRESETS, help="Size of the network.")
@click.option(
    "--model-option",
    "options",
    multiple=True,
    callback=model_options_of,
    metavar="NAME=VALUE",
    help="Argument of the network's builder, such as input_shape=[null,null,1]; may be repeated.",
)
@click.option("--out", required=True, metavar="DIR", help="Folder to create.")
@json_option("the card of the weights")
def import_weights(files: tuple[str, ...], out: str, as_json: bool, **options: Any) -> None:
    """Convert published PyTorch weights of encoders (PVTv2, ResNet, DenseNet) to Keras, accounting for every tensor.

    FILE is a .safetensors file, or a .pth, .pt or .bin file, which PyTorch must be installed for. `fit --weights` and
    `create_model(weights=...)` take the result, and FILE itself as well.
    """
    from cafct_keras.weights.importing import import_weights as convert

    card = convert(files, out=out, **options)
    for source in card["sources"]:
        left_out = f"; left out {', '.join(source['left_out'])}" if source["left_out"] else ""
        say(
            f"{source['file']}: {source['holds']}, {source['parameters']:,} parameters in {source['variables']} "
            f"variables ({', '.join(source['filled'])}){left_out}"
        )
    say(f"{out}/{card['weights']}: weights of {card['network']}, {card['parameters']:,} parameters")
    if as_json:
        echo_json(card)
