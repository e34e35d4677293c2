import io

import pytest
import rich.console
from rich.table import Table

from cafct_keras.runtime.console import make_console


def test_nothing_is_wrapped_outside_a_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    file = io.StringIO()
    console = make_console(file)
    table = Table(box=None)
    name = "/".join(["a-long-folder"] * 20)
    table.add_row(name, "first")
    table.add_row("short", "second")
    console.print(table)
    console.print(f"warning: {name} is damaged")
    lines = [line.split() for line in file.getvalue().splitlines() if line.strip()]
    assert lines == [[name, "first"], ["short", "second"], ["warning:", name, "is", "damaged"]]


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("file", "environment", "colors", "interactive"),
    [
        (Terminal, {}, True, True),
        (Terminal, {"NO_COLOR": "1"}, False, True),
        (Terminal, {"TERM": "dumb"}, False, False),
        (io.StringIO, {}, False, False),
        (io.StringIO, {"FORCE_COLOR": "1"}, True, False),
    ],
)
def test_colors_and_bars(file, environment, colors, interactive, monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ({"TERM": "xterm-256color", "COLUMNS": "80"} | environment).items():
        monkeypatch.setenv(name, value)
    console = make_console(file())
    console.print("worse", style="red")
    assert ("\x1b[31m" in console.file.getvalue()) == colors
    assert console.is_interactive == interactive


def test_notebooks_get_lines(monkeypatch, capsys):
    monkeypatch.setattr(rich.console, "_is_jupyter", lambda: True)
    make_console().print("epoch 1")
    assert capsys.readouterr().out == "epoch 1\n"
