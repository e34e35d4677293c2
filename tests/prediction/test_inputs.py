"""`predict` on scans that do not suit a run, on doubtful ones, and on names that are not plain."""

import contextlib
import io
import json
import os
import sys
from unittest import mock

import numpy as np
import pytest
from PIL import Image

from cafct_keras import cli
from tests.cli import fails, run
from tests.evaluating import hounsfield, labels_of, make_run, save_nifti


def save_png(path, labels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array([40, 150, 220], np.uint8)[labels] + np.indices(labels.shape)[1].astype(np.uint8) % 7).save(
        path
    )


@pytest.fixture
def folder(tmp_path):
    """A good scan, a mask and a slice."""
    root = tmp_path / "in"
    root.mkdir()
    save_nifti(root / "ct.nii.gz", hounsfield(labels_of(0)))
    save_nifti(root / "labels.nii.gz", labels_of(0))
    save_png(root / "slice.png", labels_of(0)[3])
    return root


# The input, and what the line says.
UNSUITABLE = {
    "a slice": ("slice.png", "8-bit grey values, and the network was trained on Hounsfield units; give the CT itself"),
    "a mask": ("labels.nii.gz", "a mask, with labels 0, 1, 2; give the image that it was drawn on"),
    "nothing": ("absent.nii.gz", "no such file or folder; give a scan, or a folder of scans"),
}


@pytest.mark.parametrize("what", UNSUITABLE)
def test_what_does_not_suit_the_run_is_one_line_and_leaves_nothing(what, perfect, folder, tmp_path):
    name, message = UNSUITABLE[what]
    inputs = ("--input", folder / "ct.nii.gz", "--input", folder / name)
    line = fails("predict", perfect, *inputs, "--out", tmp_path / "out")
    assert line.startswith(f"cafct-keras: {folder / name}: {message}")
    assert not (tmp_path / "out").exists()
    result = run("predict", perfect, *inputs, "--out", tmp_path / "out", "--keep-going")
    assert result.code == 1
    assert f"not segmented: {folder / name}: {message}" in result.error
    document = json.loads((tmp_path / "out" / "predict.json").read_text())
    assert [case["name"] for case in document["cases"]] == ["ct"]
    (failure,) = document["failures"]
    assert failure["message"].startswith(f"{folder / name}: {message}")
    assert sorted(path.name for path in (tmp_path / "out").glob("[!.]*")) == ["ct.nii.gz", "predict.json"]


def test_a_mask_for_a_run_of_grey_slices_is_told_from_an_image(folder, scans, tmp_path):
    grey = make_run(tmp_path / "run", scans, intensity="grey")
    line = fails("predict", grey, "--input", folder / "labels.nii.gz", "--out", tmp_path / "out")
    assert line.endswith("labels.nii.gz: a mask, with labels 0, 1, 2; give the image that it was drawn on")
    assert not (tmp_path / "out").exists()
    assert run("predict", grey, "--input", folder, "--out", tmp_path / "out").code == 0
    mask = np.asarray(Image.open(tmp_path / "out" / "slice.png"))
    assert np.array_equal(mask, labels_of(0)[3])


def test_slices_without_neighbours_for_a_run_that_sees_them(scans, tmp_path):
    run_of_context = make_run(tmp_path / "run", scans, intensity="grey", context=1)
    for number in (1, 2, 5):
        save_png(tmp_path / "in" / f"p_{number}.png", labels_of(0)[3])
    line = fails("predict", run_of_context, "--input", tmp_path / "in", "--out", tmp_path / "out")
    assert line.endswith(
        "p: its slices are not neighbours, and this network sees 1 on either side; give data of whole scans"
    )


def test_values_without_their_intercept_are_warned_of(perfect, tmp_path):
    for number in range(3):
        hu = hounsfield(labels_of(number)) * 4 + 1424
        save_nifti(tmp_path / f"ct_{number}.nii.gz", hu + np.indices(hu.shape, np.int16)[2])
    arguments = (perfect, "--input", tmp_path, "--out", tmp_path / "out")
    expected = "warning: ct_0, ct_1, ct_2: values from 1024 to 2237: stored without its intercept; subtract 1024"
    assert expected in run("predict", *arguments).out
    assert expected in run("predict", *arguments).out  # though they are finished
    (case, *_) = json.loads((tmp_path / "out" / "predict.json").read_text())["cases"]
    assert case["warnings"] == [expected.removeprefix("warning: ct_0, ct_1, ct_2: ") + " or what its export says"]


def test_names_that_are_not_plain(scans, tmp_path):
    grey = make_run(tmp_path / "run", scans, intensity="grey")
    root = tmp_path / "data [old] Leber-肝臓 100% #1"
    for k in (1, 2):
        save_png(root / "Lesion_1.png", labels_of(0)[k + 1])
        os.rename(root / "Lesion_1.png", os.fsencode(root) + b"/L\xe9sion_%d.png" % k)
    save_png(root / "[red]b.png", labels_of(0)[3])
    out = tmp_path / "out [é]"
    console = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    arguments = ["predict", grey, "--input", root, "--out", out, "--measurements", "--page", "--preview", "--json"]
    with mock.patch.object(sys, "argv", ["cafct-keras", *map(str, arguments)]), contextlib.redirect_stdout(console):
        cli.main()
    names = ["L\udce9sion_1.png", "L\udce9sion_2.png", "[red]b.png"]
    assert sorted(path.name for path in out.glob("*.png")) == sorted(names)
    assert np.array_equal(np.asarray(Image.open(out / names[1])), labels_of(0)[3])
    assert r"L\udce9sion" in (out / "measurements.csv").read_text()
    document = json.loads((out / "predict.json").read_text())
    assert {case["name"] for case in document["cases"]} == {"L\udce9sion", "[red]b"}
    console.flush()
    assert json.loads(console.buffer.getvalue().splitlines()[-1])["cases"] == document["cases"]
