"""The `cafct-keras` program, and the command that it was started with."""

import pathlib
import shlex
import sys

COMMAND = "cafct-keras"


def is_command_line() -> bool:
    """Whether this process is `cafct-keras`, and not a program that imports the package."""
    return pathlib.Path(sys.argv[0]).stem == COMMAND


def command_line() -> str | None:
    """The command that this process was started with, or None if it is not `cafct-keras`."""
    return shlex.join([COMMAND, *sys.argv[1:]]) if is_command_line() else None
