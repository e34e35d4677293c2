"""Recognition of the `cafct-keras` program."""

import pathlib
import sys

COMMAND = "cafct-keras"


def is_command_line() -> bool:
    """Whether this process is `cafct-keras`, and not a program that imports the package."""
    return pathlib.Path(sys.argv[0]).stem == COMMAND
