"""Preparations that must precede the import of Keras."""

import importlib.util
import pathlib
import sys

from cafct_keras.errors import UserError
from cafct_keras.runtime import backend, lean_keras, memory_pages
from cafct_keras.runtime.command_line import COMMAND, is_command_line

PACKAGES = pathlib.Path(__file__).parents[2]


def prepare() -> None:
    """Restarts the command line with huge memory pages if that helps, and chooses the Keras backend.

    On the command line, Keras will be imported without what it does not need there.

    Raises:
        ImportError: if another package called `pipelines` hides the one of this distribution.
        UserError: if `keras.json` cannot be used; the command line prints it and exits.
    """
    memory_pages.restart_command_line()
    try:
        backend.choose()
        check_pipelines()
    except (ImportError, UserError) as error:
        if not is_command_line():
            raise
        sys.exit(f"{COMMAND}: {error}")
    if is_command_line():
        lean_keras.import_less()


def check_pipelines() -> None:
    """Checks that `import pipelines` finds the package of this distribution.

    Raises:
        ImportError: if it finds another module of that name, such as a folder beside the user's script.
    """
    spec = importlib.util.find_spec("pipelines")
    if spec is None:
        return
    # A package, with or without __init__.py, or a single file.
    found = pathlib.Path(*(list(spec.submodule_search_locations or [])[:1] or [str(spec.origin)]))
    if found != PACKAGES / "pipelines":
        raise ImportError(f"{found}: hides the package `pipelines` of cafct-keras; rename it or run python -P")
