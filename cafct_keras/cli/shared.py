"""Options and output that many commands share."""

import json
from collections.abc import Callable
from typing import Any

import click

LAYOUT_HELP = "Layout of the folder, such as nifti or dicom.  [default: detected]"
PATIENT_PATTERN_HELP = "Regular expression whose first group is the patient in a slice's file name."
PRESET_HELP = "Size of the network: tiny, small, base or large."
PRECISION_HELP = "float32, mixed_bfloat16 or mixed_float16."
SIDE_HELP = "Height and width in pixels."
QUIET_HELP = "Plain lines instead of a progress bar."

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def json_option(document: str) -> Decorator:
    """The option `--json`.

    Args:
        document: what it prints, such as `"The run card"`.
    """
    return click.option("--json", "as_json", is_flag=True, help=f"{document} as JSON on the last line.")


def quiet_option() -> Decorator:
    """The option `--quiet`."""
    return click.option("--quiet", is_flag=True, help=QUIET_HELP)


def echo_json(document: Any) -> None:
    """Prints a document as JSON on one line."""
    click.echo(json.dumps(document))
