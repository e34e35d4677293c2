import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipelines import open_source
from pipelines.errors import DataError
from pipelines.layouts.lits_png import detect
from pipelines.layouts.lits_png.reader import LitsPng, read_csv
from tests.pipelines.layouts.lits_png.folders import (
    HEADER,
    INNER,
    STUDIES,
    contents,
    kaggle,
    line,
    names,
    pictures,
    save,
)


def test_one_case_a_study_with_its_slices_by_number(root):
    source = LitsPng(root)
    assert (source.layout, source.intensity, source.targets) == ("lits_png", "minmax", ("liver", "lesion"))
    cases = list(source.cases())
    assert [case.name for case in cases] == ["study-2", "study-10", "study-29", "study-100"]
    assert [case.patient for case in cases] == ["2", "10", "29", "100"]
    assert [case.split for case in cases] == ["train", "train", "test", "validation"]
    for case, (study, indices) in zip(cases, STUDIES.items(), strict=True):
        assert case.slice_names == tuple(f"volume-{study}_{index}" for index in indices)
        assert (case.images.dtype, case.masks["liver"].dtype, case.masks["lesion"].dtype) == (np.uint8, bool, bool)
        assert (case.spacing, case.frame) == (None, None)
        for row, index in enumerate(indices):
            image, liver, lesion = pictures(study, index)
            assert np.array_equal(case.images[row], image)
            assert np.array_equal(case.masks["lesion"][row], lesion == 1)
            assert np.array_equal(case.masks["liver"][row], (liver | lesion) == 1)
    assert source.slice_names == {
        "train": ("volume-2_0", "volume-2_1", "volume-2_2", "volume-10_9", "volume-10_10"),
        "validation": ("volume-100_5",),
        "test": ("volume-29_0", "volume-29_1"),
    }
    assert source.notes[0] == "split: by lits_train.csv and lits_test.csv, studies in neither are validation"


@pytest.mark.parametrize("inner", [Path(), Path("dataset_6"), INNER])
def test_every_nesting_is_the_same_data(root, tmp_path, inner):
    expected = LitsPng(root)
    other = kaggle(tmp_path / "other", inner)
    prints = set()
    for directory in {other, *(other / inner).parents, other / inner} - set(other.parents):
        assert detect(directory)
        source = LitsPng(directory)
        assert contents(source) == contents(expected)
        assert source.notes == expected.notes
        prints.add(source.fingerprint())
    assert len(prints) == 1


def test_inner_folder_given_by_a_link_or_from_within_finds_its_tables(root, tmp_path, monkeypatch):
    expected, digest = contents(LitsPng(root)), LitsPng(root).fingerprint()
    (tmp_path / "link").symlink_to(root / INNER)
    monkeypatch.chdir(root / INNER)
    for directory in (tmp_path / "link", "."):
        source = LitsPng(directory)
        assert (contents(source), source.fingerprint()) == (expected, digest)


def test_found_tells_this_layout_from_others(root, tmp_path):
    (tmp_path / "nifti").mkdir()
    for name in ("volume-0.nii", "segmentation-0.nii", "volume-0.png", "lits_test.csv", "segmentation-1_2.png"):
        (tmp_path / "nifti" / name).touch()
    assert detect(root)
    assert not detect(tmp_path / "nifti")
    assert not detect(tmp_path / "nowhere")
    assert isinstance(open_source(root, target="both", size=256), LitsPng)


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "P"])
@pytest.mark.parametrize("level", [1, 255])
def test_grey_in_any_dress_reads_the_same(root, mode, level):
    expected = contents(LitsPng(root))
    for study, indices in STUDIES.items():
        for index in indices:
            image, *masks = (Image.fromarray(pixels) for pixels in pictures(study, index))
            for mask, name in zip(masks, names(study, index)[1:], strict=True):
                mask = mask.point([0, 255 if mode == "1" else level] + [0] * 254)
                mask.convert(mode, dither=Image.Dither.NONE).save(root / INNER / name)
            if mode != "1":
                image.convert(mode).save(root / INNER / names(study, index)[0])
    assert contents(LitsPng(root)) == expected


def test_endings_in_capitals_are_the_same_files(root):
    expected = contents(LitsPng(root))
    for path in list((root / INNER).glob("*-29_*")):
        path.rename(path.with_suffix(".PNG"))
    assert contents(LitsPng(root)) == expected


def test_more_than_256_slices_stand_in_order(tmp_path):
    order = np.random.default_rng(0).permutation(300)
    for index in order:
        save(tmp_path, 7, index)
    (tmp_path / "lits_train.csv").write_text("\n".join([HEADER, *(line(7, k) for k in order), ""]))
    (tmp_path / "lits_test.csv").write_text(f"{HEADER}\n")
    save(tmp_path, 8, 0)
    case = next(LitsPng(tmp_path).cases())
    assert case.slice_names == tuple(f"volume-7_{index}" for index in range(300))
    assert case.contiguous
    assert all(np.array_equal(image, pictures(7, index)[0]) for index, image in enumerate(case.images))
    assert [row.index for row in read_csv(tmp_path / "lits_train.csv")] == list(order)


@settings(max_examples=15, deadline=None)
@given(st.dictionaries(st.integers(0, 2000), st.sets(st.integers(0, 1100), min_size=1, max_size=4), max_size=4))
def test_any_numbers_are_sorted_as_numbers(studies):
    studies[3] = {9, 10}
    with tempfile.TemporaryDirectory() as folder:
        for study, indices in studies.items():
            for index in indices:
                save(Path(folder), study, index)
        source = LitsPng(folder)
        seen = [(case.patient, case.slice_names, case.contiguous) for case in source.cases()]
        in_parts = sorted(name for part in source.slice_names.values() for name in part)
    ordered = [(study, sorted(studies[study])) for study in sorted(studies)]
    assert seen == [
        (str(study), tuple(f"volume-{study}_{k}" for k in ks), ks == list(range(ks[0], ks[-1] + 1)))
        for study, ks in ordered
    ]
    assert in_parts == sorted(name for _, stems, _ in seen for name in stems)


def test_single_slices_at_random_access(root):
    source = LitsPng(root)
    image, masks = source.read_slice("volume-10_10")
    _, liver, lesion = pictures(10, 10)
    assert (image.shape, image.dtype, list(masks)) == ((5, 7), np.uint8, ["liver", "lesion"])
    assert np.array_equal(image, pictures(10, 10)[0])
    assert np.array_equal(masks["liver"], (liver | lesion) == 1)
    assert np.array_equal(masks["lesion"], lesion == 1)
    with pytest.raises(KeyError):
        source.read_slice("volume-10_11")


def test_only_the_study_at_hand_is_read(root):
    for index in STUDIES[10]:
        (root / INNER / names(10, index)[0]).write_bytes(b"no PNG")
    cases = LitsPng(root).cases()
    assert next(cases).name == "study-2"
    with pytest.raises(DataError, match=r"volume-10_\d+.png: not a PNG"):
        next(cases)
