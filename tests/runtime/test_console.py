import io

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
