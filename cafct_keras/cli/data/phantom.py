"""`cafct-keras data phantom`."""

import click

LAYOUTS = ("lits-png", "nifti", "msd", "dicom", "paired")


@click.command()
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
