"""`cafct-keras import-weights`."""

import json

import click

from cafct_keras.cli.options import model_options_of


@click.command("import-weights")
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
    from cafct_keras.weights.importing import import_weights as write

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
