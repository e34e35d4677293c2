import json

import pytest

from pipelines.checks.table import table
from pipelines.errors import DataError
from pipelines.findings import Finding
from pipelines.layouts import verify
from tests.cli import fails, run
from tests.pipelines.layouts.conftest import WRITERS
from tests.pipelines.layouts.planting import notes, problems, unlink

NATURAL = {  # the oddities that the writers put there on purpose
    "lits_png": {("flags-inverted", "lits_df.csv")},
    "nifti": {("orientation-differs", ".")},
    "msd": {("orientation-differs", ".")},
    "dicom": {("slice-order", f"phantom-{number:03d}") for number in range(5)},
    "paired_folder": set(),
}
FILES = {"lits_png": 63, "nifti": 11, "msd": 12, "dicom": 26, "paired_folder": 42}


@pytest.mark.parametrize("layout", WRITERS)
def test_what_the_writers_write_is_clean(clean, layout):
    assert problems(clean / layout) == set()
    assert notes(clean / layout) == {*NATURAL[layout], ("read", ".")}
    read = next(one.message for one in verify(clean / layout) if one.code == "read")
    assert read.endswith(f": 5 cases, 20 slices, {FILES[layout]} files")


def test_a_clean_folder_is_one_line(clean):
    text = table(verify(clean / "paired_folder"), "mine")
    assert text == "mine: no problems found (paired_folder: 5 cases, 20 slices, 42 files)"


FINDINGS = [Finding("nan", "error", f"[bold]{number}.nii", "voxels are NaN") for number in range(30)]


def test_a_terminal_gets_a_table_that_ends():
    lines = table([*FINDINGS, Finding("padding", "note", "b", "fine")], "mine", width=80).splitlines()
    assert len(lines) == 1 + 10 + 1 + 1 + 1
    assert "[bold]9.nii" in lines[10]
    assert "20 more" in lines[11]
    assert lines[-1] == "mine: 30 errors, 0 warnings, 1 note"
    assert all(len(line) <= 80 for line in lines)


def test_a_file_or_pipe_gets_every_finding_on_a_line_of_its_own():
    long = Finding("nan", "error", "/".join(["a long folder"] * 20) + "/scan.nii", "voxels are NaN; " * 20)
    lines = table([*FINDINGS, long], "mine").splitlines()
    assert len(lines) == 30 + 1 + 1
    assert lines[0] == "error nan [bold]0.nii: voxels are NaN"
    assert lines[30] == f"error nan {long.file}: {long.message}"


def test_names_of_files_can_be_searched_for_in_the_output_of_the_command(copy):
    """Fails where a table wraps the names of files."""
    folder = copy("paired_folder")
    name = "a-patient-with-a-rather-long-name-of-a-file-as-exported-by-a-workstation_1.png"
    (folder / "images" / "phantom-000_000.png").rename(folder / "images" / name)
    assert f"images/{name}: no masks/{name};" in run("data", "verify", folder).out


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
    assert "volume-2.nii.gz" in bad.error
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
    with pytest.raises(DataError, match="unknown; choose"):
        verify(tmp_path, layout="lits")
    assert "no such data folder" in fails("data", "verify", tmp_path / "none")
    assert problems(tmp_path) == {("error", "layout-unknown", ".")}
