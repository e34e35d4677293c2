"""Every layout, from `data phantom` to the reader that is found for it."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipelines import detect_layout, open_source
from pipelines.errors import DataError
from pipelines.layouts import load_layout
from pipelines.layouts.phantom import Phantom
from tests.cli import fails, run

SIZE = 48
PHANTOM = ("--cases", 4, "--slices", 3, "--size", SIZE)
LAYOUTS = {name: name for name in ("lits_png", "nifti", "dicom", "paired_folder")} | {"msd": "nifti"}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_written_is_found_and_read(layout, tmp_path):
    folder = tmp_path / "new" / "folder"
    assert run("data", "phantom", "--layout", layout, *PHANTOM, "--out", folder).code == 0
    assert [path.name for path in folder.parent.iterdir()] == ["folder"]
    assert detect_layout(folder) == LAYOUTS[layout]
    source = open_source(folder, target="lesion", size=SIZE)
    expected = list(Phantom(cases=4, slices=3, size=SIZE).cases())
    cases = list(source.cases())
    assert sorted(case.split for case in cases) == sorted(case.split for case in expected)
    # Names differ from layout to layout, so cases are told by their masks: volumes come from the feet up, LiTS's slices
    # upside down too.
    turns = {"paired_folder": (slice(None),), "lits_png": (slice(None, None, -1),) * 3}
    turned = turns.get(layout, (slice(None, None, -1),))
    lesions = {case.masks["lesion"][turned].tobytes(): case.split for case in expected}
    assert len(lesions) == 4
    for case in cases:
        assert lesions[case.masks["lesion"].tobytes()] == case.split
        assert case.images.dtype == (np.int16 if source.intensity == "hu" else np.uint8)
    # One part at a time is the same as all at once.
    for part in ("train", "validation", "test"):
        names = [case.name for case in source.cases(part)]
        assert names == [case.name for case in source.cases() if case.split == part]
    assert source.fingerprint() == open_source(folder, target="lesion", size=SIZE).fingerprint()


@pytest.mark.parametrize(("former", "layout"), [("lits-png", "lits_png"), ("paired", "paired_folder")])
def test_former_spellings_are_understood(former, layout, tmp_path):
    result = run("data", "phantom", "--layout", former, *PHANTOM, "--out", tmp_path / "folder")
    assert result.out == f"{tmp_path / 'folder'}: 4 cases of 3 slices, layout {layout}\n"
    assert detect_layout(tmp_path / "folder") == layout


def test_an_out_folder_that_exists_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    message = fails("data", "phantom", "--layout", "nifti", *PHANTOM, "--out", tmp_path)
    assert "already exists" in message
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_of_no_layout(tmp_path):
    (tmp_path / "readme.txt").write_text("scans to come")
    with pytest.raises(DataError, match="no known layout"):
        detect_layout(tmp_path)
    assert "--layout spiral: unknown; choose" in fails("fit", "--data", tmp_path, "--layout", "spiral")


def test_a_folder_called_phantom_is_told_from_the_built_in_one_by_its_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run("data", "phantom", "--layout", "paired_folder", *PHANTOM, "--out", "phantom")
    for data in ("./phantom", "phantom/", Path("phantom"), tmp_path / "phantom"):
        assert open_source(data, target="lesion", size=SIZE).layout == "paired_folder"
    assert open_source("phantom", target="lesion", size=SIZE).layout == "phantom"
    shutil.rmtree("phantom/images")
    assert "phantom/images: no such folder" in fails("fit", "--data", "./phantom")


@pytest.mark.parametrize("layout", ["lits_png", "paired_folder"])
def test_no_layout_waits_for_the_libraries_of_another(layout, tmp_path):
    folder = tmp_path / "data"
    load_layout(layout).write(Phantom(cases=4, slices=2, size=32), folder)
    code = (
        "import sys; from pipelines import open_source; "
        f"list(open_source({str(folder)!r}, size=32).cases()); "
        "print(sorted({'nibabel', 'pydicom', 'highdicom', 'nrrd', 'pyarrow'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
