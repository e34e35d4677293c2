import io

import pytest
from rich.console import Console

from cafct_keras.runtime.progress import LINES, track


def reported(*, terminal, total=25, **options):
    console = Console(file=io.StringIO(), force_terminal=terminal, width=100)
    assert list(track(iter(range(total)), total=total, what="scoring", console=console, **options)) == list(
        range(total)
    )
    return console.file.getvalue()


@pytest.mark.parametrize("options", [{"terminal": False}, {"terminal": True, "quiet": True}])
def test_plain_lines_now_and_then(options):
    lines = reported(**options).splitlines()
    assert 1 < len(lines) <= LINES
    assert lines[0].startswith("scoring: 3 of 25 cases, ")


def test_a_bar_on_a_terminal():
    text = reported(terminal=True)
    assert "100%" in text
    assert "of 25 cases" not in text


def test_no_cases_no_lines():
    assert reported(terminal=False, total=0) == ""
