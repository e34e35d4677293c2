import os

import numpy as np
import pytest
from PIL import Image

from pipelines import open_source
from pipelines.errors import DataError
from pipelines.layouts.paired_folder.reader import PairedFolder
from pipelines.preprocessing import Preprocessing
from tests.pipelines.layouts.paired_folder.folders import IDS, SHARED, index, picture, read


def test_one_case_a_patient_in_numeric_order(folder):
    source = read(folder)
    cases = {case.patient: case for case in source.cases()}
    assert (source.layout, source.intensity, source.targets) == ("paired_folder", "grey", ("liver",))
    assert list(cases) == ["a", "b", "c", "d"]
    assert cases["a"].slice_names == ("a_2_f", "a_9_m", "a_10_f")
    for case in cases.values():
        assert (case.images.dtype, case.masks["liver"].dtype) == (np.uint8, bool)
        assert case.spacing is None
        for image, mask, name in zip(case.images, case.masks["liver"], case.slice_names, strict=True):
            assert np.array_equal(image, picture(name, scale=100))
            assert np.array_equal(mask, picture(name).astype(bool))
    assert {case.split for case in cases.values()} == {"train", "validation", "test"}
    assert source.notes[0] == "patients: guessed, the name before _<slice number>"


def test_names_without_slice_numbers_are_patients_each(folder):
    for number, name in enumerate(IDS[:4]):
        for kind in ("images", "masks"):
            (folder / kind / f"{name}.png").rename(folder / kind / f"other{number}.png")
    source = read(folder)
    assert sorted(case.patient for case in source.cases()) == ["c", "d", *(f"other{k}" for k in range(4))]
    assert source.patients_by == "names"
    for name in IDS[4:]:
        for kind in ("images", "masks"):
            (folder / kind / f"{name}.png").rename(folder / kind / f"{name[0]}.png")
    source = read(folder)
    assert sorted(case.patient for case in source.cases()) == ["c", "d", *(f"other{k}" for k in range(4))]
    assert "one per image" in source.notes[0]
    assert source.patients_by == "each case"


def test_one_odd_name_does_not_decide_for_the_others(folder):
    for kind in ("images", "masks"):
        (folder / kind / "b_1.png").rename(folder / kind / "other.png")
    source = read(folder)
    assert sorted(case.patient for case in source.cases()) == ["a", "c", "d", "other"]
    assert source.notes[0].endswith("other without one: each a patient of its own")
    assert source.patients_by == "names"


def test_pattern_tells_patients_apart(folder):
    source = read(folder, patient_pattern=r"_(\d)")
    assert {case.patient: len(case.slice_names) for case in source.cases()} == {"1": 3, "2": 1, "7": 1, "9": 1}
    assert "by the pattern" in source.notes[0]


def test_a_pattern_that_contradicts_the_table_is_an_error(folder):
    """A pattern that won silently put the scans of one patient on both sides of the split."""
    index(folder, "id,patient", *(f"{name},{name[0]}" for name in IDS))
    assert read(folder, patient_pattern="^(.)").patients_by == "table"
    with pytest.raises(DataError, match=r"index\.csv: .*`patient_pattern`"):
        read(folder, patient_pattern="^(.+)_")


def test_official_split_is_kept(folder):
    parts = ("train", "train", "train", "val", "test", "Train")
    index(folder, "id,pixels,split,patient", *(f"{n},3,{s},P{n[0]}" for n, s in zip(IDS, parts, strict=True)))
    source = read(folder)
    assert {c.patient: c.split for c in source.cases()} == {
        "Pa": "train",
        "Pb": "validation",
        "Pc": "test",
        "Pd": "train",
    }
    assert source.notes[:2] == ["patients: by index.csv", "split: by index.csv"]


def test_missing_validation_is_carved_from_training_patients(folder):
    parts = ["train"] * 4 + ["test", "train"]
    index(folder, "id,patient,split", *(f"{n},{n[0]},{s}" for n, s in zip(IDS, parts, strict=True)))
    source = read(folder)
    found = {case.patient: case.split for case in source.cases()}
    assert found["c"] == "test"
    assert sorted(found[patient] for patient in "abd") == ["train", "train", "validation"]
    assert "no validation part" in source.notes[1]


def test_index_without_split_is_split_by_its_patients(folder):
    index(folder, "id,patient", *(f"{name},{number % 3}" for number, name in enumerate(IDS)))
    source = read(folder)
    assert sorted(case.patient for case in source.cases()) == ["0", "1", "2"]
    assert {case.split for case in source.cases()} == {"train", "validation", "test"}
    assert source.notes[0] == "patients: by index.csv"


@pytest.mark.parametrize("shape", [(40, 80), (90, 30)])
def test_slices_that_are_not_square_are_padded_so_that_a_disc_stays_a_disc(tmp_path, shape):
    height, width = shape
    disc = np.hypot(np.arange(height)[:, None] - height // 2, np.arange(width) - width // 2) <= 12
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
        for patient in "abc":
            Image.fromarray(disc.astype(np.uint8) * 255).save(tmp_path / kind / f"{patient}_1.png")
    seen = Preprocessing(size=64, window=(0, 1), targets=("liver",))
    for case in read(tmp_path).cases():
        images = seen.pixels(case.images, intensity="grey", orientation=None)
        masks = seen.coverage((case.coverage or case.masks)["liver"], orientation=None)
        for pixels in (images[0] > 127, masks[0] > 127):
            rows, columns = (np.flatnonzero(pixels.any(axis=axis)) for axis in (1, 0))
            assert abs(np.ptp(rows) - np.ptp(columns)) <= 1
            assert np.ptp(rows) == pytest.approx(24 * 64 / max(shape), abs=2)
            assert abs(rows.mean() - 32) <= 1.5
            assert abs(columns.mean() - 32) <= 1.5


def test_other_sizes_are_resized(folder):
    rng = np.random.default_rng(0)
    big = rng.integers(0, 256, (16, 16), np.uint8)
    mask = rng.integers(0, 2, (24, 24), np.uint8)
    Image.fromarray(big).save(folder / "images" / "a_2_f.png")
    Image.fromarray(np.repeat(np.repeat(picture("a_2_f"), 2, 0), 2, 1)).save(folder / "masks" / "a_2_f.png")
    Image.fromarray(np.zeros((24, 24), np.uint8)).save(folder / "images" / "a_9_m.png")
    Image.fromarray(mask).save(folder / "masks" / "a_9_m.png")
    for kind in ("images", "masks"):
        Image.fromarray(np.zeros((9, 12), np.uint8)).save(folder / kind / "b_1.png")
    source = read(folder)
    cases = {case.patient: case for case in source.cases()}
    note = "size: slices resized to 8x8, as their scans' differ (images/a_2_f.png, images/a_9_m.png)"
    assert source.notes[2:] == [note]
    assert cases["b"].images.shape == cases["b"].masks["liver"].shape == (1, 9, 12)  # its only slice
    case = cases["a"]
    # Anti-aliased bilinear halves with the weights 1 3 3 1, so it is smoother than plain means, which are near it.
    means = big.reshape(8, 2, 8, 2).mean(axis=(1, 3))
    assert np.abs(case.images[0] - means).mean() < 40
    assert case.images[0].std() < means.std()
    assert np.array_equal(case.masks["liver"][0], picture("a_2_f").astype(bool))
    areas = mask.reshape(8, 3, 8, 3).mean(axis=(1, 3))
    assert np.array_equal(case.masks["liver"][1], areas >= 0.5)
    assert np.abs(case.coverage["liver"][1] / 255 - areas).max() < 1 / 255


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "P"])
@pytest.mark.parametrize("level", [1, 255])
def test_grey_in_any_dress_reads_the_same(folder, mode, level):
    plain = [case.images.tobytes() + case.masks["liver"].tobytes() for case in read(folder).cases()]
    for name in IDS:
        Image.fromarray(picture(name, scale=level)).save(folder / "masks" / f"{name}.png")
        if mode == "1":
            Image.fromarray(picture(name, scale=255)).convert("1").save(folder / "masks" / f"{name}.png")
        else:
            Image.fromarray(picture(name, scale=100)).convert(mode).save(folder / "images" / f"{name}.png")
            Image.fromarray(picture(name, scale=level)).convert(mode).save(folder / "masks" / f"{name}.png")
    assert [case.images.tobytes() + case.masks["liver"].tobytes() for case in read(folder).cases()] == plain


def test_empty_and_full_masks_and_stray_files_are_fine(folder):
    for name, level in (("b_1", 0), ("c_1", 1), ("d_7", 255)):
        Image.fromarray(np.full((8, 8), level, np.uint8)).save(folder / "masks" / f"{name}.png")
    (folder / "images" / "Thumbs.db").write_bytes(b"x")
    (folder / "images" / "._a_2_f.png").write_bytes(b"x")
    shown = {case.patient: case.masks["liver"].mean() for case in read(folder).cases()}
    assert [shown[patient] for patient in "bcd"] == [0, 1, 1]


def test_fingerprint_follows_names_and_contents(folder):
    prints = [read(folder).fingerprint()]
    assert read(folder, size=4).fingerprint() == prints[0]
    os.utime(folder / "images" / "b_1.png", (0, 0))
    assert read(folder).fingerprint() == prints[0]
    Image.fromarray(picture("b_1", scale=101)).save(folder / "images" / "b_1.png")
    prints.append(read(folder).fingerprint())
    for kind in ("images", "masks"):
        (folder / kind / "b_1.png").rename(folder / kind / "b_2.png")
    prints.append(read(folder).fingerprint())
    index(folder, "id", "b_2", *(name for name in IDS if name != "b_1"))
    prints.append(read(folder).fingerprint())
    assert len(set(prints)) == 4
    assert all(len(digest) == 64 for digest in prints)


def test_only_the_patient_at_hand_is_read(folder):
    (folder / "images" / "b_1.png").write_bytes(b"no PNG")
    source = PairedFolder(folder, target="liver", size=4)
    assert source.case("a").slice_names == ("a_2_f", "a_9_m", "a_10_f")
    assert len(source.notes) == 2
    with pytest.raises(DataError, match=r"b_1\.png: not a PNG"):
        source.case("b")


def test_open_source_finds_the_reader(folder):
    assert isinstance(open_source(folder, target="lesion", size=8), PairedFolder)
    assert open_source("phantom", target="both", size=64).layout == "phantom"


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        ("nowhere", {}, "no such data folder: nowhere; give a folder with images/ and masks/, or phantom"),
        ("phantom", {"patient_pattern": "(a)"}, "`patient_pattern` .*: does not apply to the phantom; leave it out"),
    ],
)
def test_open_source_refuses_in_one_line(data, options, message):
    with pytest.raises(DataError, match=message) as caught:
        open_source(data, **{"target": "liver", "size": 8, **options})
    assert "\n" not in str(caught.value)


def test_real_slices_are_read_as_they_are():
    if not (SHARED / "msd_liver").is_dir():
        pytest.skip("the shared data set msd_liver is not here")
    source = open_source(SHARED / "msd_liver", target="liver", size=256)
    case = next(source.cases())
    with Image.open(SHARED / "msd_liver" / "images" / f"{case.slice_names[1]}.png") as image:
        assert np.array_equal(np.asarray(image), case.images[1])
    assert len(source.parts) == 86
    guessed = open_source(SHARED / "msd_liver", target="liver", size=256, patient_pattern=r"(.+)_\d+_[fm]")
    assert list(guessed.parts) == list(source.parts)


def test_folders_inside_may_be_the_split_and_a_patient_is_one_in_all_of_them(folder):
    parts = dict(zip("abcd", ("train", "train", "val", "test"), strict=True))
    for kind in ("images", "masks"):
        for name in IDS:
            (folder / kind / parts[name[0]]).mkdir(exist_ok=True)
            (folder / kind / f"{name}.png").rename(folder / kind / parts[name[0]] / f"{name}.png")
    found = {case.patient: case.split for case in read(folder).cases()}
    assert found == {"a": "train", "b": "train", "c": "validation", "d": "test"}
    for kind in ("images", "masks"):
        (folder / kind / "train" / "a_9_m.png").rename(folder / kind / "test" / "a_9_m.png")
    with pytest.raises(DataError, match="patient a is in test and train"):
        read(folder)
