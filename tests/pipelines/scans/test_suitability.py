import dataclasses

import numpy as np
import pytest

from pipelines import DataError
from pipelines.case import Case
from pipelines.frame import Frame
from pipelines.preprocessing import Preprocessing
from pipelines.scans import Scan
from pipelines.scans.suitability import check_suitable
from tests.pipelines.scans.volumes import AFFINE, hu, nifti

TRAINED = Preprocessing(size=32, window=(-200.0, 250.0), targets=("liver",), intensity="hu", orientation="SPL")


def scan(folder, **changes):
    path = folder / "ct.nii"
    return dataclasses.replace(Scan(name="ct", path=path, files=(path,), format="nifti"), **changes)


def case(values=None, affine=AFFINE, **changes):
    values = hu() if values is None else values
    frame = Frame(shape=values.shape, affine=affine)
    images = frame.to_slices(values)
    whole = Case(
        name="ct",
        patient="ct",
        split="test",
        images=images,
        masks={},
        slice_names=tuple(map(str, range(len(images)))),
        spacing=frame.spacing,
        frame=frame,
    )
    return dataclasses.replace(whole, **changes)


def grey():
    return (hu() // 16 + 80).astype(np.uint8)


def test_a_scan_like_the_training_scans_is_suitable(tmp_path):
    assert check_suitable(scan(tmp_path), case(), TRAINED) == ()
    assert check_suitable(scan(tmp_path), case(), dataclasses.replace(TRAINED, intensity="grey")) == ()
    minmax = dataclasses.replace(TRAINED, intensity="minmax", orientation="SAR")
    assert check_suitable(scan(tmp_path), case(), minmax) == ()


@pytest.mark.parametrize("intensity", ["grey", "minmax"])
def test_grey_values_are_refused_where_hounsfield_units_are_needed(intensity, tmp_path):
    path = nifti(tmp_path / "ct.nii", grey())
    with pytest.raises(DataError, match=r"ct.nii: 8-bit grey values, and the network was trained on Hounsfield units"):
        check_suitable(scan(tmp_path, intensity=intensity), case(grey()), TRAINED)
    nifti(path, (hu() > 0).astype(np.uint8))
    with pytest.raises(DataError, match=r"ct.nii: a mask, with labels 0, 1; give the image"):
        check_suitable(scan(tmp_path, intensity=intensity), case(grey()), TRAINED)


def test_values_of_a_picture_are_refused_where_hounsfield_units_are_needed(tmp_path):
    with pytest.raises(DataError, match=r"ct.nii: values from 17 to 15\d, not Hounsfield units; export the CT again"):
        check_suitable(scan(tmp_path), case(grey().astype(np.int16)), TRAINED)


def test_slices_without_neighbours_are_refused_where_the_network_sees_them(tmp_path):
    apart = case(contiguous=False)
    assert check_suitable(scan(tmp_path), apart, TRAINED) == ()
    with pytest.raises(DataError, match=r"ct: its slices are not neighbours, and this network sees 2 on either side"):
        check_suitable(scan(tmp_path), apart, dataclasses.replace(TRAINED, context=2))


TILTED = AFFINE.copy()
TILTED[:3, 2] += [0, 0.5, 0]
# Changes of the training, the scan and the case; what the only warning says.
DOUBTS = {
    "stored without intercept": (
        {},
        {},
        {"values": hu() + np.int16(1024)},
        "to 2217: stored without its intercept; subtract 1024",
    ),
    "not air nor tissue": ({}, {}, {"values": np.abs(hu() // 10) - np.int16(50)}, "no scan with air and tissue in HU"),
    "another window": (
        {"intensity": "grey", "window_known": False},
        {},
        {},
        "shown with a window of -200 to 250 HU, and the window of the grey",
    ),
    "not rescaled": (
        {"intensity": "minmax"},
        {"intensity": "grey"},
        {"values": grey()},
        "of the training slices was resc",
    ),
    "rescaled": ({"intensity": "grey"}, {"intensity": "minmax"}, {"values": grey()}, "each slice of it was rescaled"),
    "turned": ({}, {"orientation": None}, {}, "how its slices lie is not known, those of the training lie SPL"),
    "turned training": ({"orientation": None}, {}, {}, "shown lying SPL, and how the training slices lay is not known"),
    "tilted gantry": ({}, {}, {"affine": TILTED}, "tilted gantry, its stack stands 11.3 degrees off"),
    "unfilled header": ({}, {}, {"affine": np.diag([-1.0, -1, 1, 1])}, "steps of 1 mm and no origin"),
    "meters": ({}, {}, {"affine": np.diag([1e-3, 1e-3, 1e-3, 1]) @ AFFINE}, "mm are not those of a CT; fix the header"),
}


@pytest.mark.parametrize("doubt", DOUBTS)
def test_what_is_doubtful_is_a_warning(doubt, tmp_path):
    trained, given, read, message = DOUBTS[doubt]
    preprocessing = dataclasses.replace(TRAINED, **trained)
    (warning,) = check_suitable(scan(tmp_path, **given), case(**read), preprocessing)
    assert message in warning
    assert "\n" not in warning
