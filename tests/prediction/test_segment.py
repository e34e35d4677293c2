"""`cafct_keras.segment`: one scan in one call, from a file or an array."""

import tracemalloc

import nibabel
import numpy as np
import pytest

import cafct_keras
from cafct_keras.prediction import Segmenter
from pipelines.errors import DataError
from tests.evaluating import LIVER, SIZE, hounsfield, labels_of, make_run, save_nifti


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("input") / "ct.nii.gz"
    save_nifti(path, hounsfield(labels_of(1)))
    return path


def test_an_array_with_its_affine_is_as_good_as_its_file(path, perfect):
    image = nibabel.load(path)
    values = np.asarray(image.dataobj)
    found = cafct_keras.segment(path, perfect)
    np.testing.assert_array_equal(found.labels, labels_of(1))
    for array in (values, values.astype(np.float32) + 0.25, np.asfortranarray(values.astype(np.int32))):
        same = cafct_keras.segment(array, Segmenter([perfect]), affine=image.affine)
        np.testing.assert_array_equal(same.case.images, found.case.images)
        np.testing.assert_array_equal(same.mask, found.mask)
        np.testing.assert_array_equal(same.affine, image.affine)
        assert same.measurements == found.measurements
    # However the file orders its axes.
    turned = cafct_keras.segment(values.transpose(2, 0, 1)[::-1], perfect, affine=turned_affine(image))
    np.testing.assert_array_equal(turned.mask, found.mask.transpose(2, 0, 1)[::-1])
    assert turned.measurements.lesions[0].centroid_lps_mm == pytest.approx(
        found.measurements.lesions[0].centroid_lps_mm
    )


def turned_affine(image):
    """Of `values.transpose(2, 0, 1)[::-1]`."""
    order = np.eye(4)[:, [2, 0, 1, 3]]
    order[2, 0], order[2, 3] = -1, image.shape[2] - 1
    return image.affine @ order


def test_slices_of_no_file(perfect, scans, tmp_path):
    hu = hounsfield(labels_of(2))
    stack, single = cafct_keras.segment(hu, perfect), cafct_keras.segment(hu[3], perfect)
    np.testing.assert_array_equal(stack.mask, labels_of(2))
    np.testing.assert_array_equal(single.mask, labels_of(2)[3])
    assert stack.affine is None
    assert stack.measurements.lesions[0].volume_ml is None
    grey = np.rint((hu + 200.0) * 255 / 450).clip(0, 255).astype(np.uint8)
    grey += np.random.default_rng(0).integers(0, 9, grey.shape, np.uint8)  # three values would be a mask
    run = make_run(tmp_path / "run", scans, intensity="grey")
    np.testing.assert_array_equal(cafct_keras.segment(grey, run).mask, labels_of(2))
    with pytest.raises(DataError, match="array: "):
        cafct_keras.segment(grey, perfect)
    with pytest.raises(DataError, match="array: lies nowhere in a patient; give `affine`"):
        stack.save(tmp_path / "mask.nii.gz")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_an_array_with_an_affine_is_saved_where_it_lies(path, perfect, tmp_path):
    image = nibabel.load(path)
    found = cafct_keras.segment(np.asarray(image.dataobj), perfect, affine=image.affine)
    found.save(tmp_path / "mask.nii.gz")
    written = nibabel.load(tmp_path / "mask.nii.gz")
    np.testing.assert_array_equal(np.asarray(written.dataobj), found.mask)
    np.testing.assert_allclose(written.affine, image.affine)


@pytest.mark.parametrize(
    ("array", "affine", "words"),
    [
        (np.zeros((2, 3, 4, 5)), None, r"shape \(2, 3, 4, 5\)"),
        (np.zeros((0, 3, 4)), None, r"shape \(0, 3, 4\)"),
        (np.zeros((3, 4)), np.eye(4), r"shape \(3, 4\)"),
        (np.zeros((3, 4, 5)), np.eye(3), "`affine`: of shape"),
        (np.full((3, 4, 5), np.nan), None, "60 voxels are NaN or infinite"),
        (np.full((3, 4, 5), 1e6), np.eye(4), "values from 1e[+]06"),
        (np.full((3, 4, 5), 40), None, "every voxel is 40"),
        (np.full((3, 4, 5), "air"), None, "not one number per voxel"),
    ],
)
def test_arrays_that_are_no_scan(perfect, array, affine, words):
    with pytest.raises(DataError, match=words) as raised:
        cafct_keras.segment(array, perfect, affine=affine)
    assert len(str(raised.value).splitlines()) == 1


def test_several_scans_are_no_one_scan(perfect, tmp_path):
    for number in range(2):
        save_nifti(tmp_path / f"{number}.nii.gz", np.full((6, SIZE, SIZE), LIVER, np.int16) + number)
    with pytest.raises(DataError, match="2 scans; give one of them"):
        cafct_keras.segment(tmp_path, perfect)


def test_a_run_of_another_size_brings_its_mask_back(path, scans, tmp_path):
    run = make_run(tmp_path / "run", scans, size=64)
    np.testing.assert_array_equal(cafct_keras.segment(path, run).labels > 0, labels_of(1) > 0)


def test_a_scan_is_in_memory_once_more(perfect):
    """In the order of slices; beside that there are labels, of half its size, and masks of a bit per voxel."""
    hu = np.random.default_rng(0).integers(-1000, 1000, (64, 256, 256), np.int16)
    segmenter = Segmenter([perfect], engine="keras")
    cafct_keras.segment(hu[:8], segmenter)  # compiled
    tracemalloc.start()
    labels = cafct_keras.segment(hu, segmenter, affine=np.diag([-5.0, -1, 1, 1])[[2, 1, 0, 3]]).labels
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert labels.shape == hu.shape
    assert 1.5 * hu.nbytes < peak < 1.9 * hu.nbytes
