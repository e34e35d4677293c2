import numpy as np
import pytest

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

AFFINES = {"straight": oblique(0, 0, 0), "oblique": oblique(8, -13, 21)}
SUFFIXES = {"nifti": ".nii.gz", "nrrd": ".nrrd", "metaimage": ".mha"}
# NIfTI's quaternions, which ITK reads, are float32.
EXACT, FLOAT32 = 1e-9, 2e-4


@pytest.mark.parametrize("affine", AFFINES.values(), ids=AFFINES)
@pytest.mark.parametrize("own", SUFFIXES)
def test_every_orientation_gives_the_same_mask_in_the_patient(tmp_path, hu, own, affine):
    for codes in ORIENTATIONS:
        array, turned = stored_as(codes, hu, affine)
        path = tmp_path / f"{codes}{SUFFIXES[own]}"
        (save_nifti if own == "nifti" else save_by_itk)(path, array, turned)
        for file_format in {own, "metaimage"}:
            mask = segment(only_scan(path), tmp_path / "out", file_format)
            for read in readers(mask):
                written, where = read(mask)
                np.testing.assert_array_equal(written, labels_by_threshold(array), err_msg=codes)
                assert written.dtype == np.uint8
                assert largest_gap(where, turned, hu.shape) < (FLOAT32 if own == "nifti" else EXACT), codes
