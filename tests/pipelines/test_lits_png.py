import csv
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipelines import open_source
from pipelines.case import Case, Source
from pipelines.errors import DataError
from pipelines.sources.lits_png import LitsPng, found, read_csv
from pipelines.sources.lits_png_writer import stretch, write_lits_png
from pipelines.sources.phantom import Phantom
from pipelines.split import carve_validation, split_patients

HEADER = "filepath,liver_maskpath,tumor_maskpath,study_number,instance_number,liver_mask_empty,tumor_mask_empty"
STUDIES = {2: (0, 1, 2), 10: (9, 10), 29: (0, 1), 100: (5,)}
INNER = Path("dataset_6") / "dataset_6"


def pictures(study, index):
    """An image and two masks that tell slices apart; neither mask lies in the other."""
    rng = np.random.default_rng([study, index])
    image = rng.integers(0, 256, (5, 7), np.uint8)
    return image, rng.integers(0, 2, (5, 7), np.uint8), rng.integers(0, 2, (5, 7), np.uint8)


def names(study, index):
    kinds = (f"volume-{study}", f"segmentation-{study}_livermask", f"segmentation-{study}_lesionmask")
    return [f"{kind}_{index}.png" for kind in kinds]


def save(folder, study, index):
    image, *masks = (np.repeat(pixels[..., None], 3, axis=-1) for pixels in pictures(study, index))
    for name, pixels in zip(names(study, index), (image, masks[0][..., 0], masks[1]), strict=True):
        Image.fromarray(pixels).save(folder / name)


def line(study, index, flags="False,True", prefix="../input/lits-png/dataset_6/"):
    paths = ",".join(prefix + name for name in names(study, index))
    return f"{paths},{study},{index % 256},{flags}"


def lines(*studies, **options):
    return "\n".join([HEADER, *(line(s, k, **options) for s in studies for k in STUDIES[s])]) + "\n"


def kaggle(root, inner=INNER):
    """2 and 10 train, 29 test, 100 in neither."""
    folder = root / inner
    folder.mkdir(parents=True, exist_ok=True)
    for study, indices in STUDIES.items():
        for index in indices:
            save(folder, study, index)
    tables = {"df": lines(*STUDIES), "train": lines(10, 2), "test": lines(29), "probe": lines(29)}
    for name, text in tables.items():
        (root / f"lits_{name}.csv").write_text(text)
    return root


@pytest.fixture
def root(tmp_path):
    return kaggle(tmp_path / "lits-png")


def contents(source):
    return [
        (case.name, case.split, case.slice_names, case.images.tobytes(), *(m.tobytes() for m in case.masks.values()))
        for case in source.cases()
    ]


def parts(source):
    return {case.patient: case.split for case in source.cases()}


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
        assert found(directory)
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
    assert found(root)
    assert not found(tmp_path / "nifti")
    assert not found(tmp_path / "nowhere")
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


@pytest.mark.parametrize("flags", ["True,True", "False,False", "TRUE,false"])
@pytest.mark.parametrize("prefix", ["", "C:\\lits\\", "/somewhere/else/"])
def test_flags_and_folders_of_the_tables_are_not_used(root, flags, prefix):
    expected = contents(LitsPng(root))
    for name, studies in (("df", STUDIES), ("train", (2, 10)), ("test", (29,))):
        (root / f"lits_{name}.csv").write_text(lines(*studies, flags=flags, prefix=prefix))
    source = LitsPng(root)
    assert contents(source) == expected
    assert any("inverted and not used" in note for note in source.notes)


def test_tables_with_a_byte_order_mark_and_windows_line_ends(root):
    expected = contents(LitsPng(root))
    text = (root / "lits_test.csv").read_text().replace("\n", "\r\n")
    (root / "lits_test.csv").write_bytes(text.encode("utf-8-sig"))
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


def test_without_tables_studies_are_split_by_hash(root):
    for name in ("df", "train", "test", "probe"):
        (root / f"lits_{name}.csv").unlink()
    source = LitsPng(root)
    assert parts(source) == split_patients(map(str, STUDIES))
    assert "hash" in source.notes[0]
    assert source.fingerprint() == LitsPng(root / INNER).fingerprint()
    for path in [*(root / INNER).glob("*-10_*"), *(root / INNER).glob("*-29_*")]:
        path.unlink()
    few = LitsPng(root)
    assert parts(few) == {"2": "test", "100": "test"}
    assert "fewer than 3 studies" in few.notes[0]


def test_validation_is_carved_out_of_training_when_the_tables_leave_none(root):
    (root / "lits_train.csv").write_text(lines(2, 10, 100))
    source = LitsPng(root)
    carved = carve_validation(["2", "10", "100"])
    expected = {patient: "validation" if patient in carved else "train" for patient in ("2", "10", "100")}
    assert parts(source) == {**expected, "29": "test"}
    assert "carved out of the training studies" in source.notes[0]


def test_probe_is_ignored(root):
    expected, digest = contents(LitsPng(root)), LitsPng(root).fingerprint()
    assert LitsPng(root).notes[-1] == "lits_probe.csv: a copy of lits_test.csv, ignored"
    (root / "lits_probe.csv").write_text(lines(2))
    source = LitsPng(root)
    assert source.notes[-1] == "lits_probe.csv: not a copy of lits_test.csv, ignored"
    assert (contents(source), source.fingerprint()) == (expected, digest)
    (root / "lits_probe.csv").unlink()
    assert not any("probe" in note for note in LitsPng(root).notes)


def test_fingerprint_follows_pixels_names_and_tables_but_not_the_place(root, tmp_path):
    prints = [LitsPng(root).fingerprint()]
    shutil.copytree(root, tmp_path / "copy")
    os.utime(tmp_path / "copy" / "lits_test.csv", (0, 0))
    assert LitsPng(tmp_path / "copy").fingerprint() == prints[0]
    Image.fromarray(1 - pictures(2, 0)[1]).save(root / INNER / names(2, 0)[1])
    prints.append(LitsPng(root).fingerprint())
    (root / "lits_train.csv").write_text(lines(2))
    prints.append(LitsPng(root).fingerprint())
    save(root / INNER, 100, 6)
    prints.append(LitsPng(root).fingerprint())
    assert len(set(prints)) == 4
    assert all(len(digest) == 64 for digest in prints)


def test_genuine_table_by_what_its_flags_mean(shared):
    path = shared / "data" / "lits_png" / "lits_test.csv"
    rows = read_csv(path)
    with path.open(newline="") as file:
        lines_as_they_are = list(csv.DictReader(file))
    assert len(rows) == len(lines_as_they_are) == 3038
    assert {row.study for row in rows} == {29, 41, 42, 55, 62, 73, 74, 75, 92, 100, 125}
    assert sum(row.liver_present for row in rows) == 1200
    assert sum(row.lesion_present for row in rows) == 363
    wrapped = 0
    for row, raw in zip(rows, lines_as_they_are, strict=True):
        assert raw["filepath"] == f"../input/lits-png/dataset_6/volume-{row.study}_{row.index}.png"
        assert [row.image, row.liver, row.lesion] == names(row.study, row.index)
        assert row.index % 256 == int(raw["instance_number"])
        wrapped += row.index != int(raw["instance_number"])
    assert wrapped == 1163
    for study in {row.study for row in rows}:  # no slice is lost, none is there twice
        indices = sorted(row.index for row in rows if row.study == study)
        assert indices == list(range(len(indices)))


class Scans(Source):
    """Made-up scans without anatomy: 260 slices in the first, and a slice that is all the same."""

    layout, intensity, targets, notes = "scans", "hu", ("liver", "lesion"), ()

    def __init__(self):
        self.parts = {"scan-0": "train", "scan-1": "validation", "scan-2": "test", "scan-3": "train"}

    def case(self, name):
        number = list(self.parts).index(name)
        rng = np.random.default_rng(number)
        images = rng.integers(-3024, 3072, (2 if number else 260, 5, 7), np.int16)
        images[1] = -1024
        liver = np.zeros(images.shape, bool)
        liver[1:] = rng.random(liver[1:].shape) < 0.5
        lesion = liver & (rng.random(images.shape) < 0.5)
        lesion[-1] = False
        stems = tuple(f"{number}_{k}" for k in range(len(images)))
        masks = {"liver": liver, "lesion": lesion}
        return Case(name=name, patient=name, split=self.parts[name], images=images, masks=masks, slice_names=stems)


@pytest.mark.parametrize("original", [Phantom(cases=3, slices=3, size=32), Scans()], ids=["phantom", "scans"])
def test_what_is_written_is_read_back(tmp_path, original):
    write_lits_png(original, tmp_path / "made" / "lits-png")
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["lits-png"]
    source = LitsPng(tmp_path / "made" / "lits-png")
    for number, (back, case) in enumerate(zip(source.cases(), original.cases(), strict=True)):
        assert (back.name, back.split) == (f"study-{number}", case.split)
        assert len(back.slice_names) == len(case.slice_names)
        for target in source.targets:
            assert np.array_equal(back.masks[target], case.masks[target])
        for grey, hounsfield in zip(back.images, case.images.astype(float), strict=True):
            low, high = hounsfield.min(), hounsfield.max()
            assert np.abs(low + grey * (high - low) / 255 - hounsfield).max() <= 0.5001 * (high - low) / 255


def test_what_is_written_has_the_traps(tmp_path):
    write_lits_png(Scans(), tmp_path / "x")
    assert sorted(path.name for path in (tmp_path / "x").iterdir()) == [
        "dataset_6",
        "lits_df.csv",
        "lits_probe.csv",
        "lits_test.csv",
        "lits_train.csv",
    ]
    assert (tmp_path / "x/lits_probe.csv").read_bytes() == (tmp_path / "x/lits_test.csv").read_bytes()
    tables = {}
    for name in ("df", "train", "test"):
        with (tmp_path / "x" / f"lits_{name}.csv").open(newline="") as file:
            tables[name] = list(csv.DictReader(file))
            assert ",".join(tables[name][0]) == HEADER
    assert {name: {row["study_number"] for row in rows} for name, rows in tables.items()} == {
        "df": {"0", "1", "2", "3"},
        "train": {"0", "3"},
        "test": {"2"},
    }
    assert [int(row["instance_number"]) for row in tables["df"]] == [k % 256 for k in range(260)] + [0, 1] * 3
    assert tables["df"][258]["filepath"] == "../input/lits-png/dataset_6/volume-0_258.png"
    for row, read in zip(tables["df"], read_csv(tmp_path / "x/lits_df.csv"), strict=True):
        flags = [row["liver_mask_empty"], row["tumor_mask_empty"]]
        assert [flag == "True" for flag in flags] == [read.liver_present, read.lesion_present]
        for kind, mode, flag in zip(
            ("filepath", "liver_maskpath", "tumor_maskpath"), "RLR", [None, *flags], strict=True
        ):
            with Image.open(tmp_path / "x" / INNER / Path(row[kind]).name) as image:
                assert image.mode[0] == mode
                if flag is not None:
                    assert image.getchannel(0).getextrema() in ((0, flag == "True"), (1, 1))


@given(st.lists(st.integers(-3024, 3071), min_size=6, max_size=6), st.integers(-500, 500))
def test_stretch_uses_all_levels_and_forgets_where_a_slice_lay(values, shift):
    slices = np.array([values, [5] * 6], np.int16).reshape(2, 2, 3)
    grey = stretch(slices)
    assert (grey.shape, grey.dtype) == (slices.shape, np.uint8)
    assert not grey[1].any()
    assert np.array_equal(stretch(slices + np.int16(shift)), grey)
    if len(set(values)) > 1:
        assert (grey[0].min(), grey[0].max()) == (0, 255)
        order = np.argsort(values, kind="stable")
        assert (np.diff(grey[0].ravel()[order].astype(int)) >= 0).all()


def test_writer_refuses_and_leaves_nothing_half_done(root, tmp_path):
    with pytest.raises(DataError, match="exists already"):
        write_lits_png(Scans(), root)
    with pytest.raises(DataError, match="lits_png: has no Hounsfield units"):
        write_lits_png(LitsPng(root), tmp_path / "new")

    class Failing(Scans):
        def case(self, name):
            if name == "scan-1":
                raise DataError("scan-1: gone")
            return super().case(name)

    with pytest.raises(DataError, match="gone"):
        write_lits_png(Failing(), tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["lits-png"]
