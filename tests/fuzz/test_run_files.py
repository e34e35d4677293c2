"""Models, weights, run cards, evaluations and checkpoints that are damaged, or say something else than they did."""

import shutil
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from cafct_keras.evaluation.results.loading import load_document
from cafct_keras.prediction.job.results import Results
from cafct_keras.recipes import load_config, save_config
from cafct_keras.runs import Run, load_model
from cafct_keras.runs.checkpoints import CheckpointStore, read_checkpoint
from cafct_keras.runs.config import FitConfig
from cafct_keras.weights.loading import read_weights
from tests.cli import run
from tests.fuzz.damage import damages, other_member, other_value, replaced, scalars
from tests.fuzz.outcomes import campaign, outcome, report
from tests.weights.states import PVT_TINY, pvt

NAMES = (
    *("model", "model of a run", "run card", "evaluation", "safetensors", "imported weights", "card of weights"),
    *("recipe", "record of a job", "checkpoint, SHA256SUMS", "checkpoint, progress.json", "checkpoint, state.npz"),
)
STATE = {"weights/conv/kernel": np.arange(300, dtype=np.float32)}


@pytest.fixture(scope="module")
def files(tmp_path_factory, scans, perfect):
    """Name to a file, what reads it, and whether its content has a checksum."""
    root = tmp_path_factory.mktemp("files")
    own = shutil.copytree(perfect, root / "run")
    assert run("evaluate", perfect, "--out", root / "evaluation").code == 0
    save_file(pvt(**PVT_TINY), root / "pvt.safetensors")
    assert run("import-weights", root / "pvt.safetensors", "--out", root / "imported").code == 0
    save_config(FitConfig.from_options(data=str(scans)), root / "recipe.toml")
    store = CheckpointStore(root / "checkpoints")
    store.save(1, STATE, {"step": 1})
    store.wait()
    job = ("predict", perfect, "--input", scans / "volume-0.nii.gz", "--engine", "keras")
    assert run(*job, "--out", root / "job").code == 0
    (record,) = (root / "job").glob(".predict/*/record.json")
    weights = next((root / "imported").glob("*.weights.h5"))
    return {
        "model": (own / "model.keras", lambda path: load_model(path), True),
        "model of a run": (own / "model.keras", lambda path: load_model(path.parent), True),
        "run card": (
            own / "run.json",
            lambda path: (Run.open(path.parent).preprocessing, load_model(path.parent))[0],
            False,
        ),
        "evaluation": (root / "evaluation" / "evaluation.json", load_document, False),
        "safetensors": (root / "pvt.safetensors", read_weights, False),
        "imported weights": (weights, read_weights, True),
        "card of weights": (next((root / "imported").glob("*.json")), lambda path: read_weights(weights), False),
        "record of a job": (record, lambda path: Results(path.parents[2], {}).records(), False),
        "recipe": (root / "recipe.toml", lambda path: load_config(str(path)), False),
        **{
            f"checkpoint, {path.name}": (path, lambda path: read_checkpoint(path.parent), True)
            for path in sorted((root / "checkpoints" / "step-00000001").iterdir())
        },
    }


fractions = st.floats(0, 1, exclude_max=True)


@campaign(200)
@given(
    name=st.sampled_from(NAMES),
    inside=st.booleans(),
    damage=damages,
    steps=st.lists(fractions, min_size=1, max_size=7),
    value=scalars,
)
def test_a_damaged_file(files, name, inside, damage, steps, value):
    path, reader, checked = files[name]
    content = changed(path, inside, damage, steps, value)
    if content is None or content == path.read_bytes():
        return
    described = f"{path.name}: {f'{steps} {value!r} {damage}' if inside else damage}"
    with replaced(path, content):
        done = outcome(f"run, {name}", described, lambda: (reader(path),))
        if done and name == "model" and not same_model(done[0]):
            report(f"run, {name}", described, "weights that are not finite", None)
        if done and checked and name.startswith("checkpoint"):
            report(f"run, {name}", described, "a clean verdict on a damaged checkpoint", None)


def changed(path, inside, damage, steps, value):
    """The file damaged as a whole, or with another value in what it holds; None where it holds no such thing."""
    content = path.read_bytes()
    if not inside:
        return damage(content)
    if path.suffix == ".json":
        return other_value(content, steps, value)
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            member = archive.namelist()[int(steps[0] * len(archive.namelist()))]
        other = damage if not member.endswith(".json") else lambda text: other_value(text, steps[1:] or steps, value)
        return other_member(path, member, other)
    if path.suffix == ".safetensors":
        size = int.from_bytes(content[:8], "little")
        header = other_value(content[8 : 8 + size], steps, value)
        return len(header).to_bytes(8, "little") + header + content[8 + size :]
    return None


def same_model(model):
    return all(np.isfinite(each).all() for each in model.get_weights())


def test_a_swapped_file(files):
    """Every file in the place of every other."""
    for name, (path, reader, _) in files.items():
        for other, (source, _, _) in files.items():
            content = source.read_bytes()
            if content != path.read_bytes():
                with replaced(path, content):
                    outcome(f"run, {name}", f"{other} in its place", lambda reader=reader, path=path: (reader(path),))


NESTED = ("[" * 100_000, '{"a":' * 100_000, "[]", "{}", "null", "", "\x00", '{"format": 1}', "1" * 10_000)


@pytest.mark.parametrize("name", ["run card", "evaluation", "card of weights", "recipe", "record of a job"])
def test_text_that_is_no_document(files, name):
    path, reader, _ = files[name]
    for text in NESTED:
        with replaced(path, text.encode()):
            outcome(f"run, {name}", text[:20], lambda: (reader(path),))


def test_what_is_whole_is_taken(files):
    for name, (path, reader, _) in files.items():
        assert outcome(f"run, {name}", "whole", lambda reader=reader, path=path: (reader(path),)), name
