"""Names of files as consoles, pages and tables show them."""

import csv

import pytest

from pipelines.printable import as_cell, from_cell, one_line, printable
from pipelines.tables import read_rows, write_rows

FORMULAS = ["=1+1", "+49", "-2", "@SUM(A1)", "\N{FULLWIDTH EQUALS SIGN}1"]
NAMES = ["liver", "Leber-肝臓 🫀", "[red]a[/bold]", "O'Neill", "'quoted'", "3-4"]


@pytest.mark.parametrize("name", NAMES)
def test_readable_names_stay(name):
    assert printable(name) == one_line(name) == as_cell(name) == name


@pytest.mark.parametrize("character", ["\x1b[2J", "\r", "\x9b31m", "\udce9", "\u202e", "\x00", "\u2028", "\x7f"])
def test_what_a_console_cannot_show_is_escaped(character):
    name = f"a{character}b"
    shown = printable({"names": [name, (name, 3)]})["names"]
    assert shown == [printable(name), (printable(name), 3)]
    assert shown[0].startswith("a\\")
    assert shown[0].isprintable()
    assert printable(shown[0]) == shown[0]
    shown[0].encode()


def test_lines_and_tabs_stay_but_in_a_line():
    assert printable("a\n\tb") == "a\n\tb"
    assert one_line("a\n\tb") == "a\\n\\tb"


@pytest.mark.parametrize("text", [*FORMULAS, *NAMES])
def test_cells_are_no_formulas_and_are_read_back(text, tmp_path):
    write_rows(tmp_path / "table.csv", ["name", "value"], [{"name": text, "value": -1.5}])
    with (tmp_path / "table.csv").open(newline="", encoding="utf-8") as file:
        _, (name, value) = csv.reader(file)
    assert name == (f"'{text}" if text in FORMULAS else text)
    assert value == "-1.5"
    assert from_cell(name) == text
    assert read_rows(tmp_path / "table.csv")[1][1] == [text, "-1.5"]
