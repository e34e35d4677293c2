"""`cache="disk"`: slices that later runs map, and what makes them be read anew."""

import os
import time

import numpy as np
import pytest
from PIL import Image

from pipelines import open_source
from pipelines.errors import DataError
from pipelines.layouts.paired_folder.reader import PairedFolder
from pipelines.loading.kept import UNUSED_DAYS
from pipelines.loading.slices import load_slices
from tests.trained import write_folder


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return write_folder(tmp_path / "slices", cases=6, slices=2, size=32)


def load(folder, *, cache="disk", fold=None, reading=None, **options):
    source = open_source(folder, target="liver", size=32, fold=fold, **(reading or {}))
    parts = load_slices(source, **{"target": "liver", "size": 32, **options}, cache=cache)
    return source, parts


@pytest.fixture
def read(monkeypatch):
    """Names of the cases that are read from now on."""
    names, case = [], PairedFolder.case

    def reading(self, name):
        names.append(name)
        return case(self, name)

    monkeypatch.setattr(PairedFolder, "case", reading)
    return names


def kept_folders(tmp_path):
    return sorted((tmp_path / "cache" / "cafct-keras" / "slices").iterdir())


def test_a_second_run_maps_what_the_first_one_read(folder, read):
    _, expected = load(folder, cache="ram")
    load(folder)
    assert len(read) == 12
    _, mapped = load(folder)
    assert len(read) == 12
    for part, slices in expected.items():
        found = mapped[part]
        assert isinstance(found.images, np.memmap)
        for name in ("images", "masks", "cases", "runs", "foreground"):
            np.testing.assert_array_equal(getattr(found, name), getattr(slices, name))
        for name in ("names", "patients", "preprocessing"):
            assert getattr(found, name) == getattr(slices, name)


@pytest.mark.parametrize(
    "options",
    [{"size": 64}, {"context": 1}, {"validation": False}, {"fold": "1/3"}, {"reading": {"grey_window": (-200, 250)}}],
)
def test_other_options_are_kept_apart(options, folder, read, tmp_path):
    load(folder)
    before = len(read)
    load(folder, **options)
    assert len(read) >= before + 6
    assert len(kept_folders(tmp_path)) == 2


def test_changed_data_are_read_anew(folder, read, tmp_path):
    load(folder)
    first, second, *_ = sorted((folder / "images").iterdir())
    first.write_bytes(second.read_bytes())
    load(folder)
    assert len(read) == 12
    assert len(kept_folders(tmp_path)) == 2


def test_a_shortened_file_is_written_again(folder, read, tmp_path):
    _, expected = load(folder)
    images = np.array(expected["train"].images)
    (kept,) = kept_folders(tmp_path)
    with (kept / "train-images").open("r+b") as file:
        file.truncate(100)
    _, found = load(folder)
    assert len(read) == 12
    np.testing.assert_array_equal(found["train"].images, images)


def test_notes_of_the_first_reading_are_shown_again(folder):
    """Of two sizes, which only reading tells."""
    for kind in ("images", "masks"):
        path = min((folder / kind).iterdir())
        with Image.open(path) as image:
            image.resize((48, 48), Image.Resampling.NEAREST).save(path)
    first, _ = load(folder)
    again, _ = load(folder)
    assert any("slices resized to 32x32" in note for note in first.notes)
    assert again.notes == first.notes


def test_what_no_run_has_used_for_long_is_removed(folder, tmp_path):
    load(folder)
    (old,) = kept_folders(tmp_path)
    load(folder, size=64)
    assert old.is_dir()
    long_ago = time.time() - (UNUSED_DAYS + 1) * 24 * 3600
    os.utime(old, (long_ago, long_ago))
    load(folder, size=96)
    assert not old.exists()
    assert len(kept_folders(tmp_path)) == 2


def test_a_cache_that_cannot_be_written_is_named(folder, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(DataError, match=r"`cache` disk: cannot create .*; use ram"):
        load(folder)


def test_nothing_is_kept_of_data_that_cannot_be_read(folder, tmp_path):
    next((folder / "masks").iterdir()).write_bytes(b"no picture")
    with pytest.raises(DataError, match="not a PNG"):
        load(folder)
    cache = tmp_path / "cache" / "cafct-keras" / "slices"
    assert not cache.exists() or not list(cache.iterdir())
