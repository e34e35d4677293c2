"""`data prepare`: what it writes is what was there, for this project and for others."""

import json
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import pytest

from pipelines.errors import DataError
from pipelines.layouts import detect_layout, open_source, verify
from pipelines.layouts.phantom import Phantom
from pipelines.layouts.prepared.reader import Prepared
from pipelines.optional import MissingPackageError
from pipelines.prepare import prepare
from pipelines.preprocessing import Preprocessing
from tests.cli import run
from tests.reported import reported

SOURCE = Phantom(cases=4, slices=3, size=64)

# As somebody else would read it, who has TensorFlow Datasets and nothing of this project.
ELSEWHERE = """
import sys, json, numpy as np, tensorflow_datasets as tfds
data = tfds.load("lits_slices/phantom", data_dir=sys.argv[1], split="train")
rows = list(tfds.as_numpy(data))
source = tfds.builder("lits_slices/phantom", data_dir=sys.argv[1]).as_data_source("train")
same = all(np.array_equal(a["image"], b["image"]) and a["name"] == b["name"] for a, b in zip(rows, source))
loaded = [name for name in sys.modules if name.split(".")[0] in ("pipelines", "cafct_keras")]
print(json.dumps([len(rows), same, list(rows[0]["image"].shape), rows[0]["name"].decode(), loaded]))
"""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    out = tmp_path_factory.mktemp("tfds")
    return prepare(SOURCE, out, size=64, window=None)


def test_hounsfield_units_and_masks_come_back(prepared):
    assert detect_layout(prepared) == "prepared"
    again = Prepared(prepared)
    assert (again.layout, again.intensity, again.targets) == ("phantom", "hu", ("liver", "lesion"))
    expected = {case.name: case for case in SOURCE.cases()}
    found = {case.name: case for case in again.cases()}
    assert found.keys() == expected.keys()
    for name, case in expected.items():
        assert found[name].images.dtype == np.int16
        assert np.array_equal(found[name].images, case.images)
        for target in ("liver", "lesion"):
            assert np.array_equal(found[name].masks[target], case.masks[target])
        assert found[name].slice_names == case.slice_names
        assert (found[name].patient, found[name].split) == (case.patient, case.split)
        assert found[name].spacing == pytest.approx(case.spacing, rel=1e-6)
    assert {case.name for case in again.cases("test")} == {c.name for c in SOURCE.cases() if c.split == "test"}


def test_reduced_masks_keep_how_much_of_each_pixel_they_cover(prepared, tmp_path):
    reduced = Prepared(prepare(SOURCE, tmp_path, size=32, window=None))
    assert not any(note.startswith("masks:") for note in reduced.notes)
    assert "slices of 32x32 pixels, which are what is scored" in reduced.notes[0]
    for case, found in zip(SOURCE.cases("train"), reduced.cases("train"), strict=True):
        slice_step, row_step, column_step = case.spacing
        assert found.spacing == pytest.approx((slice_step, 2 * row_step, 2 * column_step))
        for target, mask in case.masks.items():
            areas = mask.reshape(-1, 32, 2, 32, 2).mean(axis=(2, 4))
            assert np.abs(found.coverage[target] / 255 - areas).max() < 1 / 255
            assert np.array_equal(found.masks[target], areas >= 0.5)
        # Read again at the size that they have, they are what was stored; halved, they are what a reader would make.
        for size in (32, 16):
            seen = Preprocessing(size=size, window=(0, 1), targets=SOURCE.targets)
            for target in SOURCE.targets:
                made, kept = (
                    seen.coverage((one.coverage or one.masks)[target], orientation=None).astype(int)
                    for one in (case, found)
                )
                assert np.abs(made - kept).max() <= 1


def test_a_dataset_by_the_older_rule_says_so_and_gives_way_to_a_newer_one(prepared, tmp_path):
    older = tmp_path / "lits_slices" / "phantom" / "1.0.0"
    shutil.copytree(prepared, older)
    for name in ("features.json", "dataset_info.json"):  # as an earlier version wrote them
        content = json.loads((older / name).read_text())
        content.get("featuresDict", {}).get("features", {}).pop("coverage", None)
        if "version" in content:
            content["version"] = "1.0.0"
        (older / name).write_text(json.dumps(content))
    source = Prepared(tmp_path)
    (note,) = (note for note in source.notes if note.startswith("masks:"))
    assert "by nearest neighbour by an earlier version" in note
    assert note.endswith("prepare the dataset again")
    assert source.mask_rule == "nearest"
    assert next(source.cases()).coverage is None
    assert [finding.message for finding in verify(tmp_path) if finding.code == "masks-nearest"] == [
        note.replace(":", "", 1)
    ]
    newer = prepare(SOURCE, tmp_path, size=64, window=None)
    assert (newer.parent, newer.name) == (older.parent, "2.0.0")
    assert Prepared(tmp_path).mask_rule == "area"


def test_others_read_it_without_this_project(prepared):
    data_dir = prepared.parents[2]
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(data_dir)], capture_output=True, text=True, check=True, cwd=data_dir
    )
    train = [case for case in SOURCE.cases() if case.split == "train"]
    count, same, shape, name, loaded = json.loads(done.stdout.splitlines()[-1])
    assert count == sum(len(case.slice_names) for case in train)
    assert same
    assert shape == [64, 64, 1]
    assert name == train[0].slice_names[0]
    assert not loaded


def test_again_is_nothing_and_another_is_refused(prepared):
    out = prepared.parents[2]
    before = {path: path.stat().st_mtime_ns for path in prepared.iterdir()}
    assert prepare(SOURCE, out, size=64, window=None) == prepared
    assert {path: path.stat().st_mtime_ns for path in prepared.iterdir()} == before
    with pytest.raises(DataError, match="holds another dataset"):
        prepare(SOURCE, out, size=32, window=None)


def test_it_leaves_nothing_in_the_systems_temporary_folder(tmp_path, monkeypatch):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    prepare(SOURCE, tmp_path / "out", size=32)
    assert not list(temporary.iterdir())


class Watched(Phantom):
    """Notes which cases are read, and fails at some, as a full disk or a broken file would make it."""

    def __init__(self, *, broken=(), **options):
        super().__init__(**options)
        self.broken, self.read = broken, []

    def case(self, name):
        if name in self.broken:
            raise DataError(f"{name}: truncated")
        self.read.append(name)
        return super().case(name)


def test_a_run_that_broke_off_goes_on_after_the_cases_that_were_done(tmp_path):
    options = {"cases": 12, "slices": 3, "size": 64}
    names = list(Phantom(**options).parts)
    last = [name for name, part in Phantom(**options).parts.items() if part == "train"][-1]
    broken = Watched(broken=[last], **options)
    with pytest.raises(DataError, match=f"{last}: truncated"):
        prepare(broken, tmp_path / "cut", size=64)
    assert not list(tmp_path.rglob("dataset_info.json"))
    again = Watched(**options)
    folder = prepare(again, tmp_path / "cut", size=64)
    assert broken.read
    assert sorted(broken.read + again.read) == names  # each once

    whole = prepare(Phantom(**options), tmp_path / "whole", size=64)
    for one, other in zip(Prepared(folder).cases(), Prepared(whole).cases(), strict=True):
        assert one.slice_names == other.slice_names
        assert one.images.dtype == np.uint8
        assert np.array_equal(one.images, other.images)
        assert all(np.array_equal(one.masks[target], other.masks[target]) for target in other.masks)
    assert [path.name for path in (tmp_path / "cut").iterdir()] == ["lits_slices"]


def test_cases_kept_from_other_options_are_not_taken(tmp_path):
    options = {"cases": 12, "slices": 3, "size": 64}
    with pytest.raises(DataError, match="truncated"):
        prepare(Watched(broken=[list(Phantom(**options).parts)[-1]], **options), tmp_path, size=64, window=(0, 100))
    assert list(tmp_path.rglob("*.npz"))
    folder = prepare(Phantom(**options), tmp_path, size=64, window=None)
    assert next(Prepared(folder).cases()).images.dtype == np.int16


def test_a_prepared_dataset_is_not_prepared_again(prepared, tmp_path):
    with pytest.raises(DataError, match="a prepared dataset already"):
        prepare(Prepared(prepared), tmp_path)


def test_beam_is_asked_for_by_name_where_it_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    with pytest.raises(MissingPackageError, match=r"cafct-keras\[beam\]"):
        prepare(SOURCE, tmp_path, beam_options=["runner=DirectRunner"])
    assert not list(tmp_path.iterdir())


@pytest.mark.beam
@pytest.mark.parametrize("mode", ["in_memory", "multi_threading"])
def test_beam_writes_the_same(prepared, tmp_path, mode):
    pytest.importorskip("apache_beam", reason="Apache Beam is not installed; pip install -e '.[beam]'")
    options = ["runner=DirectRunner", f"direct_running_mode={mode}", "direct_num_workers=2"]
    folder = prepare(SOURCE, tmp_path, size=64, window=None, beam_options=options)
    for one, other in zip(Prepared(folder).cases(), Prepared(prepared).cases(), strict=True):
        assert (one.name, one.split, one.slice_names) == (other.name, other.split, other.slice_names)
        assert np.array_equal(one.images, other.images)
        assert all(np.array_equal(one.masks[target], other.masks[target]) for target in other.masks)


@pytest.mark.beam
def test_beam_from_the_command_line(tmp_path):
    pytest.importorskip("apache_beam", reason="Apache Beam is not installed; pip install -e '.[beam]'")
    folder = tmp_path / "png"
    made = run("data", "phantom", "--layout", "lits_png", "--cases", 4, "--slices", 3, "--size", 64, "--out", folder)
    assert made.code == 0, made
    beam = ("--beam-option", "runner=DirectRunner", "--beam-option", "direct_num_workers=1")
    done = run("data", "prepare", folder, "--size", 64, *beam, "--out", tmp_path / "tfds")
    assert done.code == 0, done
    assert sum(len(case.slice_names) for case in Prepared(tmp_path / "tfds").cases()) == 12


def test_from_the_command_line_and_into_fit(tmp_path):
    folder = tmp_path / "nifti"
    assert (
        run("data", "phantom", "--layout", "nifti", "--cases", 4, "--slices", 4, "--size", 64, "--out", folder).code
        == 0
    )
    done = run("data", "prepare", folder, "--size", 64, "--out", tmp_path / "tfds")
    assert done.code == 0, done
    small = ("--model", "micro", "--size", 64, "--batch-size", 4, "--epochs", 1, "--target", "both")
    sampled = ("--context", 1, "--foreground-fraction", 0.5)
    fitted = run("fit", "--data", tmp_path / "tfds", *small, *sampled, "--out", tmp_path / "run", "--json")
    assert fitted.code == 0, fitted
    card = fitted.json
    assert card["data"]["layout"] == "nifti"
    assert sum(part["slices"] for part in card["data"]["split"].values()) == 16
    assert card["config"]["data"]["context"] == 1
    sampled, train = card["data"]["sampled_per_epoch"], card["data"]["split"]["train"]
    assert sampled["slices"] == train["slices"] // 4 * 4
    assert sampled["lesion"] == sampled["slices"] // 2 <= sampled["liver"]
    # Three channels like any other network, but of other slices, and served as such.
    exported = run("export", tmp_path / "run", "--out", tmp_path / "served", "--json")
    assert exported.code == 0, exported
    assert exported.json["largest_difference"] < 1e-5
    assert "uint8 (batch, H, W, 3), grey, each slice am" in exported.json["endpoints"]["serve_slices"]


@pytest.mark.parametrize(("number", "form"), [(60, "no-lesion-in-train"), (70, "plus1024")])
def test_a_prepared_dataset_knows_what_is_doubtful(number, form, tmp_path):
    source = open_source(reported(number) / f"{number}-{form}", size=32)
    warned = Prepared(prepare(source, tmp_path, size=32)).warnings
    if number == 60:
        assert {line.partition(":")[0] for line in warned} == {"train", "validation"}
    else:
        assert warned == source.warnings != []


def test_a_split_beside_a_prepared_dataset_is_not_dropped(prepared):
    table = prepared / "index.csv"
    table.write_text("id,split\n" + "".join(f"{name},train\n" for name in SOURCE.parts))
    try:
        with pytest.raises(DataError, match=r"index\.csv: looks like a split"):
            Prepared(prepared)
        assert {one.code for one in verify(prepared) if one.severity == "error"} == {"split-unused"}
    finally:
        table.unlink()
