"""Help and version, which must not wait for Keras."""

import os
import subprocess
import sys

from tests.cli import fails, run

COMMANDS = {
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
    "data verify",
    "data describe",
    "data prepare",
    "data phantom",
    "import-weights",
    "info",
}
# Set, so that what calls itself cafct-keras does not restart with huge pages.
ENVIRONMENT = {**os.environ, "GLIBC_TUNABLES": "glibc.malloc.hugetlb=0"}
PROBE = """
import contextlib, io, sys
calls = sys.argv[1:]
sys.argv = ["cafct-keras"]
from cafct_keras.cli import main
for call in calls:
    sys.argv = ["cafct-keras", *call.split()]
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):
        main()
    assert out.getvalue(), call
print(*sorted({"keras", "jax", "tensorflow", "torch", "matplotlib"} & set(sys.modules)))
"""


def test_help_and_version_import_no_keras():
    calls = ["--help", "--version", "data --help", *(f"{command} --help" for command in sorted(COMMANDS))]
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *calls], capture_output=True, text=True, check=True, env=ENVIRONMENT
    )
    assert done.stdout.split() == []


def test_every_command_is_listed_and_described():
    listed = run("--help").out.partition("Commands:")[2]
    for command in COMMANDS:
        first, _, second = command.partition(" ")
        assert first in listed
        if second:
            assert second in run(first, "--help").out


def test_lists_of_commands_are_whole_sentences_on_80_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for group in ((), ("data",)):
        listed = run(*group, "--help").out.partition("Commands:")[2].strip().splitlines()
        assert all(line.endswith(".") and not line.endswith("...") for line in listed), listed


def test_options_are_listed_in_sections():
    own, _, rest = run("fit", "--help").out.partition("\nOptions:\n")[2].partition("\nData:\n")
    assert "--resume" in own
    assert "--rotation" not in own
    _, _, augmentation = rest.partition("\nAugmentation:\n")
    assert augmentation.lstrip().startswith("--flip")
    assert run("predict", "--help").out.partition("\nPost-processing:\n")[2].lstrip().startswith("--smooth-slices")


def test_unknown_command():
    assert "No such command 'train'; choose fit, predict, evaluate, score, " in fails("train", code=2)
