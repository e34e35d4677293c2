"""`cafct-keras data prepare`."""

from typing import Any

import click

from cafct_keras.cli.lazy import CheckedCommand
from cafct_keras.cli.shared import LAYOUT_HELP, SIDE_HELP, beam_option, echo_json, json_option, reading_options, say


@click.command(cls=CheckedCommand, short_help="Convert a folder to a TensorFlow dataset.")
@click.argument("folder", metavar="DIR")
@click.option("--layout", metavar="NAME", help=LAYOUT_HELP)
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
@json_option("the dataset's folder, form, cases and warnings")
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
    as_json: bool,
) -> None:
    """Convert a folder to a TensorFlow dataset, which loads in seconds: tfds.load("lits_slices/LAYOUT", data_dir=OUT).

    If interrupted, the same command resumes.
    """
    from pipelines import SPLITS, open_source
    from pipelines.prepare import check_form
    from pipelines.prepare import prepare as write

    check_form(out, size=size, window=None if hu else window)
    source = open_source(folder, layout=layout, target=target, size=size, **reading)
    known = source.notes
    for line in known:
        say(line)
    made = write(source, out, size=size, window=None if hu else window, beam_options=beam_options or None)
    dataset = open_source(made)
    for line in dataset.warnings:
        if f"warning: {line}" not in known:
            say(f"warning: {line}")
    say(f"{made} is ready: cafct-keras fit --data {made}")
    if as_json:
        parts = list(dataset.parts.values())
        echo_json(
            {
                "folder": str(made),
                "layout": dataset.layout,
                "size": size,
                "window": None if hu else window,
                "targets": dataset.targets,
                "cases": {part: parts.count(part) for part in SPLITS},
                "warnings": dataset.warnings,
            }
        )
