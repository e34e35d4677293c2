import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from pipelines.errors import DataError
from pipelines.masks.folders import MaskFolders
from pipelines.masks.labels import MaskLabels


def save(folder, name, pixels):
    folder.mkdir(exist_ok=True)
    Image.fromarray(np.asarray(pixels, np.uint8)).save(folder / f"{name}.png")


@pytest.fixture
def folders(tmp_path):
    for number in range(3):
        save(tmp_path / "prediction", f"a_{number}", [[0, 1], [2, 0]])
        save(tmp_path / "reference", f"a_{number}", [[0, 2], [1, 1]])
    return tmp_path / "prediction", tmp_path / "reference"


def test_slices_of_a_patient_are_one_volume(folders):
    labels = MaskLabels(["liver=1,2", "lesion=2"])
    spacing = (3.0, 0.5, 0.5)
    pairs = MaskFolders(*folders, labels=labels, patient_pattern="^([^_]+)_", spacing=spacing)
    assert (pairs.cases, pairs.kind, pairs.problems) == (("a",), "PNG", {})
    pair = pairs.pair("a")
    assert (pair.patient, pair.slice_names, pair.spacing, pair.contiguous) == (
        "a",
        ("a_0", "a_1", "a_2"),
        spacing,
        True,
    )
    assert pair.prediction["liver"].tolist() == [[[False, True], [True, False]]] * 3
    assert pair.reference["lesion"].tolist() == [[[False, True], [False, False]]] * 3


def test_without_a_pattern_patients_are_guessed(folders):
    pairs = MaskFolders(*folders, labels=MaskLabels(["liver=1,2"]))
    assert (pairs.cases, pairs.patients_by) == (("a",), "names")
    assert pairs.pair("a").contiguous
    alone = MaskFolders(*folders, labels=MaskLabels(["liver=1,2"]), patient_pattern="(.+)")
    assert alone.cases == ("a_0", "a_1", "a_2")
    assert not alone.pair("a_1").contiguous


def test_binary_masks_need_no_labels(tmp_path):
    for side, value in (("prediction", 255), ("reference", 1)):
        save(tmp_path / side, "b", [[0, value]])
    pair = MaskFolders(tmp_path / "prediction", tmp_path / "reference", labels=MaskLabels()).pair("b")
    assert pair.prediction["foreground"].tolist() == pair.reference["foreground"].tolist() == [[[False, True]]]


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["liver"], "`labels` liver: give NAME=LABEL"),
        (["liver=0"], "`labels` liver=0: give NAME=LABEL"),
        (["liver=1", "liver=2"], "`labels` liver=2: liver is named twice"),
    ],
)
def test_labels_of_another_form_are_refused(texts, words):
    with pytest.raises(DataError) as caught:
        MaskLabels(texts)
    assert str(caught.value).startswith(words)


def test_png_masks_do_not_need_nibabel(folders):
    code = (
        "import sys; sys.modules['nibabel'] = None; from pipelines.masks.folders import MaskFolders; "
        "from pipelines.masks.labels import MaskLabels; "
        "print(MaskFolders(*sys.argv[1:], labels=MaskLabels(['liver=1,2'])).pair('a').case)"
    )
    done = subprocess.run([sys.executable, "-c", code, *folders], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "a"
