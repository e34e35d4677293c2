import nrrd
import numpy as np
import pytest
import SimpleITK

from pipelines.masks.volumes import read_volume
from tests.pipelines.scans.writers.conftest import labels_by_threshold, only_scan, segment
from tests.pipelines.scans.writers.geometry import (
    ORIENTATIONS,
    largest_gap,
    oblique,
    readers,
    save_by_itk,
    save_nifti,
    stored_as,
)

SUFFIXES = {"nifti": ".nii.gz", "nrrd": ".nrrd", "metaimage": ".mha"}
TOLERANCES = {"nifti": 2e-5, "nrrd": 1e-12, "metaimage": 1e-12}  # mm; NIfTI's affine is float32


@pytest.mark.parametrize(
    ("file_format", "angles"),
    [("nifti", (0, 0, 0)), ("nifti", (8, -13, 21)), ("nrrd", (-20, 15, 170)), ("metaimage", (8, -13, 21))],
)
def test_every_orientation_gives_the_same_mask_in_the_patient(tmp_path, hu, file_format, angles):
    affine, seen = oblique(*angles), None
    for codes in ORIENTATIONS:
        array, turned = stored_as(codes, hu, affine)
        path = tmp_path / f"{codes}{SUFFIXES[file_format]}"
        (save_nifti if file_format == "nifti" else save_by_itk)(path, array, turned)
        scan = only_scan(path)
        images = scan.read().images
        seen = images if seen is None else seen
        np.testing.assert_array_equal(images, seen, err_msg=codes)  # so that a network predicts the same, too
        mask = segment(scan, tmp_path / "out")
        for read in readers(mask):
            written, where = read(mask)
            np.testing.assert_array_equal(written, labels_by_threshold(array), err_msg=codes)
            assert written.dtype == np.uint8
            assert largest_gap(where, turned, hu.shape) < TOLERANCES[file_format], codes


@pytest.mark.parametrize("axis", ["first", "last"])
def test_scans_with_an_axis_of_length_1_get_a_mask_on_their_grid(tmp_path, hu, axis):
    for name in ("ct.nrrd", "ct.mha", "ct.nii.gz"):
        path = tmp_path / name
        if name == "ct.nrrd":
            at = 0 if axis == "first" else 3
            directions = np.insert(np.diag([0.7, 0.9, 2.5]), at, np.nan, axis=0)
            kinds = np.insert(["domain"] * 3, at, "list").tolist()
            header = {"space": "left-posterior-superior", "space directions": directions, "space origin": [1, 2, 3]}
            nrrd.write(str(path), np.expand_dims(hu, at), {**header, "kinds": kinds})
        elif name == "ct.mha":
            image = SimpleITK.GetImageFromArray(hu.T[None], isVector=False)
            image.SetSpacing([0.7, 0.9, 2.5, 1.0])
            SimpleITK.WriteImage(image, str(path))
        else:
            save_nifti(path, hu[..., None], oblique(8, -13, 21))
        scan = only_scan(path)
        labels = read_volume(
            segment(scan, tmp_path / "out"), {"nrrd": "NRRD", "mha": "MetaImage"}.get(name[3:], "NIfTI")
        )
        np.testing.assert_array_equal(labels.layers[0], labels_by_threshold(hu))
        assert largest_gap(labels.frame.affine, scan.read().frame.affine, hu.shape) < 2e-5
