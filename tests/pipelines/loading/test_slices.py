import collections
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from pipelines import open_source
from pipelines.case import Case, Source
from pipelines.errors import DataError
from pipelines.loading.cache import FileCache, MemoryCache
from pipelines.loading.slices import foreground_counts, load_slices, resized

SHARED = Path(__file__).parents[4] / "shared" / "data"
HOUNSFIELD = np.array([-3000, -201, -200, -199, 25, 249, 250, 251, 3000], np.int16)


class Scans(Source):
    """Two cases in each part of the split; lesions in every second slice."""

    layout = "scans"
    notes = ()

    def __init__(
        self,
        *,
        intensity="hu",
        targets=("liver", "lesion"),
        parts=("train", "validation", "test"),
        shape=(9, 9),
        contiguous=True,
    ):
        self.intensity, self.targets, self.shape, self.contiguous = intensity, targets, shape, contiguous
        counts = collections.Counter()
        self.parts = {}
        for part in (part for part in parts for _ in range(2)):
            self.parts[f"{part}{counts[part]}"] = part
            counts[part] += 1

    def case(self, name):
        images = np.broadcast_to(np.resize(HOUNSFIELD, self.shape[1]), (4, *self.shape))
        if self.intensity == "grey":
            images = (images % 256).astype(np.uint8)
        liver = np.zeros((4, *self.shape), bool)
        liver[:, 2:6, 2:6] = True
        lesion = np.zeros_like(liver)
        lesion[::2, 3, 4 if name.endswith("1") else 3] = True
        masks = {"liver": liver, "lesion": lesion}
        return Case(
            name=name,
            patient=f"{name}-patient",
            split=self.parts[name],
            images=images,
            masks={target: masks[target] for target in self.targets},
            slice_names=tuple(f"{name}_{index}" for index in range(4)),
            contiguous=self.contiguous,
        )

    def fingerprint(self):
        return "fixed"


def test_both_targets_stand_in_their_channels():
    parts = load_slices(Scans(), target="both", size=9)
    train = parts["train"]
    assert list(parts) == ["train", "validation", "test"]
    assert train.images.shape == (8, 9, 9)
    assert train.masks.shape == (8, 9, 9, 2)
    assert train.images.dtype == train.masks.dtype == np.uint8
    assert train.preprocessing.targets == ("liver", "lesion")
    assert set(np.unique(train.masks)) == {0, 255}
    assert train.masks[..., 0].sum() == 8 * 16 * 255
    assert [tuple(place) for place in np.argwhere(train.masks[..., 1])] == [
        (0, 3, 3),
        (2, 3, 3),
        (4, 3, 4),
        (6, 3, 4),
    ]
    assert train.names == tuple(f"train{number}_{index}" for number in range(2) for index in range(4))
    assert train.patients == ("train0-patient",) * 4 + ("train1-patient",) * 4
    assert foreground_counts(train) == {"liver": 8, "lesion": 4}


def test_slices_of_another_size_are_resized_in_their_proportions():
    train = load_slices(Scans(shape=(18, 36)), target="both", size=36)["train"]
    assert train.images.shape == (8, 36, 36)
    # Twice as wide as high: nothing is enlarged, air is added above and below.
    assert not train.images[:, :9].any()
    assert not train.images[:, 27:].any()
    assert train.masks[0, 11:15, 2:6, 0].all()
    assert train.masks[..., 0].sum() == 8 * 16 * 255
    half = load_slices(Scans(shape=(36, 36)), target="liver", size=18)["train"]
    assert half.masks[0].sum() == 4 * 255
    assert half.masks[0, 1:3, 1:3].all()


@pytest.mark.parametrize(("target", "pixels"), [("liver", 16), ("lesion", 1)])
def test_one_target_is_one_channel(target, pixels):
    masks = load_slices(Scans(), target=target, size=9)["validation"].masks
    assert masks.shape == (8, 9, 9, 1)
    assert masks[0].sum() == pixels * 255


def test_hounsfield_units_are_windowed():
    images = load_slices(Scans(), target="liver", size=9)["train"].images
    assert images[0, 0].tolist() == [0, 0, 0, 1, 128, 254, 255, 255, 255]
    images = load_slices(Scans(), target="liver", size=9, window=(-3000, 3000))["train"].images
    assert images[0, 0].tolist() == [0, 119, 119, 119, 129, 138, 138, 138, 255]


def test_grey_stays_as_it_is():
    images = load_slices(Scans(intensity="grey"), target="liver", size=9)["train"].images
    assert images[0, 0].tolist() == (HOUNSFIELD % 256).tolist()


def test_test_part_may_be_empty_but_has_a_shape():
    test = load_slices(Scans(parts=("train", "validation")), target="both", size=9)["test"]
    assert test.images.shape == (0, 9, 9)
    assert test.masks.shape == (0, 9, 9, 2)
    assert test.names == test.patients == ()
    assert foreground_counts(test) == {"liver": 0, "lesion": 0}


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        (Scans(targets=("liver",)), {"target": "both"}, "`target` both: scans has no lesion masks, only liver"),
        (Scans(), {"target": "spleen"}, "`target` spleen: unknown; give liver, lesion, both"),
        (Scans(), {"window": (250, -200)}, "`window` 250 -200: "),
        (Scans(), {"context": -1}, "`context` -1: give 0 or more"),
        (Scans(contiguous=False), {"context": 1}, "`context` 1: the slices of case train0 are not contiguous"),
        (Scans(parts=("train", "test")), {}, "scans: no validation slices"),
        (Scans(parts=("validation", "test")), {}, "scans: no train slices"),
    ],
)
def test_what_cannot_be_loaded_is_told_in_one_line(source, options, message):
    with pytest.raises(DataError) as caught:
        load_slices(source, **{"target": "liver", "size": 9, **options})
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("folder", "target", "counts", "shown"),
    [
        ("msd_liver", "liver", {"train": 323, "validation": 55, "test": 63}, 441),
        ("msd_lesion", "lesion", {"train": None, "validation": None, "test": 1}, 8),
    ],
)
def test_real_folders(folder, target, counts, shown):
    if not (SHARED / folder).is_dir():
        pytest.skip(f"the shared data set {folder} is not here")
    parts = load_slices(open_source(SHARED / folder, target=target, size=256), target=target, size=256)
    for part, count in counts.items():
        assert count in (None, len(parts[part].names))
    patients = [set(part.patients) for part in parts.values()]
    assert sum(map(len, patients)) == len(set.union(*patients))
    assert sum(foreground_counts(part)[target] for part in parts.values()) == shown


@pytest.mark.parametrize("context", [0, 1])
def test_slices_in_a_file_are_those_in_memory(context, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    options = {"target": "both", "size": 9, "context": context}
    source = Scans(parts=("train", "validation"))  # an empty part too
    kept, read = (load_slices(source, cache=cache, **options) for cache in ("ram", "none"))
    assert isinstance(read["train"].images, np.memmap)
    for part, expected in kept.items():
        assert np.array_equal(read[part].images, expected.images)
        assert np.array_equal(read[part].masks, expected.masks)
        assert np.array_equal(read[part].foreground, expected.foreground)
    indices = np.array([5, 0, 3])
    assert np.array_equal(read["train"].gather_images(indices), kept["train"].gather_images(indices))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]  # without a name, gone with the process


def test_slices_are_in_memory_once():
    # Asked of the system, in a fresh process: tracemalloc counts an array twice that NumPy 2.5 grows where it lies.
    code = """
from cafct_keras.benchmark import process_peak_memory
from pipelines.loading.slices import load_slices
from tests.pipelines.loading.test_slices import Scans

def whole_and_peak(cases):
    source = Scans(shape=(256, 256), parts=("train",) * cases + ("validation",))
    parts = load_slices(source, target="both", size=256)
    assert all(part.foreground.any() for part in parts.values() if part.names)
    whole = sum(part.images.nbytes + part.masks.nbytes for part in parts.values())
    assert whole == (cases + 1) * 2 * 4 * 3 * 256**2
    return whole, process_peak_memory()

_, before = whole_and_peak(1)
whole, peak = whole_and_peak(100)
print((peak - before) / whole)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 1.0 <= float(done.stdout) < 1.25


def test_slices_in_a_file_take_no_memory(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    source = Scans(shape=(256, 256), parts=("train",) * 20 + ("validation",))
    tracemalloc.start()
    try:
        parts = load_slices(source, target="both", size=256, cache="none")
        assert all(part.foreground.any() for part in parts.values() if part.names)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    whole = sum(part.images.nbytes + part.masks.nbytes for part in parts.values())
    assert whole == 21 * 2 * 4 * 3 * 256**2
    assert peak / whole < 0.2


def test_cache_unknown():
    with pytest.raises(DataError, match="`cache` tape: unknown; give ram, none, disk"):
        load_slices(Scans(), target="liver", size=9, cache="tape")


@pytest.mark.parametrize("stack", [MemoryCache, FileCache])
@pytest.mark.parametrize("lengths", [(), (0,), (3,), (1,) * 40, (2, 0, 30, 1, 4)])
def test_stacks_are_their_pieces(stack, lengths, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    pieces = [np.random.default_rng(n).integers(0, 256, (length, 3, 2), np.uint8) for n, length in enumerate(lengths)]
    grown = stack(3, 2)
    for piece in pieces:
        grown.append(piece)
    assert np.array_equal(grown.to_array(), np.concatenate([np.empty((0, 3, 2), np.uint8), *pieces]))


@pytest.mark.parametrize("cache", ["ram", "none"])
def test_resized_slices_are_means_of_pixels(cache):
    whole = load_slices(Scans(shape=(70, 70)), target="both", size=70, cache=cache)["train"]
    half = resized(whole, 35)
    assert half.images.dtype == half.masks.dtype == np.uint8
    assert half.images.shape == (8, 35, 35)
    assert isinstance(half.images, np.memmap) == isinstance(half.masks, np.memmap) == (cache == "none")
    means = whole.masks.reshape(8, 35, 2, 35, 2, 2).mean(axis=(2, 4))
    np.testing.assert_allclose(half.masks, means, atol=0.51)
    np.testing.assert_allclose(half.images.mean(), whole.images.mean(), atol=1)
    assert np.array_equal(half.foreground, whole.foreground)
    assert half.preprocessing.size == 35
    assert (half.names, half.patients, half.preprocessing.window) == (whole.names, whole.patients, (-200, 250))
