"""`cafct-keras data prepare`."""

from typing import Any

import click

from cafct_keras.cli.lazy import CheckedCommand
from cafct_keras.cli.shared import LAYOUT_HELP, SIDE_HELP, beam_option, reading_options, say


@click.command(cls=CheckedCommand)
@click.argument("folder", metavar="DIR")
@click.option("--layout", help=LAYOUT_HELP)
@click.option("--size", type=click.IntRange(32), default=256, show_default=True, help=SIDE_HELP)
@click.option(
    "--window",
    type=(float, float),
    default=(-200, 250),
    show_default=True,
    help="Hounsfield units mapped to black and white.",
)
@click.option("--hu", is_flag=True, help="Keep 16-bit Hounsfield units instead.")
@click.option(
    "--target",
    type=click.Choice(["liver", "lesion"]),
    default="lesion",
    show_default=True,
    help="Target of masks of two values (paired_folder only).",
)
@reading_options()
@beam_option()
@click.option("--out", required=True, metavar="DIR", help="Data folder of TensorFlow Datasets.")
def prepare(
    folder: str,
    layout: str | None,
    size: int,
    window: tuple[float, float],
    hu: bool,
    target: str,
    reading: dict[str, Any],
    beam_options: tuple[str, ...],
    out: str,
) -> None:
    """Convert a folder to a TensorFlow dataset, which loads in seconds: tfds.load("lits_slices/LAYOUT", data_dir=OUT).

    If interrupted, the same command resumes.
    """
    from pipelines import open_source
    from pipelines.prepare import check_form
    from pipelines.prepare import prepare as write

    check_form(out, size=size, window=None if hu else window)
    source = open_source(folder, layout=layout, target=target, size=size, **reading)
    known = source.notes
    for line in known:
        say(line)
    made = write(source, out, size=size, window=None if hu else window, beam_options=beam_options or None)
    for line in open_source(made).warnings:
        if f"warning: {line}" not in known:
            say(f"warning: {line}")
    say(f"{made} is ready: cafct-keras fit --data {made}")
