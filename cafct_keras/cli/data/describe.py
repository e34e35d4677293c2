"""`cafct-keras data describe`."""

import json

import click


@click.command()
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
