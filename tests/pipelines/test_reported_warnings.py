"""What `verify` knows of folders as users have them, and what readers say of the same folders."""

import pytest

from pipelines import open_source
from pipelines.layouts import verify
from pipelines.scans import find_scans
from tests.reported import reported


def read(folder):
    source = open_source(folder, size=64)
    assert not source.warnings  # nothing has been read
    assert list(source.cases())
    return source.warnings


def warned(folder):
    return {one.code for one in verify(folder) if one.severity == "warning"}


def test_values_that_are_no_hounsfield_units():
    folder = reported(70) / "70-plus1024"
    (line,) = read(folder)
    assert "subtract 1024" in line
    assert all(f"volume-{number}.nii" in line for number in range(5))
    assert warned(folder) == {"hu-unsigned"}


def test_sform_against_qform():
    folder = reported("01") / "01-sform-qform"
    (line,) = read(folder)
    assert "qform" in line
    assert warned(folder) == {"forms-differ"}
    doubts = {scan.name: scan.doubts for scan in find_scans([folder]).scans}
    assert [bool(doubts[f"volume-{number}"]) for number in range(4)] == [True, False, False, False]


@pytest.mark.parametrize(("form", "parts"), [("train", {"train", "validation"}), ("val", {"validation"})])
def test_a_part_without_the_target(form, parts):
    found = [one for one in verify(reported(60) / f"60-no-lesion-in-{form}") if one.code == "target-missing"]
    assert {one.message.partition(":")[0] for one in found} == parts


@pytest.mark.parametrize("form", ["plain", "one-patient", "one-slice"])
def test_nothing_is_said_of_a_folder_that_is_well(form):
    assert not warned(reported(60) / f"60-{form}")
    assert not read(reported(60) / f"60-{form}")
