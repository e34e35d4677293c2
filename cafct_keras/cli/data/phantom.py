"""`cafct-keras data phantom`."""

from pathlib import Path
from typing import Any

import click

from cafct_keras.cli.lazy import CheckedCommand
from cafct_keras.cli.shared import echo_json, json_option, say

# Choice on the command line to the layout and the options of its writer.
LAYOUTS: dict[str, tuple[str, dict[str, Any]]] = {
    "lits_png": ("lits_png", {}),
    "nifti": ("nifti", {}),
    "msd": ("nifti", {"form": "msd"}),
    "dicom": ("dicom", {}),
    "paired_folder": ("paired_folder", {}),
}
FORMER_NAMES = {"lits-png": "lits_png", "paired": "paired_folder"}


class LayoutChoice(click.Choice):
    """Choice of a layout, which also takes the names of earlier versions."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """See `click.Choice`."""
        return super().convert(FORMER_NAMES.get(value, value), param, ctx)


@click.command(cls=CheckedCommand, short_help="Write a synthetic CT data set.")
@click.option(
    "--layout",
    type=LayoutChoice(list(LAYOUTS)),
    required=True,
    help="Layout to write; msd is NIfTI laid out as in the Medical Segmentation Decathlon.",
)
@click.option("--cases", type=click.IntRange(3), default=12, show_default=True, help="Number of patients.")
@click.option("--slices", type=click.IntRange(1), default=24, show_default=True, help="Slices per patient.")
@click.option("--size", type=click.IntRange(32), default=256, show_default=True, help="Height and width in pixels.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Random seed: other patients.")
@click.option(
    "--target",
    type=click.Choice(["liver", "lesion", "both"]),
    default="lesion",
    show_default=True,
    help="Masks to write (paired_folder only).",
)
@click.option("--out", required=True, metavar="DIR", help="Folder to create.")
@json_option("the folder and the options that it was made with")
def phantom(layout: str, target: str, out: str, as_json: bool, **options: Any) -> None:
    """Write a synthetic CT data set, including the quirks of real folders of that layout."""
    from pipelines.layouts import load_layout
    from pipelines.layouts.phantom import Phantom

    name, chosen = LAYOUTS[layout]
    masks = {"target": target} if layout == "paired_folder" else {}
    writer: Any = load_layout(name)
    writer.write(Phantom(**options), Path(out), **chosen, **masks)
    say(f"{out}: {options['cases']} cases of {options['slices']} slices, layout {layout}")
    if as_json:
        echo_json({"folder": out, "layout": layout, **masks, **options})
