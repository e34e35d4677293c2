"""A run folder knows its files: those of other runs, and links out of it, are not taken for its own."""

import dataclasses
import json
import re
import shutil

import pytest

import cafct_keras
from cafct_keras.checksums import sha256
from cafct_keras.errors import UserError
from cafct_keras.prediction.network import Network
from cafct_keras.runs.loading import save_model
from cafct_keras.runs.run import Run
from tests.cli import fails, run
from tests.documented import documented
from tests.trained import write_folder
from tests.training import micro


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("data") / "slices", cases=4, slices=2, size=32)


@pytest.fixture(scope="module")
def whole(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "whole"
    recipe = ("--target", "liver", "--model", "micro", "--size", 32, "--batch-size", 2, "--epochs", 2)
    result = run("fit", "--data", folder, *recipe, "--out", out)
    assert result.code == 0, result
    return out


def copied(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copy")


def test_the_card_knows_every_file(whole):
    card = json.loads((whole / "run.json").read_text())
    found = {path.relative_to(whole).as_posix(): path for path in whole.rglob("*") if path.is_file()}
    own = {name: path for name, path in found.items() if name != "run.json" and "/step-" not in name}
    assert card["files"] == {name: sha256(path) for name, path in own.items()}
    assert {"model.keras", "split.csv", "history.csv", "curves.png", "checkpoints/last.keras"} <= own.keys()


def test_the_reference_names_every_field_of_the_card(whole):
    card = json.loads((whole / "run.json").read_text())
    groups = (card, card["data"], card["data"]["split"]["train"], card["selection"], card["seconds"])
    assert {name for group in groups for name in group} <= documented("run_folder", "run.json")


@pytest.mark.parametrize("file", ["model.keras", "checkpoints/last.keras"])
def test_the_model_of_another_run(whole, folder, tmp_path, file):
    """One of the same shape too: the sums differ."""
    copy = copied(whole, tmp_path)
    other = micro.micro(classes=1)
    other.preprocessing = cafct_keras.load_model(copy).preprocessing
    save_model(other, copy / file)
    given = copy if file == "model.keras" else copy / file
    refused = f"{copy / file}: not the model that this run wrote"
    assert refused in fails("evaluate", given, "--data", folder, "--out", tmp_path / "scores")
    assert not (tmp_path / "scores").exists()
    with pytest.raises(UserError, match=re.escape(refused)):
        Network.open(given)
    (copy / file).rename(tmp_path / "alone.keras")
    assert cafct_keras.load_model(tmp_path / "alone.keras").name == "micro"
    assert f"{copy / file}: not the file" not in run("fit", "--resume", "--out", copy).out


def test_the_model_of_another_run_where_the_card_knows_no_sums(whole, tmp_path):
    copy = copied(whole, tmp_path)
    card = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps({**card, "status": "running", "files": {}}))
    seen = cafct_keras.load_model(copy).preprocessing
    others = {
        "from 5 to 1": (micro.micro(input_shape=(None, None, 5)), None),
        "from 3 to 2": (micro.micro(classes=2), None),
        "parameters": (micro.micro(width=4), None),
        "of 3 channels and lesion": (micro.micro(), dataclasses.replace(seen, targets=("lesion",))),
    }
    for words, (other, preprocessing) in others.items():
        other.preprocessing = preprocessing
        save_model(other, copy / "model.keras")
        with pytest.raises(UserError, match=f"not the model that this run wrote.*{words}"):
            cafct_keras.load_model(copy)


def test_other_files_that_do_not_belong(whole, tmp_path):
    copy = copied(whole, tmp_path)
    (copy / "split.csv").write_text("id,patient,split\n")
    (copy / "curves.png").unlink()  # gone is not foreign
    assert [f"{copy / 'split.csv'}: not the file" in line for line in Run.open(copy).warnings] == [True]
    result = run("fit", "--resume", "--out", copy)
    assert result.code == 0
    assert f"warning: {copy / 'split.csv'}: not the file that this run wrote" in result.out


def test_checkpoints_of_another_seed(whole, tmp_path):
    copy = copied(whole, tmp_path)
    card = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps({**card, "id": "of another seed"}))
    last = max((copy / "checkpoints").glob("step-*"))
    assert f"{last}: a checkpoint of another run" in fails("fit", "--resume", "--out", copy, "--epochs", 3)


LINKS = ("history.csv", "events", "checkpoints", "curves.png", "samples.png", "split.csv", "model.keras", "run.json")


@pytest.mark.parametrize("name", [*LINKS, "checkpoints/last.keras"])
def test_links_out_of_the_run_folder(whole, tmp_path, name):
    copy = copied(whole, tmp_path)
    outside = tmp_path / "outside"
    (copy / name).rename(outside)
    (copy / name).symlink_to(outside)
    before = {path: path.read_bytes() for path in (outside, *outside.rglob("*")) if path.is_file()}
    assert f"{copy / name}: a link to {outside}" in fails("fit", "--resume", "--out", copy, "--epochs", 3)
    assert {path: path.read_bytes() for path in (outside, *outside.rglob("*")) if path.is_file()} == before


def test_the_list_of_patients_of_another_run(whole, folder, tmp_path):
    """`fit --init` says so where it compares patients with it."""
    copy = copied(whole, tmp_path)
    (copy / "split.csv").write_text("id,patient,split\nelse,else,train\n")
    recipe = ("--target", "liver", "--model", "micro", "--size", 32, "--batch-size", 2, "--epochs", 1)
    result = run("fit", "--data", folder, *recipe, "--init", copy, "--out", tmp_path / "run")
    assert result.code == 0, result
    assert f"{copy / 'split.csv'}: not the file that this run wrote" in result.out.replace("\n", " ")
