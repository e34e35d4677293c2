"""Command line: one module per command, whose function has the module's name."""

import contextlib
import io
import json
import logging
import os
import sys
import time
import warnings
from collections.abc import Iterator
from typing import NoReturn

import click

from cafct_keras import __version__
from cafct_keras.cli.errors import as_options
from cafct_keras.cli.lazy import LazyGroup
from cafct_keras.cli.shared import say
from cafct_keras.errors import UserError, device_failure, disk_failure, is_out_of_memory
from pipelines.errors import DataError
from pipelines.optional import MissingPackageError

COMMANDS = (
    "fit",
    "predict",
    "evaluate",
    "score",
    "compare",
    "export",
    "publish",
    "models",
    "reproduce",
    "benchmark",
    "data",
    "import-weights",
    "info",
)


@click.group(
    cls=LazyGroup,
    package=__name__,
    names=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__)
@click.option("--debug", is_flag=True, help="Show the traceback of errors. Accepted anywhere on the command line.")
def cli(debug: bool) -> None:
    """CAFCT-Net: liver tumour segmentation in CT, in Keras 3 on JAX.

    KERAS_BACKEND=jax|tensorflow|torch chooses the backend.
    """


def main() -> None:
    """Runs the command line. A user's mistake is reported in one line, with exit code 1 or 2.

    With `--json`, the standard output is `{"error": {"message": ..., "exit_code": ...}}` then.
    """
    started = time.perf_counter()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names of files may hold what the console cannot show
            stream.reconfigure(errors="backslashreplace")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if os.environ["KERAS_BACKEND"] != "tensorflow":
        # TensorFlow then only feeds data; its notice about oneDNN, which no log level hides, would be noise.
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    debug = len(arguments) < len(sys.argv) - 1
    try:
        with contextlib.nullcontext() if debug else _quiet_libraries():
            code = cli.main(arguments, prog_name="cafct-keras", standalone_mode=False, obj=started)
        sys.stdout.flush()
    except click.ClickException as error:
        if debug:
            raise
        _fail(error.format_message(), code=2)
    except (UserError, DataError, MissingPackageError) as error:
        if debug:
            raise
        _fail(str(error), code=getattr(error, "exit_code", 1))
    except (click.Abort, KeyboardInterrupt):
        _fail("interrupted", code=130)
    except BrokenPipeError:  # whoever read the output has seen enough
        _drop_output()
        sys.exit(1)
    except Exception as error:
        failure = disk_failure(error) or device_failure(error)
        if not failure and is_out_of_memory(error):
            failure = "out of memory: free memory that other programs use, or give smaller data or numbers"
        if debug or not failure:
            raise
        _drop_output()
        _fail(failure, code=1)
    if code:  # of a command that ran and found errors
        sys.exit(code)


@contextlib.contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Hides warnings of libraries, about what users cannot change, unless Python is asked for them."""
    disabled = logging.root.manager.disable
    logging.disable(max(disabled, logging.WARNING))
    try:
        with warnings.catch_warnings():
            if not sys.warnoptions:
                warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def _drop_output() -> None:
    """Forgets output that cannot be written, which Python would try again at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str, *, code: int) -> NoReturn:
    message = as_options(" ".join(message.split()), cli)
    say(f"cafct-keras: {message}", err=True)
    if "--json" in sys.argv:
        try:
            say(json.dumps({"error": {"message": message, "exit_code": code}}))
        except OSError:  # nowhere to print it; the standard error has it
            _drop_output()
    sys.exit(code)
