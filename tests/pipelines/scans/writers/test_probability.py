import numpy as np
import pytest

from pipelines.scans.writers import write_probability
from tests.pipelines.scans.writers.conftest import only_scan
from tests.pipelines.scans.writers.geometry import largest_gap, oblique, read_by_itk, save_nifti, stored_as


@pytest.mark.parametrize("file_format", ["nifti", "nrrd", "metaimage"])
@pytest.mark.parametrize("codes", ["RAS", "SPL", "AIL"])
def test_probabilities_lie_where_the_scan_does_with_the_precision_of_float16(tmp_path, hu, file_format, codes):
    array, affine = stored_as(codes, hu, oblique(8, -13, 21))
    save_nifti(tmp_path / "ct.nii.gz", array, affine)
    scan = only_scan(tmp_path / "ct.nii.gz")
    case = scan.read()
    probability = np.random.default_rng(0).random(case.images.shape, np.float32)
    probability[case.images < 0] = 0
    (file,) = write_probability(
        iter(probability), tmp_path / "ct_probability_liver", scan=scan, case=case, file_format=file_format
    )
    values, where = read_by_itk(file)
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, case.frame.from_slices(probability.astype(np.float16)))
    assert largest_gap(where, affine, hu.shape) < 2e-4
