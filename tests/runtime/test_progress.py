import io
import time

import pytest
from rich.console import Console

from cafct_keras.runtime import progress
from cafct_keras.runtime.progress import LINES, PATIENCE, CaseProgress, track


def reported(*, terminal, total=25, **options):
    console = Console(file=io.StringIO(), force_terminal=terminal, width=100, _environ={"TERM": "xterm"})
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


def test_a_terminal_that_cannot_move_the_cursor_gets_lines():
    console = Console(file=io.StringIO(), force_terminal=True, width=100, _environ={"TERM": "dumb"})
    assert list(track(iter(range(25)), total=25, what="scoring", console=console)) == list(range(25))
    assert console.file.getvalue().startswith("scoring: 3 of 25 cases, ")


def test_no_cases_no_lines():
    assert reported(terminal=False, total=0) == ""


def long_case(console, monkeypatch, *, total, parts, seconds):
    """One case after the other, each in parts that take some seconds."""
    now = 0.0
    monkeypatch.setattr(progress.time, "perf_counter", lambda: now)
    with CaseProgress(total=total, what="segmenting", console=console) as report:
        for _ in range(total):
            for _ in range(parts):
                now += seconds
                report.advance(1 / parts)
            report.finish()
    return console.file.getvalue().splitlines()


def test_lines_within_a_case_that_takes_long(monkeypatch):
    console = Console(file=io.StringIO(), width=100)
    lines = long_case(console, monkeypatch, total=1, parts=16, seconds=10)
    assert lines[0] == "segmenting: 12%, 20 s, 2.3 min left"
    assert len(lines) == 7
    console = Console(file=io.StringIO(), width=100)
    assert long_case(console, monkeypatch, total=1, parts=100, seconds=PATIENCE / 100) == [], "a short one"
    console = Console(file=io.StringIO(), width=100)
    lines = long_case(console, monkeypatch, total=3, parts=10, seconds=2)
    assert "segmenting: 1 of 3 cases, 20 s, 40 s left" in lines


def test_the_bar_moves_within_a_case():
    console = Console(file=io.StringIO(), force_terminal=True, width=100, _environ={"TERM": "xterm"})
    with CaseProgress(total=2, what="segmenting", console=console) as report:
        report.advance(0.5)
        report.advance(0.5)
        time.sleep(0.3)  # three times as long as the bar stands still
        report.finish()
        report.finish()
    text = console.file.getvalue()
    assert text.index(" 50%") < text.index("100%")
