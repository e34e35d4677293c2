"""The command line's `data` commands: what can be done with a data folder besides training on it."""

import json

import click

LAYOUTS = ("lits-png", "nifti", "msd", "dicom", "paired")


@click.group()
def data():
    """Look at, check, prepare or make up a data folder."""


@data.command()
@click.option("--layout", type=click.Choice(LAYOUTS), required=True, help="How the folder is laid out.")
@click.option("--cases", type=click.IntRange(3), default=12, show_default=True, help="Patients.")
@click.option("--slices", type=click.IntRange(1), default=24, show_default=True, help="Slices a patient.")
@click.option("--size", type=click.IntRange(32), default=256, show_default=True, help="Height and width in pixels.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Draws other patients.")
@click.option("--target", type=click.Choice(["liver", "lesion"]), default="lesion", help="Of a paired folder's masks.")
@click.option("--out", required=True, metavar="DIR", help="Folder to make.")
def phantom(layout, target, out, **options):
    """Write the synthetic CT as a folder, with the oddities that such folders come with."""
    from pipelines.layouts.phantom.reader import Phantom

    source = Phantom(**options)
    if layout == "lits-png":
        from pipelines.layouts.lits_png.writer import write_lits_png

        write_lits_png(source, out)
    elif layout == "dicom":
        from pipelines.layouts.dicom.writer import write_dicom

        write_dicom(source, out)
    elif layout == "paired":
        from pipelines.layouts.paired_folder.writer import write_paired_folder

        write_paired_folder(source, out, target=target)
    else:
        from pipelines.layouts.nifti.writer import write_nifti

        write_nifti(source, out, form=layout)
    click.echo(f"{out}: {options['cases']} cases of {options['slices']} slices, laid out as {layout}")


@data.command()
@click.argument("folder", metavar="DIR")
@click.option("--layout", help="Of the folder.  [default: found by looking]")
@click.option("--json", "as_json", is_flag=True, help="The findings as JSON on the last line.")
def verify(folder, layout, as_json):
    """Read everything in a folder and name each thing that is wrong. Exit code 1 if any is an error."""
    from pipelines.layouts.checking import table
    from pipelines.layouts.checking import verify as check

    findings = check(folder, layout=layout)
    click.echo(table(findings, folder))
    if as_json:
        click.echo(json.dumps([finding.as_dict() for finding in findings]))
    if any(finding.severity == "error" for finding in findings):
        raise click.exceptions.Exit(1)


@data.command()
@click.argument("folder", metavar="DIR")
@click.option("--layout", help="Of the folder.  [default: found by looking]")
@click.option("--out", metavar="DIR", help="Folder for slices.png and histogram.png.  [default: no pictures]")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Draws the slices that are shown.")
@click.option("--json", "as_json", is_flag=True, help="The figures as JSON on the last line.")
def describe(folder, layout, out, seed, as_json):
    """Count slices, cases and lesions of a folder, and show some of it."""
    from pipelines.describe import describe as measure
    from pipelines.describe import table

    description = measure(folder, layout=layout, out=out, seed=seed)
    click.echo(table(description))
    if as_json:
        click.echo(json.dumps(description))


@data.command()
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
