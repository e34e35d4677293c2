"""Options and output that many commands share."""

import functools
import json
import math
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from cafct_keras.cli.errors import as_options
from cafct_keras.cli.lazy import STDOUT
from cafct_keras.cli.sections import SectionOption
from pipelines.printable import printable

LAYOUT_HELP = "Layout of the folder, such as nifti or dicom.  [default: detected]"
PATIENT_PATTERN_HELP = "Regular expression whose first group is the patient in a slice's file name."
PRESETS = "tiny|mini|small|base|large"
POSTPROCESSING = "Post-processing"  # section of the help text
SIDE_HELP = "Height and width in pixels."
QUIET_HELP = "Plain lines instead of a progress bar."

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def reading_options(*, masks: bool = True) -> Decorator:
    """Options that say how a paired folder is read; the command takes them as the dictionary `reading`.

    Args:
        masks: whether it is read with its masks and by patient, or only its slices are.
    """
    declare = functools.partial(click.option, cls=SectionOption, section="Slices of a paired folder")
    options = {
        "patient_pattern": declare("--patient-pattern", metavar="REGEX", help=PATIENT_PATTERN_HELP),
        "labels": declare(
            "--label",
            "labels",
            multiple=True,
            metavar="NAME=LABELS",
            help="Labels of a target in masks, such as liver=1,2 or #ff0000, or words in their names; may be repeated.",
        ),
        "slice_step": declare(
            "--slice-step", type=int, help="Difference of the numbers of neighbouring slices.  [default: 1]"
        ),
        "grey_window": declare(
            "--grey-window",
            type=(float, float),
            default=None,
            metavar="LOW HIGH",
            help="HU that black and white stand for.",
        ),
        "orientation": declare("--orientation", help="Directions of slices, rows and columns, such as SPL."),
    }
    if not masks:
        del options["patient_pattern"], options["labels"]

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def with_reading(*arguments: Any, **others: Any) -> Any:
            return command(*arguments, reading={name: others.pop(name) for name in options}, **others)

        decorated: Callable[..., Any] = with_reading
        for option in reversed(options.values()):
            decorated = option(decorated)
        return decorated

    return add


def json_option(document: str) -> Decorator:
    """The option `--json`, see `CheckedCommand`; the command passes the document to `echo_json`.

    Args:
        document: what it prints, such as `"the run card"`.
    """
    return click.option("--json", "as_json", is_flag=True, help=f"Print JSON alone on the standard output: {document}.")


def quiet_option() -> Decorator:
    """The option `--quiet`."""
    return click.option("--quiet", is_flag=True, help=QUIET_HELP)


def beam_option() -> Decorator:
    """The option `--beam-option`, which the command takes as `beam_options`."""
    return click.option(
        "--beam-option",
        "beam_options",
        multiple=True,
        metavar="NAME=VALUE",
        help="Run on Apache Beam with this pipeline option, such as runner=FlinkRunner; may be repeated.",
    )


def postprocessing_options(choices: Sequence[str], help_text: str) -> Decorator:
    """The steps of `PostProcessing`, or `--postprocess` instead; the command takes either as `postprocessing`.

    Args:
        choices: values of `--postprocess`.
        help_text: what they mean.
    """
    declare = functools.partial(click.option, cls=SectionOption, section=POSTPROCESSING)
    options = (
        declare("--largest-liver", is_flag=True, help="Keep the largest component of the liver."),
        declare("--lesions-inside-liver", is_flag=True, help="Remove lesions outside the liver."),
        declare(
            "--smallest-lesion",
            type=click.FloatRange(0),
            default=0.0,
            metavar="MM3",
            help="Remove smaller lesions (mm2 in single slices, pixels without a known spacing).",
        ),
        declare("--postprocess", type=click.Choice(choices), help=help_text),
    )

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def with_steps(
            *arguments: Any,
            largest_liver: bool,
            lesions_inside_liver: bool,
            smallest_lesion: float,
            postprocess: str | None,
            **others: Any,
        ) -> Any:
            from cafct_keras.postprocessing import PostProcessing

            steps = PostProcessing(
                largest_liver=largest_liver, lesions_inside_liver=lesions_inside_liver, smallest_lesion=smallest_lesion
            )
            if postprocess and steps != PostProcessing():
                raise click.UsageError(
                    f"--postprocess {postprocess}: takes the place of the other post-processing options; leave them out"
                )
            return command(*arguments, postprocessing=postprocess or steps, **others)

        decorated: Callable[..., Any] = with_steps
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return add


def smoothing_option(default: str) -> Decorator:
    """The option `--smooth-slices`.

    Args:
        default: what is taken without it.
    """
    return click.option(
        "--smooth-slices",
        cls=SectionOption,
        section=POSTPROCESSING,
        type=float,
        metavar="NUMBER",
        help="Smooth probabilities across the slices of a scan by a Gaussian with this standard deviation in slices.  "
        f"[default: {default}]",
    )


def say(text: str, *, err: bool = False) -> None:
    """Prints lines, with what a console cannot show escaped; on the standard error if `err`."""
    # Not by Click, which writes UTF-8 to consoles of ASCII.
    stream = sys.stderr if err else sys.stdout
    stream.write(f"{printable(text)}\n")
    stream.flush()


def terminal_width() -> int | None:
    """Columns of the terminal that the standard output is; None for a file or a pipe, where nothing is wrapped."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def explained(message: str) -> str:
    """A message of the library in terms of the command line."""
    return as_options(message, click.get_current_context().find_root().command)


def echo_json(document: Any) -> None:
    """Prints a document on the standard output as one line of JSON, in which numbers that are not finite are null."""
    stream: Any = click.get_current_context().meta.get(STDOUT, sys.stdout)
    stream.write(f"{json.dumps(_finite(document), allow_nan=False)}\n")
    stream.flush()


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def named_paths(option: str, values: Sequence[str], *, name_of: Callable[[str], str]) -> dict[str, str]:
    """Names and paths of values `NAME=PATH`, or `PATH`.

    Args:
        option: parameter that has them, for errors.
        values: one or more. What exists as it stands is a path, whatever it contains.
        name_of: name of a path that is given without one.

    Raises:
        click.UsageError: two have one name.
    """
    named: dict[str, str] = {}
    for value in values:
        name, equals, path = value.partition("=")
        if not equals or Path(value).exists() or "/" in name:
            name, path = name_of(value), value
        if not name or not path:
            raise click.UsageError(f"`{option}` {value}: give NAME=PATH, or a path")
        if name in named:
            raise click.UsageError(f"`{option}` {value}: two are named {name}; give NAME=PATH with a name of its own")
        named[name] = path
    return named
