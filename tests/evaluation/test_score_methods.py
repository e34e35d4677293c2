"""`cafct-keras score` of several methods, and in several processes."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.cli import fails, run
from tests.evaluating import labels_of, save_nifti

PATIENCE = 240  # seconds: cases that are begun are finished, which takes 60 where others need the machine
LABELS = ("--label", "liver=1,2", "--label", "lesion=2")


@pytest.fixture
def masks(tmp_path):
    """A reference of four cases, a method that misses a row of the lesion and one that misses all of it."""
    for side in ("reference", "good", "poor"):
        (tmp_path / side).mkdir()
        for number in range(4):
            labels = labels_of(number)
            if side == "good":
                labels[:, 13 + number % 4][labels[:, 13 + number % 4] == 2] = 1
            elif side == "poor":
                labels[labels == 2] = 1
            save_nifti(tmp_path / side / f"case_{number}.nii.gz", labels)
    return tmp_path


def method(name, folder):
    return ("--prediction", f"{name}={folder}")


def scored(*arguments, code=0):
    result = run("score", *arguments, "--json")
    assert result.code == code, result
    return result.json


def test_methods_are_scored_on_the_same_cases(masks):
    arguments = ("--reference", masks / "reference", *LABELS)
    both = scored(*method("A", masks / "good"), *method("B", masks / "poor"), *arguments, "--out", masks / "out")
    for document, name, folder in zip(both, "AB", ("good", "poor"), strict=True):
        assert document["results"] == scored("--prediction", masks / folder, *arguments)["results"]
        assert document["data"]["prediction"] == str(masks / folder)
        assert json.loads((masks / "out" / name / "evaluation.json").read_text()) == document


def test_a_case_that_one_method_lacks_is_left_out_of_all(masks):
    (masks / "poor" / "case_1.nii.gz").unlink()
    arguments = (*method("A", masks / "good"), *method("B", masks / "poor"), "--reference", masks / "reference")
    assert "reference/case_1.nii.gz: no prediction of this name" in fails("score", *arguments, *LABELS)
    for document in scored(*arguments, *LABELS, "--keep-going", code=1):
        assert document["results"][0]["summary"]["cases"] == 3
        assert [failure["case"] for failure in document["failures"]] == ["case_1"]


def test_names_of_methods(masks):
    (masks / "a=b").mkdir()
    shutil.copytree(masks / "good", masks / "a=b", dirs_exist_ok=True)
    reference = ("--reference", masks / "reference", *LABELS)
    document = scored("--prediction", masks / "a=b", *reference)
    assert document["title"] == "a=b against reference"
    folders = ("--prediction", masks / "good")
    assert "two are named good" in fails("score", *folders, *folders, *reference, code=2)
    assert "give NAME=PATH" in fails("score", "--prediction", "=x", *reference, code=2)
    assert "absent: no such folder" in fails("score", "--prediction", "A=absent", *reference)


def test_the_scores_do_not_depend_on_the_number_of_processes(masks):
    (masks / "good" / "case_2.nii.gz").write_bytes(b"\0" * 99)
    methods = (*method("A", masks / "good"), *method("B", masks / "poor"), "--reference", masks / "reference")
    contents = []
    for jobs in (1, 2):
        out = masks / f"out{jobs}"
        documents = scored(*methods, *LABELS, "--jobs", jobs, "--out", out, "--keep-going", code=1)
        assert [failure["case"] for failure in documents[1]["failures"]] == ["case_2"]
        for document in documents:
            del document["created"], document["command"]
        tables = [path.read_text() for path in sorted(out.rglob("*.csv"))]
        page = (out / "A" / "report.html").read_text()
        contents.append((documents, tables, page[page.index("<h3>") :].count("<svg")))
    assert contents[0] == contents[1]


def test_ctrl_c_leaves_nothing(tmp_path):
    for side in ("a", "b"):
        (tmp_path / side).mkdir()
        mask = np.zeros((20, 64, 64), np.uint8)
        mask[::4, ::2, ::2] = 1  # thousands of lesions, which take a while
        save_nifti(tmp_path / side / "case_0.nii.gz", mask)
        for number in range(1, 10):
            os.link(tmp_path / side / "case_0.nii.gz", tmp_path / side / f"case_{number}.nii.gz")
    arguments = ["--prediction", "a", "--reference", "b", "--jobs", "2", "--out", "out", "--quiet"]
    # Whoever runs the tests in the background may have had Ctrl-C ignored, which is inherited.
    program = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); sys.argv[0] = 'cafct-keras'; "
        "from cafct_keras.cli import main; main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, "score", *arguments],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(pathlib.Path(__file__).parents[2]), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert "cases" in process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=PATIENCE)
    assert (process.returncode, error.strip()) == (130, "cafct-keras: interrupted")
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b"}
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    pytest.fail("processes are left")
