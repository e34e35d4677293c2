"""`cafct-keras data verify`."""

import json
import shutil
import sys

import click


@click.command()
@click.argument("folder", metavar="DIR")
@click.option("--layout", help="Of the folder.  [default: found by looking]")
@click.option("--json", "as_json", is_flag=True, help="The findings as JSON on the last line.")
def verify(folder, layout, as_json):
    """Read everything in a folder and name each thing that is wrong. Exit code 1 if any is an error."""
    from pipelines.checks.table import table
    from pipelines.layouts import verify as check

    findings = check(folder, layout=layout)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    click.echo(table(findings, folder, width=width))
    if as_json:
        click.echo(json.dumps([finding.as_dict() for finding in findings]))
    if any(finding.severity == "error" for finding in findings):
        raise click.exceptions.Exit(1)
