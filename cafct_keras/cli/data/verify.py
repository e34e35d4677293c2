"""`cafct-keras data verify`."""

from typing import Any

import click

from cafct_keras.cli.lazy import CheckedCommand
from cafct_keras.cli.shared import LAYOUT_HELP, echo_json, explained, json_option, reading_options, say, terminal_width


@click.command(cls=CheckedCommand)
@click.argument("folder", metavar="DIR")
@click.option("--layout", metavar="NAME", help=LAYOUT_HELP)
@reading_options()
@json_option("a list of the findings")
def verify(folder: str, layout: str | None, reading: dict[str, Any], as_json: bool) -> None:
    """Read every file of a folder and report all problems. Exit code 1 if any is an error."""
    from pipelines.checks.table import table
    from pipelines.layouts import verify as check

    findings = check(folder, layout=layout, **reading)
    say(explained(table(findings, folder, width=terminal_width())))
    if as_json:
        echo_json([finding.as_dict() for finding in findings])
    if any(finding.severity == "error" for finding in findings):
        raise click.exceptions.Exit(1)
