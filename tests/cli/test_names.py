"""Names of files that consoles, spreadsheets, browsers and rich would act on, in every command."""

import csv
import io
import json
import os
import sys

import numpy as np
import pytest
from PIL import Image

from pipelines.layouts.phantom import Phantom
from tests.cli import fails, run
from tests.reported import reported

PATIENTS = ["=1+1", "-2", "[red]x :smile:", "esc\x1b[2J", "<img src=q onerror=alert(1)>", os.fsdecode(b"L\xe9sion")]
MICRO = ("--model", "micro", "--preset", "only", "--size", 32, "--epochs", 1, "--batch-size", 2, "--target", "liver")


def mask_of(case, index):
    return Image.fromarray(case.masks["liver"][index].astype(np.uint8) * 255)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("names") / "[bold] data"
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for patient, case in zip(PATIENTS, Phantom(cases=len(PATIENTS), slices=2, size=32).cases(), strict=True):
        for index in range(2):
            grey = np.clip((case.images[index] + 200) / 450 * 255, 0, 255).astype(np.uint8)
            Image.fromarray(grey).save(folder / "images" / f"{patient}_{index}.png")
            mask_of(case, index).save(folder / "masks" / f"{patient}_{index}.png")
    return folder


@pytest.fixture(scope="module")
def trained(folder):
    result = run("fit", "--data", folder, *MICRO, "--out", folder.parent / "run[/bold]")
    assert result.code == 0, result
    harmless(result.out + result.error)
    return folder.parent / "run[/bold]"


def harmless(text):
    """Text that a terminal only shows, and that is UTF-8."""
    assert not {"\x1b", "\x9b", "\r"}.intersection(text)
    text.encode()


def check_tables(out):
    for path in out.rglob("*.csv"):
        text = path.read_text(encoding="utf-8")
        harmless(text)
        for row in csv.reader(text.splitlines()):
            for cell in row:
                with_sign = cell.startswith(("=", "+", "-", "@", "\t"))
                assert not with_sign or float(cell) < 0, (path, cell)


def check_pages(out):
    pages = list(out.rglob("*.html"))
    assert pages
    for path in pages:
        text = path.read_text(encoding="utf-8")
        assert "<img src=q" not in text
        harmless(text)


def test_training_shows_and_keeps_them(trained):
    check_tables(trained)
    card = json.loads((trained / "run.json").read_text())
    listed = [patient for part in card["data"]["split"].values() for patient in part["patients"]]
    assert sorted(listed) == sorted(PATIENTS)


def test_evaluation(trained, tmp_path):
    result = run("evaluate", trained, "--split", "all", "--out", tmp_path / "out", "--json")
    assert result.code == 0, result
    harmless(result.out + result.error)
    check_tables(tmp_path / "out")
    check_pages(tmp_path / "out")
    rows = list(csv.DictReader((tmp_path / "out" / "cases.csv").open(encoding="utf-8")))
    assert {row["patient"] for row in rows} >= {"'=1+1", "'-2", "[red]x :smile:", "L\\udce9sion", "esc\\x1b[2J"}


def test_prediction(trained, folder, tmp_path):
    out = tmp_path / "out"
    options = ("--engine", "keras", "--page", "--preview", "--measurements")
    result = run("predict", trained, "--input", folder / "images", "--out", out, *options)
    assert result.code == 0, result
    harmless(result.out + result.error)
    check_tables(out)
    check_pages(out)
    masks = {path.name for path in out.glob("*.png")}
    assert masks == {path.name for path in (folder / "images").iterdir()}


def test_slices_without_spacing_have_no_sheet_and_none_is_predicted_for_it(trained, monkeypatch):
    monkeypatch.setattr("cafct_keras.prediction.Predictor.predict", lambda *_, **__: pytest.fail("predicted"))
    assert "--sheet lits: needs volumes" in fails("evaluate", trained, "--sheet", "lits")


def test_data_commands(folder, tmp_path):
    for command in (("verify", folder), ("describe", folder, "--out", tmp_path / "pictures")):
        result = run("data", *command)
        assert result.code == 0, result
        harmless(result.out + result.error)
    (folder / "masks" / f"{PATIENTS[3]}_0.png").rename(tmp_path / "away.png")
    try:
        result = run("data", "verify", folder)
        assert result.code == 1
        harmless(result.out)
        assert "esc\\x1b[2J_0" in result.out
    finally:
        (tmp_path / "away.png").rename(folder / "masks" / f"{PATIENTS[3]}_0.png")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_consoles_of_any_encoding(encoding, folder, monkeypatch):
    streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
    monkeypatch.setattr(sys, "argv", ["cafct-keras", "data", "verify", os.fspath(folder) + "-肝臓-\udce9"])
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])
    from cafct_keras import cli

    with pytest.raises(SystemExit) as stopped:
        cli.main()
    streams[1].flush()
    line = streams[1].buffer.getvalue().decode(encoding)
    assert stopped.value.code == 1
    assert line.startswith("cafct-keras: no such data folder")
    assert "[bold] data-" in line


def test_reported_names_that_are_not_utf8(trained, tmp_path):
    good, bad = (reported(43) / f"43-latin1-{kind}" for kind in ("names", "bad"))
    for call in (
        ("data", "verify", good),
        ("data", "describe", good, "--out", tmp_path / "pictures"),
        ("data", "prepare", good, "--size", 64, "--target", "liver", "--out", tmp_path / "prepared"),
        ("score", "--prediction", good / "masks", "--reference", good / "masks", "--out", tmp_path / "scores"),
        ("evaluate", trained, "--data", good, "--split", "all", "--out", tmp_path / "evaluation"),
    ):
        result = run(*call)
        assert result.code == 0, result
        harmless(result.out + result.error.replace("\r", ""))
    from pipelines import open_source

    (prepared,) = (path.parent for path in (tmp_path / "prepared").rglob("dataset_info.json"))
    assert open_source(prepared).parts == open_source(good, target="liver", size=64).parts
    names = {case.name: case.slice_names for case in open_source(prepared).cases()}
    assert names["L\udce9sion"] == ("L\udce9sion_0", "L\udce9sion_1")
    for call in (("describe", bad), ("prepare", bad, "--target", "liver", "--out", tmp_path / "none")):
        assert "L\\udce9sion_0.png" in fails("data", *call)


def test_reported_folder_of_brackets_and_signs(tmp_path):
    (folder,) = reported(44).glob("44 data*")
    for call in (("verify", folder), ("describe", folder, "--out", tmp_path / folder.name)):
        result = run("data", *call)
        assert result.code == 0, result
    masks = tmp_path / "masks [red]" / folder.name
    masks.mkdir(parents=True)
    for number in range(5):
        (masks / f"segmentation-{number}.nii").symlink_to(folder / f"segmentation-{number}.nii")
    result = run("score", "--prediction", masks, "--reference", masks, "--label", "liver=1,2")
    assert result.code == 0, result
    assert folder.name in result.out
