"""Masks of labels, scans and slice numbers of paired folders."""

import numpy as np
import pytest
from PIL import Image

from pipelines import open_source, verify
from pipelines.describe import describe
from pipelines.errors import DataError
from pipelines.loading.slices import load_slices
from tests.cli import fails, run
from tests.pipelines.layouts.paired_folder.folders import IDS, SHARED, index, read

SLICES = (2, 14, 4, 1, 1, 1)  # numbers of `IDS`: two of case a are 2 apart, and the third 10
LITS = SHARED / "lits_slices"


def labels(name):
    """`(8, 8)` labels that tell slices apart: a liver (1) in all, a lesion (2) in it in every other one."""
    pixels = np.zeros((8, 8), np.uint8)
    pixels[1:7, 1 : 3 + IDS.index(name)] = 1
    pixels[3:5, 2] = 2 * (IDS.index(name) % 2) or 1
    return pixels


@pytest.fixture
def labelled(folder):
    for name in IDS:
        Image.fromarray(labels(name)).save(folder / "masks" / f"{name}.png")
    return folder


@pytest.mark.parametrize("target", ["liver", "lesion", "both"])
def test_labels_one_and_two_are_liver_and_lesion(labelled, target):
    source = read(labelled, target=target)
    assert source.targets == ("liver", "lesion")
    assert source.notes[-1].startswith("masks: labels liver 1+2, lesion 2, as in LiTS")
    for case in source.cases():
        for name, liver, lesion in zip(case.slice_names, case.masks["liver"], case.masks["lesion"], strict=True):
            assert np.array_equal(liver, labels(name) > 0)
            assert np.array_equal(lesion, labels(name) == 2)


def test_one_mask_with_both_labels_tells_for_all(labelled):
    for name in IDS[:-1]:  # the last has both
        Image.fromarray((labels(name) > 0).astype(np.uint8)).save(labelled / "masks" / f"{name}.png")
    assert {case.masks["lesion"].any() for case in read(labelled).cases()} == {False, True}


@pytest.mark.parametrize("values", [{1: 0, 2: 1}, {1: 255, 2: 255}])
def test_two_values_are_one_target(labelled, values):
    for name in IDS:
        pixels = sum((labels(name) == label) * np.uint8(value) for label, value in values.items())
        Image.fromarray(np.uint8(pixels)).save(labelled / "masks" / f"{name}.png")
    assert read(labelled, target="lesion").targets == ("lesion",)
    with pytest.raises(DataError, match=r"`target` both: .* has masks of one target"):
        read(labelled, target="both")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_named_labels(labelled, dtype):
    offset = 300 if dtype == np.uint16 else 30
    for name in IDS:
        pixels = labels(name).astype(dtype)
        pixels[pixels > 0] += offset
        pixels[0, 0] = 9
        Image.fromarray(pixels).save(labelled / "masks" / f"{name}.png")
    named = (f"tumour={offset + 2}", f"Liver={offset + 1}", "spleen=9")
    source = read(labelled, target="both", labels=named)
    assert source.targets == ("liver", "lesion")
    for case in source.cases():
        for name, liver, lesion in zip(case.slice_names, case.masks["liver"], case.masks["lesion"], strict=True):
            assert np.array_equal(liver, labels(name) > 0)  # a liver includes its lesions
            assert np.array_equal(lesion, labels(name) == 2)


BAD = {
    "label without a name": (("liver=1",), "masks/a_10_f.png: labels 2, which have no name; name them by `labels`"),
    "label of no mask": (("liver=1", "lesion=2,5"), "masks: no mask has the label 5, only 0, 1, 2; correct `labels`"),
    "no liver or lesion": (("spleen=1", "kidney=2"), "neither liver nor lesion"),
    "not a label": (("liver=x",), "`labels` liver=x: give NAME=LABEL"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_labels_are_one_line(labelled, name):
    texts, message = BAD[name]
    with pytest.raises(DataError, match=message) as caught:
        read(labelled, labels=texts)
    assert "\n" not in str(caught.value)


def test_a_third_value_has_to_be_named(labelled):
    Image.fromarray(labels("a_2_f") * 3).save(labelled / "masks" / "a_2_f.png")
    with pytest.raises(DataError, match=r"levels 0, 3; save it with 0 and 255 only, or name them by `labels`"):
        read(labelled)
    assert read(labelled, labels=("liver=1,2,3", "lesion=2")).targets == ("liver", "lesion")


def test_several_scans_of_a_patient_are_cases_of_their_own(folder):
    patients = {"a": "p", "b": "p", "c": "c", "d": "d"}
    parts = {"a": "train", "b": "train", "c": "train", "d": "test"}
    index(folder, "id,patient,split,note", *(f"{name},{patients[name[0]]},{parts[name[0]]},x" for name in IDS))
    source = read(folder)
    assert {case.name: case.patient for case in source.cases()} == patients
    assert len({source.parts[name] for name in "ab"}) == 1


def test_index_tells_scans_and_slice_numbers(folder):
    places = {
        "a_2_f": ("x", 3),
        "a_10_f": ("x", 1),
        "a_9_m": ("x", 2),
        "b_1": ("y", 4),
        "c_1": ("y", 6),
        "d_7": ("z", 1),
    }
    rows = [f"{name},{case},{number},{case}{case}" for name, (case, number) in places.items()]
    index(folder, "id,case,slice,patient", *rows)
    cases = {case.name: case for case in read(folder).cases()}
    assert cases["x"].slice_names == ("a_10_f", "a_9_m", "a_2_f")
    assert {name: case.patient for name, case in cases.items()} == {"x": "xx", "y": "yy", "z": "zz"}
    assert {name: case.contiguous for name, case in cases.items()} == {"x": True, "y": False, "z": True}
    cases = {case.name: case for case in read(folder, slice_step=2).cases()}
    assert {name: case.contiguous for name, case in cases.items()} == {"x": False, "y": True, "z": True}


def test_neighbours_of_every_second_slice_end_at_gaps(folder):
    rows = (f"{name},{name[0]},{number},{name[0]},train" for name, number in zip(IDS, SLICES, strict=True))
    index(folder, "id,case,slice,patient,split", *rows)
    for level, name in enumerate(IDS):
        Image.fromarray(np.full((8, 8), 40 * level, np.uint8)).save(folder / "images" / f"{name}.png")
    options = {"target": "liver", "size": 8, "context": 1, "validation": False}
    with pytest.raises(DataError, match="`context` 1: the slices of case a are not contiguous; give 0, or for every"):
        load_slices(read(folder), **options)
    source = read(folder, slice_step=2)
    assert not source.case("a").contiguous
    train = load_slices(source, **options)["train"]
    assert train.names[:3] == ("a_2_f", "a_9_m", "a_10_f")
    for row, around in enumerate(((0, 0, 1), (0, 1, 1), (2, 2, 2), (3, 3, 3))):
        expected = np.moveaxis(train.images[list(around)], 0, -1)
        assert np.array_equal(train.gather_images(np.array([row]))[0], expected)


def test_bad_case_and_slice_columns_are_one_line(folder):
    index(folder, "id,case,patient", *(f"{name},x,{name[0]}" for name in IDS))
    with pytest.raises(DataError, match=r"index\.csv: case x is of patients a and b; give it one patient"):
        read(folder)
    index(folder, "id,slice", *(f"{name},first" for name in IDS))
    with pytest.raises(DataError, match=r"index\.csv: \(a_2_f\) has slice 'first'; write the number of the slice"):
        read(folder)


def test_verify_and_describe_know_labels_and_steps(labelled):
    found = verify(labelled, labels=("liver=1",))
    assert sum(one.code == "mask-values" for one in found) == 3
    assert "slice-gap" in {one.code for one in verify(labelled)}
    assert describe(labelled)["targets"] == ["liver", "lesion"]
    assert describe(labelled, labels=("lesion=1,2",))["targets"] == ["lesion"]


@pytest.mark.parametrize("option", [{"labels": ("liver=1",)}, {"slice_step": 2}])
def test_other_layouts_know_it_themselves(option, tmp_path):
    with pytest.raises(DataError, match=f"`{next(iter(option))}` .*: does not apply to the phantom; leave it out"):
        open_source("phantom", **option)
    (tmp_path / "volume-1_1.png").touch()
    with pytest.raises(DataError, match=f"`{next(iter(option))}` .*: a lits_png folder says so itself"):
        open_source(tmp_path, **option)


def test_real_lits_slices():
    if not LITS.is_dir():
        pytest.skip("the shared data set lits_slices is not here")
    source = open_source(LITS, target="both", slice_step=2)
    assert len(source.parts) == 25
    assert len({source.patients[name] for name in source.parts}) == 22
    case = source.case("036")
    assert (case.contiguous, len(case.slice_names)) == (True, 56)
    shown = {target: int(mask.any(axis=(1, 2)).sum()) for target, mask in case.masks.items()}
    assert shown == {"liver": 44, "lesion": 15}
    assert open_source(LITS).case("036").contiguous is False
    assert source.case("000").contiguous is False  # every fourth slice beside the liver


RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
COLORS = ("liver=#00ff00", "lesion=#FF0000", "other=#0000ff")


def color(folder, *, palette):
    """Masks in colors: the liver green, lesions red, and a blue pixel that is neither."""
    for name in IDS:
        pixels = labels(name)
        pixels[0, 0] = 3
        if palette:
            picture = Image.fromarray(pixels)
            picture.putpalette([0, 0, 0, *GREEN, *RED, *BLUE])
        else:
            picture = Image.fromarray(np.array([(0, 0, 0), GREEN, RED, BLUE], np.uint8)[pixels])
        picture.save(folder / "masks" / f"{name}.png")
    return folder


@pytest.mark.parametrize("palette", [False, True])
def test_colors_are_labels(labelled, palette):
    source = read(color(labelled, palette=palette), target="both", labels=COLORS)
    assert source.notes[-1] == "masks: labels liver #00ff00, lesion #FF0000, other #0000ff"
    for case in source.cases():
        for name, liver, lesion in zip(case.slice_names, case.masks["liver"], case.masks["lesion"], strict=True):
            assert np.array_equal(liver, labels(name) > 0)
            assert np.array_equal(lesion, labels(name) == 2)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ((), r"masks/a_2_f\.png: colored pixels; name the colors by `labels`, such as lesion=#ff0000"),
        (
            COLORS[:2],
            r"colors #0000ff, which have no name; name them by `labels`, such as other=#0000ff for background",
        ),
        (
            (*COLORS, "spleen=#123456"),
            r"no mask has the label #123456, only #000000, #00ff00, #ff0000, #0000ff;",
        ),
        (("liver=#00ff00", "lesion=2"), r"`labels` lesion=2: give either numbers or colors"),
        (("liver=#00ff0",), r"`labels` liver=#00ff0: give NAME=LABEL,\.\.\. with labels of 1 to 65535, .* or colors"),
        (("liver=#000000",), r"`labels` liver=#000000: give NAME=LABEL"),
    ],
)
def test_bad_colors_are_one_line(labelled, texts, message):
    color(labelled, palette=False)
    with pytest.raises(DataError, match=message) as caught:
        read(labelled, labels=texts)
    assert "\n" not in str(caught.value)


def test_score_takes_the_same_colors(labelled, tmp_path):
    masks = color(labelled, palette=True) / "masks"
    named = [part for text in COLORS[:2] for part in ("--label", text)]
    document = run("score", "--prediction", masks, "--reference", masks, *named, "--label", COLORS[2], "--json").json
    assert document["results"][0]["summary"]["targets"]["lesion"]["overlap"]["pooled"]["dice"]["value"] == 1
    assert "colors #0000ff, which have no name" in fails("score", "--prediction", masks, "--reference", masks, *named)
