"""Jobs of `predict`: what they write, and how they resume."""

import json
import os
import resource
import shutil

import nibabel
import numpy as np

from benchmarks.soak_predict import contents, differences
from cafct_keras.prediction.job import results
from tests.cli import fails, run
from tests.documented import documented
from tests.evaluating import hounsfield, labels_of, save_nifti
from tests.prediction.job import EVERYTHING, predicted


def times(out):
    return {path.name: path.stat().st_mtime_ns for path in out.glob("ct_*")}


def test_a_folder_of_scans(whole, folder):
    for number in range(4):
        mask = nibabel.load(whole / f"ct_{number}.nii.gz")
        assert np.array_equal(np.asarray(mask.dataobj).transpose(2, 1, 0), labels_of(number))
        assert (whole / "previews" / f"ct_{number}.png").is_file()
        probability = nibabel.load(whole / "probabilities" / f"ct_{number}_lesion.nii.gz").get_fdata()
        assert np.array_equal(probability.transpose(2, 1, 0) > 0.5, labels_of(number) == 2)
    document = json.loads((whole / "predict.json").read_text())
    assert [case["name"] for case in document["cases"]] == [f"ct_{number}" for number in range(4)]
    assert document["cases"][1]["input"] == str(folder / "ct_1.nii.gz")
    assert all((whole / name).is_file() for case in document["cases"] for name in case["files"])
    assert document["failures"] == []
    assert document["labels"] == {"liver": 1, "lesion": 2}
    assert not list(whole.glob("**/files"))
    assert {*document, *document["cases"][0], *document["settings"]["networks"][0]} <= documented(
        "predictions", "predict.json"
    )


def test_what_is_finished_is_left_as_it_is(whole, perfect, folder, tmp_path):
    out, arguments = tmp_path / "out", (perfect, "--input", folder, "--out", tmp_path / "out", *EVERYTHING)
    predicted(*arguments)
    before = times(out)
    done = run("predict", *arguments)
    assert "4 of 4 scans are finished already" in done.out
    assert times(out) == before
    (out / "ct_1.nii.gz").unlink()
    (out / "ct_2.nii.gz").write_bytes(b"cut off")
    predicted(*arguments)
    after = times(out)
    assert [name for name in before if after[name] != before[name]] == ["ct_1.nii.gz", "ct_2.nii.gz"]
    assert not differences(out, whole)


def test_scans_that_changed_or_are_new_are_segmented(perfect, own_folder, tmp_path):
    arguments = (perfect, "--input", own_folder, "--out", tmp_path / "out", "--measurements")
    predicted(*arguments)
    before = times(tmp_path / "out")
    save_nifti(own_folder / "ct_1.nii.gz", hounsfield(labels_of(3)))
    save_nifti(own_folder / "ct_9.nii.gz", hounsfield(labels_of(2)))
    names = [case["name"] for case in predicted(*arguments)["cases"]]
    assert names == ["ct_0", "ct_1", "ct_2", "ct_3", "ct_9"]
    after = times(tmp_path / "out")
    assert {name for name in after if after[name] != before.get(name)} == {"ct_1.nii.gz", "ct_9.nii.gz"}
    measured = json.loads((tmp_path / "out" / "measurements.json").read_text())["cases"]
    assert list(measured) == names
    assert measured["ct_1"] == measured["ct_3"] != measured["ct_0"]


def test_scans_of_other_folders_join_those_that_are_there(perfect, folder, tmp_path):
    save_nifti(tmp_path / "other.nii.gz", hounsfield(labels_of(0)))
    predicted(perfect, "--input", tmp_path / "other.nii.gz", "--out", tmp_path / "out")
    document = predicted(perfect, "--input", folder / "ct_1.nii.gz", "--out", tmp_path / "out")
    assert [case["name"] for case in document["cases"]] == ["ct_1", "other"]
    save_nifti(tmp_path / "ct_1.nii.gz", hounsfield(labels_of(0)))
    line = fails("predict", perfect, "--input", tmp_path / "ct_1.nii.gz", "--out", tmp_path / "out")
    assert "holds the result of another ct_1" in line
    assert "--overwrite" in line
    predicted(perfect, "--input", tmp_path / "ct_1.nii.gz", "--out", tmp_path / "out", "--overwrite")
    mask = np.asarray(nibabel.load(tmp_path / "out" / "ct_1.nii.gz").dataobj)
    assert np.array_equal(mask.transpose(2, 1, 0), labels_of(0))


def test_results_of_other_settings_are_not_mixed(perfect, blind, folder, tmp_path):
    one, out = folder / "ct_0.nii.gz", tmp_path / "out"
    predicted(perfect, "--input", folder, "--out", out, "--probability")
    before = contents(out)
    for arguments, named in (
        ((perfect,), "--probability true, now false"),
        ((perfect, "--probability", "--threshold", 0.4), "thresholds "),
        ((blind, "--probability"), "networks"),
    ):
        line = fails("predict", *arguments, "--input", one, "--out", out)
        assert line.startswith(f"cafct-keras: --out {out}: ct_0 was made with other settings ({named}"), line
        assert "--overwrite" in line
    assert contents(out) == before
    document = predicted(perfect, "--input", one, "--out", out, "--overwrite")
    assert [case["name"] for case in document["cases"]] == ["ct_0"]
    assert sorted(path.name for path in out.glob("[!.]*")) == ["ct_0.nii.gz", "predict.json"]


def test_overwriting_removes_nothing_before_its_replacement_is_made(perfect, blind, folder, tmp_path):
    one, out = tmp_path / "scans" / "ct_0.nii.gz", tmp_path / "out"
    one.parent.mkdir()
    shutil.copy(folder / "ct_0.nii.gz", one)
    predicted(perfect, "--input", one, "--out", out, "--measurements")
    before = contents(out)
    one.write_bytes(one.read_bytes()[:-200])
    line = fails("predict", blind, "--input", one, "--out", out, "--overwrite")
    assert str(one) in line
    assert contents(out) == before
    shutil.copy(folder / "ct_0.nii.gz", one)
    predicted(blind, "--input", one, "--out", out, "--overwrite")
    assert sorted(path.name for path in out.glob("[!.]*")) == ["ct_0.nii.gz", "predict.json"]
    assert contents(out)["ct_0.nii.gz"] != before["ct_0.nii.gz"]


def test_parts_together_are_the_whole(whole, perfect, folder, tmp_path):
    for part in ("2/3", "3/3", "1/3"):
        arguments = (perfect, "--input", folder, "--out", tmp_path / "out", *EVERYTHING, "--part", part)
        document = predicted(*arguments)
        assert len(document["cases"]) == {"2/3": 1, "3/3": 2, "1/3": 4}[part]
    assert not differences(tmp_path / "out", whole)
    for part in ("0/3", "4/3", "2", "two/3"):
        line = fails("predict", perfect, "--input", folder, "--out", tmp_path / "other", "--part", part)
        assert f"--part {part}: give the number of this job and of all jobs" in line


def test_one_damaged_scan(perfect, own_folder, tmp_path):
    damaged = own_folder / "ct_2.nii.gz"
    damaged.write_bytes(damaged.read_bytes()[:200])
    arguments = (perfect, "--input", own_folder, "--out", tmp_path / "out")
    line = fails("predict", *arguments)
    assert "ct_2.nii.gz" in line
    done = run("predict", *arguments, "--keep-going", "--json")
    assert done.code == 1
    assert "not segmented: " in done.error
    assert [case["name"] for case in done.json["cases"]] == ["ct_0", "ct_1", "ct_3"]
    assert [failure["case"] for failure in done.json["failures"]] == ["ct_2"]
    assert sorted(path.name for path in (tmp_path / "out").glob("ct_*")) == [f"ct_{n}.nii.gz" for n in (0, 1, 3)]
    save_nifti(damaged, hounsfield(labels_of(2)))
    document = predicted(*arguments)
    assert len(document["cases"]) == 4
    assert document["failures"] == []


def test_nothing_is_left_of_a_job_that_finished_nothing(perfect, own_folder, tmp_path):
    scan, out = own_folder / "ct_0.nii.gz", tmp_path / "masks" / "out"
    scan.write_bytes(scan.read_bytes()[:200])  # which is noticed when it is read
    assert "ct_0.nii.gz" in fails("predict", perfect, "--input", scan, "--out", out)
    assert not out.exists()


def test_what_killed_jobs_leave_is_removed(whole, perfect, folder, tmp_path):
    arguments = (perfect, "--input", folder, "--out", tmp_path / "out", *EVERYTHING)
    for name in (".ct_1-0123abcd", ".ct_2-0123abcd-replaced"):
        (tmp_path / "out" / ".predict" / name / "files").mkdir(parents=True)
        (tmp_path / "out" / ".predict" / name / "files" / "ct_1.nii.gz").write_bytes(b"half")
    predicted(*arguments)
    assert not differences(tmp_path / "out", whole)


def test_files_of_others_are_not_replaced(perfect, folder, tmp_path):
    out, scan = tmp_path / "out", folder / "ct_0.nii.gz"
    out.mkdir()
    (out / "ct_0.nii.gz").write_text("drawn by hand")
    assert "holds other files, such as ct_0.nii.gz" in fails("predict", perfect, "--input", scan, "--out", out)
    predicted(perfect, "--input", folder / "ct_1.nii.gz", "--out", tmp_path / "mine")
    (tmp_path / "mine" / "ct_0.nii.gz").write_text("drawn by hand")
    line = fails("predict", perfect, "--input", scan, "--out", tmp_path / "mine")
    assert "has a ct_0.nii.gz already" in line
    assert (tmp_path / "mine" / "ct_0.nii.gz").read_text() == "drawn by hand"


def test_a_full_disk(whole, perfect, folder, tmp_path):
    arguments = (perfect, "--input", folder, "--out", tmp_path / "out", *EVERYTHING)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, limits[1]))
    try:
        line = fails("predict", *arguments)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert line.startswith(f"cafct-keras: --out {tmp_path / 'out'}: cannot be written (File too large)")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    predicted(*arguments)
    assert not differences(tmp_path / "out", whole)


def test_interrupted_at_every_step(whole, perfect, folder, tmp_path, monkeypatch):
    """Wherever a job stops between two steps that reach the disk, it resumes."""
    flush, left = results.fsync, 0

    def interrupted(path):
        nonlocal left
        left -= 1
        if not left:
            raise KeyboardInterrupt
        flush(path)

    for module in ("pipelines.atomic", "cafct_keras.prediction.job.results"):
        monkeypatch.setattr(f"{module}.fsync", interrupted)
    arguments = (perfect, "--input", folder, "--out", tmp_path / "out", *EVERYTHING)
    for step in (1, 4, 12, 13, 14, 15, 16, 17):
        left = step
        assert run("predict", *arguments).code == 130
        assert not list((tmp_path / "out").rglob(".*-????????"))
    left = 0
    predicted(*arguments)
    assert not differences(tmp_path / "out", whole)


def test_only_one_job_at_a_time(perfect, folder, tmp_path):
    import fcntl

    predicted(perfect, "--input", folder / "ct_0.nii.gz", "--out", tmp_path / "out")
    handle = os.open(tmp_path / "out", os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        line = fails("predict", perfect, "--input", folder, "--out", tmp_path / "out")
    finally:
        os.close(handle)
    assert "another process is segmenting scans into this folder" in line


def test_post_processing_of_ones_own_or_none(perfect, folder, tmp_path):
    arguments = (perfect, "--input", folder / "ct_0.nii.gz", "--out", tmp_path / "out")
    line = fails("predict", *arguments, "--postprocess", "none", "--smallest-lesion", 9, code=2)
    assert "leave them out" in line
    document = predicted(*arguments, "--smallest-lesion", 1e6)
    assert document["settings"]["postprocessing"]["smallest_lesion"] == 1e6
    mask = np.asarray(nibabel.load(tmp_path / "out" / "ct_0.nii.gz").dataobj)
    assert np.array_equal(mask.transpose(2, 1, 0) > 0, labels_of(0) > 0)
    assert mask.max() == 1
