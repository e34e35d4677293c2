import os
import shutil
import threading

import numpy as np
import pytest

from pipelines import DataError, open_source
from pipelines.findings import Report, Strict
from pipelines.layouts import verify
from pipelines.masks.listing import list_pairs
from pipelines.scans import find_scans
from pipelines.walk import walk
from tests.pipelines.layouts.conftest import WRITERS
from tests.pipelines.scans.volumes import hu, nifti
from tests.pipelines.skipped import skipped


@pytest.fixture
def soon():
    """Runs something that a pipe would keep waiting forever."""

    def run(work):
        result = []
        thread = threading.Thread(target=lambda: result.append(work()), daemon=True)
        thread.start()
        thread.join(60)
        assert not thread.is_alive(), "waits for a pipe"
        return result[0]

    return run


def plant(folder, suffix):
    """A pipe, a device, links to nowhere and to themselves, and a circle of folders, with suffixes of scans."""
    os.mkfifo(folder / f"pipe{suffix}")
    (folder / f"zero{suffix}").symlink_to("/dev/zero")
    (folder / f"gone{suffix}").symlink_to(folder / "nothing")
    (folder / f"self{suffix}").symlink_to(f"self{suffix}")
    (folder / "circle").symlink_to(folder)
    return {f"{name}{suffix}" for name in ("pipe", "zero", "gone", "self")} | {"circle"}


def test_links_are_followed_but_not_in_circles(tmp_path):
    (tmp_path / "store" / "deep").mkdir(parents=True)
    (tmp_path / "store" / "deep" / "a.nii").touch()
    root = tmp_path / "root"
    (root / "z" / ".hidden").mkdir(parents=True)
    (root / "z" / "b.nii").touch()
    (root / "z" / "Thumbs.db").touch()
    (root / "a").symlink_to(root / "z")  # the folder itself counts, not the link
    (root / "case").symlink_to(tmp_path / "store")
    (root / "file.nii").symlink_to(tmp_path / "store" / "deep" / "a.nii")
    (root / "z" / "up").symlink_to(root)
    (root / "z" / "above").symlink_to(tmp_path)
    findings = Report(root)
    files = {path.relative_to(root).as_posix() for _, paths in walk(root, findings) for path in paths}
    assert files == {"file.nii", "z/b.nii", "case/deep/a.nii"}
    assert {one.file for one in findings.findings} == {"a", "z/up", "z/above"}


@pytest.mark.parametrize("layout", WRITERS)
def test_what_is_no_regular_file_is_named_and_never_opened(layout, copy, soon):
    folder = copy(layout)
    expected = [case.name for case in open_source(folder, size=32).cases()]
    suffix = {"lits_png": ".png", "paired_folder": ".png", "dicom": ".dcm"}.get(layout, ".nii.gz")
    planted = plant(folder, suffix)
    findings = soon(lambda: verify(folder))
    named = {one.file for one in findings if one.code == "skipped"}
    assert planted - {"circle"} <= named
    assert [one for one in findings if one.severity == "error"] == []
    source = soon(lambda: open_source(folder, size=32))
    assert [case.name for case in source.cases()] == expected
    assert sum("not read" in note for note in source.notes) == 1
    assert soon(lambda: len(find_scans([folder]).scans)) == len(expected)


@pytest.mark.parametrize("name", ["volume-0.nii.gz", "scan.dcm", "scan"])
def test_a_pipe_given_by_name_is_refused(name, tmp_path, soon):
    os.mkfifo(tmp_path / name)

    def refusal():
        with pytest.raises(DataError, match="not a regular file") as caught:
            find_scans([tmp_path / name])
        return str(caught.value)

    assert "\n" not in soon(refusal)


def test_pipes_among_masks_to_score(tmp_path, soon):
    for side in ("prediction", "reference"):
        nifti(tmp_path / side / "a.nii", (hu() > 0).astype(np.uint8))
    plant(tmp_path / "prediction", ".nii")
    folders = (tmp_path / "prediction", tmp_path / "reference")
    pairs = soon(lambda: list_pairs(folders, match=None, table=None))
    assert list(pairs.files) == ["a"]
    assert len(pairs.note) == 1


def test_a_folder_that_nobody_may_read_is_an_error(tmp_path, monkeypatch):
    (tmp_path / "closed").mkdir()
    scandir = os.scandir

    def refuse(path):
        if os.fspath(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError, match=r"closed: cannot be read \(Permission denied\)"):
        list(walk(tmp_path, Strict(tmp_path)))
    report = Report(tmp_path)
    list(walk(tmp_path, report))
    assert [(one.severity, one.file) for one in report.findings] == [("error", "closed")]


# What lies in a folder and is not read, by layout: file, whether it may be a scan.
REST = {
    "nifti": {
        "patient9.nii.gz": True,
        "more/scan.mha": True,
        "more/old.img": True,
        "scans.zip": False,
        "preview.png": False,
        "volume-7.npy": False,
    },
    "msd": {"imagesTs/liver_9.nii.gz": False, "imagesTr/liver_0_0001.nii.gz": True, "extra/case.nrrd": True},
    "dicom": {"phantom-000/other.mha": True, "more/case.nhdr": True, "more/picture.jpg": False},
    "lits_png": {"dataset_6/volume-1.png": True, "extra/volume-1_2.tif": True, "volume-0.nii": True},
    "paired_folder": {"images/a_1.tif": True, "masks/a_1.bmp": True, "test/a_1.png": True, "case.nii.gz": True},
}


@pytest.mark.parametrize("layout", REST)
def test_what_could_be_a_scan_and_is_not_read_is_listed(layout, copy):
    folder = copy(layout)
    for name in REST[layout]:
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_bytes(b"something")
    (folder / "readme.txt").write_text("about the data")
    found = {one.file: one.severity == "warning" for one in verify(folder) if one.code == "skipped"}
    assert found == REST[layout]
    source = open_source(folder, size=32)
    assert sum(skipped(source.notes).values()) == len(REST[layout])
    assert [warning[:8] for warning in source.warnings] == ["not read"]


def test_a_dicom_series_among_volumes_is_listed(copy, clean):
    folder = copy("nifti")
    shutil.copytree(clean / "dicom" / "phantom-000", folder / "more" / "series")
    found = {(one.severity, one.file) for one in verify(folder) if one.code == "skipped"}
    assert found == {("warning", "more/series")}
    assert skipped(open_source(folder).notes) == {"DICOM files": 1}


def test_files_that_are_no_masks_to_score_are_listed(tmp_path):
    for side in ("prediction", "reference"):
        nifti(tmp_path / side / "a.nii", (hu() > 0).astype(np.uint8))
    nifti(tmp_path / "prediction" / "deeper" / "b.nii", (hu() > 0).astype(np.uint8))
    (tmp_path / "reference" / "b.mgz").write_bytes(b"volume")
    (tmp_path / "reference" / "b.jpg").write_bytes(b"picture")
    pairs = list_pairs((tmp_path / "prediction", tmp_path / "reference"), match=None, table=None)
    assert sorted(path.name for path in pairs.passed_over) == ["b.jpg", "b.mgz", "b.nii"]


def test_a_folder_of_no_layout_says_what_it_holds(tmp_path):
    for name in ("a/ct.mha", "a/liver.mha", "b.zip"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"something")
    with pytest.raises(DataError, match=r"no known layout.*a/ct\.mha, a/liver\.mha.*b\.zip") as caught:
        open_source(tmp_path)
    assert "\n" not in str(caught.value)
    assert {one.file for one in verify(tmp_path) if one.code == "skipped"} == {"a/ct.mha", "a/liver.mha", "b.zip"}


def test_a_pipe_in_a_prepared_dataset(tmp_path, soon):
    (tmp_path / "1.0.0").mkdir()
    (tmp_path / "1.0.0" / "dataset_info.json").write_text("{}")
    os.mkfifo(tmp_path / "1.0.0" / "lits_slices-train.parquet-00000-of-00001")

    def refusal():
        with pytest.raises(DataError, match="parquet"):
            open_source(tmp_path)
        return [one.severity for one in verify(tmp_path) if "parquet" in one.file]

    assert "error" in soon(refusal)
