"""`cafct-keras data phantom`."""

from pathlib import Path

import click

# Choice on the command line to the layout and the options of its writer.
LAYOUTS = {
    "lits-png": ("lits_png", {}),
    "nifti": ("nifti", {}),
    "msd": ("nifti", {"form": "msd"}),
    "dicom": ("dicom", {}),
    "paired": ("paired_folder", {}),
}


@click.command()
@click.option("--layout", type=click.Choice(list(LAYOUTS)), required=True, help="How the folder is laid out.")
@click.option("--cases", type=click.IntRange(3), default=12, show_default=True, help="Patients.")
@click.option("--slices", type=click.IntRange(1), default=24, show_default=True, help="Slices a patient.")
@click.option("--size", type=click.IntRange(32), default=256, show_default=True, help="Height and width in pixels.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Draws other patients.")
@click.option("--target", type=click.Choice(["liver", "lesion"]), default="lesion", help="Of a paired folder's masks.")
@click.option("--out", required=True, metavar="DIR", help="Folder to make.")
def phantom(layout, target, out, **options):
    """Write the synthetic CT as a folder, with the oddities that such folders come with."""
    from pipelines.layouts import load_layout
    from pipelines.layouts.phantom import Phantom

    source = Phantom(**options)
    name, chosen = LAYOUTS[layout]
    load_layout(name).write(source, Path(out), **chosen, **({"target": target} if layout == "paired" else {}))
    click.echo(f"{out}: {options['cases']} cases of {options['slices']} slices, laid out as {layout}")
