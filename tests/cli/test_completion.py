"""Completion in shells."""

import os
import pathlib
import re
import select
import shutil
import subprocess
import sys
import time

import click
import pytest
from click.shell_completion import BashComplete

from cafct_keras.cli import cli
from cafct_keras.export.formats import FORMATS as EXPORTED
from cafct_keras.models import list_models, list_presets
from cafct_keras.prediction.segmentation import FORMATS as MASKS
from cafct_keras.recipes import list_recipes
from pipelines.layouts import LAYOUTS
from tests.cli.test_checks import commands
from tests.cli.test_help import ENVIRONMENT

BIN = os.path.dirname(sys.executable)
IMPORTED = """
import sys
sys.argv = ["cafct-keras"]
from cafct_keras.cli import main
try:
    main()
finally:
    print(*{"keras", "jax", "tensorflow", "torch"} & set(sys.modules), file=sys.stderr)
"""
ROOT = pathlib.Path(__file__).parents[2]
COMPINIT = "autoload -U compinit; compinit -u -D; "
# Options of a shell without the user's configuration, and the line of the documentation.
SETUP = {
    "bash": (["--norc", "--noprofile"], 'eval "$(_CAFCT_KERAS_COMPLETE=bash_source cafct-keras)"'),
    "zsh": (["-f"], COMPINIT + 'eval "$(_CAFCT_KERAS_COMPLETE=zsh_source cafct-keras)"'),
    "fish": (["--no-config"], "_CAFCT_KERAS_COMPLETE=fish_source cafct-keras | source"),
}


def completions(*words):
    """Values, and kinds of paths in brackets, that the last word may become."""
    *arguments, incomplete = words
    found = BashComplete(cli, {}, "cafct-keras", "_CAFCT_KERAS_COMPLETE").get_completions(arguments, incomplete)
    return [item.value if item.type == "plain" else f"[{item.type}]" for item in found]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("fit", "--config", "lits_lesion"), ["[file]", "lits_lesion_1", "lits_lesion_2"]),
        (("fit", "--config", ""), ["[file]", *list_recipes()]),
        (("fit", "--model", ""), [name for name in list_models() if name != "micro"]),
        (("benchmark", "train", "--model", "unet"), ["unet", "unet_plus_plus"]),
        (("data", "verify", "x", "--layout", ""), list(LAYOUTS)),
        (("fit", "--preset", ""), list_presets("cafct_net")),
        (("fit", "--precision", "mixed"), ["mixed_bfloat16", "mixed_float16"]),
        (("fit", "--optimizer", "a"), ["adam", "adamw"]),
        (("predict", "run", "--format", ""), list(MASKS.values())),
        (("export", "run", "--format", ""), list(EXPORTED)),
        (("evaluate", "run", "--threshold", ""), ["auto", "kept"]),
        (("evaluate", "run", "--data", "ru"), ["[dir]"]),
        (("predict", "ru"), ["[file]"]),
        (("export", "ru"), ["[file]"]),
        (("score", "--pairs", "a"), ["[file]"]),
        (("data", "p"), ["prepare", "phantom"]),
        (("predict", "--part", ""), []),
    ],
)
def test_values(words, expected):
    assert completions(*words) == expected


def test_paths_complete_in_every_option_that_takes_them():
    for _, command in commands():
        for parameter in command.params:
            if isinstance(parameter, click.Option) and re.search("DIR|FILE|CSV|RUN|PATH", parameter.metavar or ""):
                found = parameter.shell_complete(click.Context(command), "a")
                assert {item.type for item in found} & {"dir", "file"}, parameter


def test_completing_imports_no_keras():
    for words in ("", "fit --config ", "fit --model ", "fit --layout "):
        asked = {"COMP_WORDS": f"cafct-keras {words}", "COMP_CWORD": str(words.count(" ") + 1)}
        environment = {**ENVIRONMENT, **asked, "_CAFCT_KERAS_COMPLETE": "bash_complete"}
        done = subprocess.run([sys.executable, "-c", IMPORTED], capture_output=True, text=True, env=environment)
        assert "plain," in done.stdout, done
        assert done.stderr.split() == []


@pytest.mark.parametrize("shell", SETUP)
def test_tab(shell, tmp_path):
    """What a shell makes of a line when Tab is pressed after it."""
    pty = pytest.importorskip("pty", reason="this system has no pseudo-terminals")
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    options, setup = SETUP[shell]
    assert setup.removeprefix(COMPINIT) in (ROOT / "docs" / "how_to" / "shell_completion.md").read_text()
    (tmp_path / "scans-of-may").mkdir()
    typed = {"fit --config phan": "phantom", "data ver": "verify", "predict --input sca": "scans-of-may"}
    process, terminal = pty.fork()
    if not process:
        os.chdir(tmp_path)
        environment = {**ENVIRONMENT, "PATH": f"{BIN}:{os.environ['PATH']}", "TERM": "xterm", "HOME": str(tmp_path)}
        os.execvpe(shell, [shell, *options, "-i"], environment)
    try:
        write(terminal, f"{setup}; echo rea''dy\n")
        read_until(terminal, "\nready|\rready")
        for line, completed in typed.items():
            write(terminal, f"cafct-keras {line}\t")
            shown = read_until(terminal, completed)
            assert completed in shown, (line, shown)
            write(terminal, "\x15")  # removes the line
    finally:
        os.close(terminal)
        os.waitpid(process, 0)


def write(terminal, text):
    os.write(terminal, text.encode())


def read_until(terminal, pattern, seconds=60):
    """Reads what a terminal shows until it matches, at most for some seconds."""
    shown, end = "", time.monotonic() + seconds
    while time.monotonic() < end and not re.search(pattern, shown):
        if select.select([terminal], [], [], 1)[0]:
            shown += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", os.read(terminal, 4096).decode(errors="replace"))
    return shown
