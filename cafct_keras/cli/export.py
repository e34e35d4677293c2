"""`cafct-keras export`."""

import json

import click


@click.command()
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
