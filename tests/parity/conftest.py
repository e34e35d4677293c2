"""Opt-in: `python -m pytest -m parity -n 0 tests/parity` prints the table of docs/explanation/parity.md."""

import importlib.metadata
import json

import numpy as np
import pytest


def pytest_ignore_collect(collection_path, config):
    """Other runs import nothing from here, for the tools take seconds to load."""
    return True if collection_path.suffix == ".py" and "parity" not in config.option.markexpr else None


class Record:
    """Compares values with another tool's, and keeps a row of the table."""

    def __init__(self, record_property):
        self._record_property = record_property

    def agree(self, tool, what, ours, theirs, *, tolerance=1e-6, note=""):
        """Both lists of numbers are equal within a tolerance."""
        self._row(tool, what, ours, theirs, note)
        np.testing.assert_allclose(np.asarray(ours, float), np.asarray(theirs, float), rtol=0, atol=tolerance)

    def differ(self, tool, what, ours, theirs, explained, *, tolerance=1e-6, note):
        """The tool's values are others; `explained`, computed here by its rule, gives them (None: not computed)."""
        self._row(tool, what, ours, theirs, note)
        if explained is not None:
            np.testing.assert_allclose(np.asarray(explained, float), np.asarray(theirs, float), rtol=0, atol=tolerance)
        assert largest(ours, theirs) > tolerance, "no difference is left to explain"

    def _row(self, tool, what, ours, theirs, note):
        assert len(ours) == len(theirs) > 0
        version = "" if tool == "brute force" else f" {importlib.metadata.version(tool)}"
        row = [tool + version, what, len(ours), largest(ours, theirs), note]
        self._record_property("parity", json.dumps(row))


def largest(ours, theirs):
    """The largest difference; values that are NaN in both are equal."""
    ours, theirs = np.asarray(ours, float), np.asarray(theirs, float)
    assert np.array_equal(np.isnan(ours), np.isnan(theirs))
    return float(np.nanmax(np.abs(ours - theirs), initial=0))


@pytest.fixture
def record(record_property):
    return Record(record_property)


def pytest_terminal_summary(terminalreporter):
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)]
    rows: dict[tuple, list] = {}
    for report in reports:
        for name, value in report.user_properties:
            if name == "parity":
                tool, what, values, difference, note = json.loads(value)
                rows.setdefault((tool, what, note), []).append((values, difference))
    if not rows:
        return
    terminalreporter.section("parity")
    terminalreporter.write_line("| tool | scores | values | largest difference | why |")
    terminalreporter.write_line("|---|---|---|---|---|")
    for (tool, what, note), parts in sorted(rows.items(), key=lambda row: row[0][0].lower()):
        values, differences = zip(*parts, strict=True)
        terminalreporter.write_line(f"| {tool} | {what} | {sum(values)} | {shown(max(differences))} | {note} |")


def shown(difference):
    return "0" if difference == 0 else f"{difference:.0e}" if difference < 1e-4 else f"{difference:.3g}"
