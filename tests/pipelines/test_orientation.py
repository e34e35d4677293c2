import itertools
import json

import numpy as np
import pytest

from pipelines import open_source
from pipelines.layouts.dicom.writer import write_dicom
from pipelines.layouts.lits_png.writer import write_lits_png
from pipelines.layouts.nifti.writer import write_nifti
from pipelines.layouts.paired_folder.writer import write_paired_folder
from pipelines.layouts.phantom import Phantom
from pipelines.orientation import orientation_of_layout, reorient
from pipelines.prepare import prepare

PHANTOM = Phantom(cases=3, slices=3, size=32)
WRITERS = {"nifti": write_nifti, "dicom": write_dicom, "lits_png": write_lits_png}


def codes():
    return ["".join(letters) for letters in itertools.product("SI", "PA", "LR")]


@pytest.mark.parametrize("current", codes())
def test_reorienting_there_and_back_changes_nothing(current):
    stack = np.arange(2 * 3 * 4 * 2).reshape(2, 3, 4, 2)
    for wanted in codes():
        there = reorient(stack, current, wanted)
        assert np.array_equal(reorient(there, wanted, current), stack)
        assert np.array_equal(there, stack) == (current == wanted)
    assert reorient(stack, current, None) is reorient(stack, None, current) is stack


def test_an_orientation_that_is_none_is_refused():
    for wrong in ("LPS", "SP", "spl", ""):
        with pytest.raises(ValueError, match="orientation"):
            reorient(np.zeros((1, 1, 1)), wrong, "SPL")


@pytest.mark.parametrize("layout", WRITERS)
def test_patients_of_every_layout_are_the_same_in_one_orientation(tmp_path, layout):
    WRITERS[layout](PHANTOM, tmp_path / "made")
    source = open_source(tmp_path / "made", target="both", size=32)
    assert source.orientation == orientation_of_layout(layout)
    expected = {
        reorient(case.masks["liver"], PHANTOM.orientation, source.orientation).tobytes() for case in PHANTOM.cases()
    }
    assert {case.masks["liver"].tobytes() for case in source.cases()} == expected


def test_slices_of_a_paired_folder_lie_as_its_file_says(tmp_path):
    write_paired_folder(PHANTOM, tmp_path / "made")
    assert open_source(tmp_path / "made", target="lesion", size=32).orientation == PHANTOM.orientation
    (tmp_path / "made" / "paired_folder.toml").unlink()
    assert open_source(tmp_path / "made", target="lesion", size=32).orientation is None


def test_a_prepared_set_keeps_the_orientation_of_its_source(tmp_path):
    write_lits_png(PHANTOM, tmp_path / "lits")
    folder = prepare(open_source(tmp_path / "lits", target="both", size=32), tmp_path / "prepared", size=32)
    assert open_source(folder, target="both", size=32).orientation == "SAR"
    # One prepared before orientations were recorded has that of the layout that it came from.
    path = folder / "metadata.json"
    metadata = json.loads(path.read_text())
    del metadata["orientation"]
    path.write_text(json.dumps(metadata))
    assert open_source(folder, target="both", size=32).orientation == "SAR"
