"""`cafct-keras data describe`."""

from typing import Any

import click

from cafct_keras.cli.lazy import CheckedCommand
from cafct_keras.cli.shared import LAYOUT_HELP, echo_json, json_option, reading_options, say, terminal_width


@click.command(cls=CheckedCommand, short_help="Count slices, cases and lesions, and picture a few.")
@click.argument("folder", metavar="DIR")
@click.option("--layout", metavar="NAME", help=LAYOUT_HELP)
@reading_options()
@click.option("--out", metavar="DIR", help="Folder for slices.png and histogram.png.  [default: no pictures]")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Random seed of the slices shown.")
@json_option("the statistics")
def describe(
    folder: str, layout: str | None, reading: dict[str, Any], out: str | None, seed: int, as_json: bool
) -> None:
    """Count the slices, cases and lesions of a folder, and picture a few."""
    from pipelines.describe import describe as measure
    from pipelines.describe import table

    description = measure(folder, layout=layout, out=out, seed=seed, **reading)
    say(table(description, width=terminal_width()))
    if as_json:
        echo_json(description)
