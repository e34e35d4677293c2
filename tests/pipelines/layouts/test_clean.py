import json

import pytest
from rich.console import Console

from pipelines.errors import DataError
from pipelines.layouts.checking import Finding, table, verify
from tests.cli import fails, run
from tests.pipelines.layouts.conftest import WRITERS
from tests.pipelines.layouts.planting import notes, told, unlink

NATURAL = {  # the oddities that the writers put there on purpose
    "lits_png": {("flags-inverted", "lits_df.csv")},
    "nifti": {("orientation-differs", ".")},
    "msd": {("orientation-differs", ".")},
    "dicom": {("slice-order", f"phantom-{number:03d}") for number in range(5)},
    "paired_folder": set(),
}
FILES = {"lits_png": 63, "nifti": 11, "msd": 12, "dicom": 26, "paired_folder": 41}


@pytest.mark.parametrize("layout", WRITERS)
def test_what_the_writers_write_is_clean(clean, layout):
    assert told(clean / layout) == set()
    assert notes(clean / layout) == {*NATURAL[layout], ("read", ".")}
    read = next(one.message for one in verify(clean / layout) if one.code == "read")
    assert read.endswith(f": 5 cases, 20 slices, {FILES[layout]} files")


def test_a_clean_folder_is_one_line(clean):
    text = table(verify(clean / "paired_folder"), "mine")
    assert text == "mine: nothing wrong (paired_folder: 5 cases, 20 slices, 41 files)"


def test_table_tells_all_but_never_a_code_without_end():
    findings = [Finding("nan", "error", f"[bold]{number}.nii", "voxels are NaN") for number in range(30)]
    lines = table([*findings, Finding("padding", "note", "b", "fine")], "mine").splitlines()
    assert len(lines) == 1 + 10 + 1 + 1 + 1
    assert "[bold]9.nii" in lines[10]
    assert "20 more" in lines[11]
    assert lines[-1] == "mine: 30 errors, 0 warnings, 1 note"
    assert all(len(line) <= Console(width=140).width for line in lines)


def test_command_line_says_it_and_exits(clean, copy):
    good = run("data", "verify", clean / "nifti", "--json")
    assert good.code == 0
    assert {one["severity"] for one in good.json} == {"note"}
    folder = copy("nifti")
    unlink("segmentation-2.nii.gz")(folder)
    bad = run("data", "verify", folder, "--json")
    assert bad.code == 1
    assert bad.json[0].keys() == {"code", "severity", "file", "message"}
    assert [(one["code"], one["file"]) for one in bad.json if one["severity"] == "error"] == [
        ("mask-missing", "volume-2.nii.gz")
    ]
    assert "volume-2.nii.gz" in "".join(bad.out.splitlines()[:-1])
    with pytest.raises(json.JSONDecodeError):
        assert run("data", "verify", clean / "nifti").json


def test_a_warning_alone_is_no_failure(copy):
    folder = copy("paired_folder")
    for kind in ("images", "masks"):
        unlink(f"{kind}/phantom-001_001.png")(folder)
    unlink("index.csv")(folder)
    assert run("data", "verify", folder).code == 0


def test_what_cannot_be_checked_at_all(tmp_path):
    with pytest.raises(DataError, match="no such data folder"):
        verify(tmp_path / "none")
    with pytest.raises(DataError, match="unknown; give"):
        verify(tmp_path, layout="lits")
    assert "no such data folder" in fails("data", "verify", tmp_path / "none")
    assert told(tmp_path) == {("error", "layout-unknown", ".")}
