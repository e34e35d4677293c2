"""`cafct-keras data prepare`."""

import click


@click.command()
@click.argument("folder", metavar="DIR")
@click.option("--layout", help="Of the folder.  [default: found by looking]")
@click.option("--size", type=click.IntRange(32), default=256, show_default=True, help="Height and width in pixels.")
@click.option(
    "--window", type=(float, float), default=(-200, 250), show_default=True, help="HU kept as black and white."
)
@click.option("--hu", is_flag=True, help="Keep Hounsfield units, 16 bits, instead.")
@click.option("--target", type=click.Choice(["liver", "lesion"]), default="lesion", help="Of a paired folder's masks.")
@click.option(
    "--beam-option",
    "beam_options",
    multiple=True,
    metavar="NAME=VALUE",
    help="Run on Apache Beam with this option of its pipelines, such as runner=FlinkRunner; may be repeated.",
)
@click.option("--out", required=True, metavar="DIR", help="Data folder of TensorFlow Datasets.")
def prepare(folder, layout, size, window, hu, target, beam_options, out):
    """Write a folder as a TensorFlow dataset, read in seconds: tfds.load("lits_slices/LAYOUT", data_dir=OUT).

    Cut off, the same command goes on where it was.
    """
    from pipelines import open_source
    from pipelines.prepare import prepare as write

    source = open_source(folder, layout=layout, target=target, size=size)
    made = write(source, out, size=size, window=None if hu else window, beam_options=beam_options or None)
    click.echo(f"{made} is ready: cafct-keras fit --data {made}")
