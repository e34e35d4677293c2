"""Commands under the rules of Windows."""

import os
import pathlib
import shutil
import sys

import numpy as np
import pytest

from cafct_keras.benchmark.memory import process_peak_memory
from cafct_keras.runs.checkpoints import CheckpointStore
from cafct_keras.runs.hub import resolve
from pipelines import atomic
from pipelines.findings import Report
from pipelines.walk import walk
from tests.cli import run
from tests.portability import windows
from tests.trained import write_folder
from tests.training import micro  # noqa: F401  (a network that compiles quickly)

RECIPE = ("--target", "liver", "--model", "micro", "--size", 64, "--batch-size", 4, "--epochs", 2)


@pytest.fixture
def on_windows(monkeypatch):
    windows.impose(monkeypatch)


def works(*arguments, code=0):
    done = run(*arguments)
    assert done.code == code, f"{done.out}\n{done.error}"
    return done


def test_commands_on_data_and_masks(on_windows, tmp_path):
    data = tmp_path / "nifti"
    works("data", "phantom", "--layout", "nifti", "--cases", 3, "--slices", 3, "--size", 32, "--out", data)
    works("data", "verify", data)
    works("data", "describe", data, "--out", tmp_path / "about")
    (tmp_path / "masks").mkdir()
    for number in range(3):
        shutil.copyfile(data / f"segmentation-{number}.nii.gz", tmp_path / "masks" / f"volume-{number}.nii.gz")
    masks = ("--prediction", tmp_path / "masks", "--reference", tmp_path / "masks", "--label", "lesion=2")
    works("score", *masks, "--out", tmp_path / "score")
    assert b"\r" not in (tmp_path / "score" / "evaluation.json").read_bytes()


def test_a_run_that_is_stopped_resumed_evaluated_and_predicts(on_windows, tmp_path):
    data, out = write_folder(tmp_path / "slices", cases=4, slices=2, size=32), tmp_path / "Läufe" / "Ω"
    works("fit", "--data", data, *RECIPE, "--checkpoint-every", 1, "--time-limit", "0.01s", "--out", out, code=75)
    works("fit", "--resume", "--out", out)
    assert b"\r" not in (out / "run.json").read_bytes()
    works("evaluate", out, "--out", tmp_path / "report")
    scan = next((data / "images").iterdir())
    works("predict", out, "--input", scan, "--engine", "keras", "--out", tmp_path / "masks")


def test_checksums_are_those_of_what_was_written(on_windows, tmp_path):
    store = CheckpointStore(tmp_path)
    store.save(1, {"weights": np.zeros(3)}, {"epoch": 1})
    store.wait()
    assert CheckpointStore(tmp_path).latest(warn=pytest.fail).progress == {"epoch": 1}


def test_folders_are_replaced_and_their_remains_removed(on_windows, tmp_path):
    for _ in range(2):
        with atomic.atomic_directory(tmp_path / "out", replace=True) as folder:
            atomic.atomic_write_text(folder / "file.txt", "text\n")
    assert (tmp_path / "out" / "file.txt").read_bytes() == b"text\n"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("path", ["hf://owner/name", pathlib.PureWindowsPath("hf://owner/name@v1")])
def test_addresses_of_models(monkeypatch, path):
    asked = []
    monkeypatch.setattr("cafct_keras.runs.hub._download", lambda *address: asked.append(address))
    resolve(path)
    assert asked in [[("owner/name", None)], [("owner/name", "v1")]]


def test_links_and_tables_on_other_drives(monkeypatch, tmp_path):
    def apart(*paths):
        raise ValueError("Paths don't have the same drive")

    (tmp_path / "data").mkdir()
    (tmp_path / "elsewhere" / "scans").mkdir(parents=True)
    (tmp_path / "data" / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("commonpath", "relpath"):
        monkeypatch.setattr(os.path, name, apart)
    report = Report(tmp_path / "data")
    assert [folder.name for folder, _ in walk(tmp_path / "data", report)] == ["data", "link", "scans"]
    table = tmp_path / "elsewhere" / "index.csv"
    assert report.name(table) == table.as_posix()


@pytest.mark.parametrize(("system", "memory"), [("win32", False), ("darwin", True), ("linux", True)])
def test_peak_memory_of_each_system(monkeypatch, system, memory):
    monkeypatch.setattr(sys, "platform", system)
    assert (process_peak_memory() > 0) is memory
