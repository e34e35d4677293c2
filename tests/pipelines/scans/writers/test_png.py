import numpy as np
import pytest
from PIL import Image

from pipelines.case import Case
from pipelines.errors import DataError
from pipelines.scans import Scan
from pipelines.scans.writers import check_format, write_mask, write_probability
from tests.pipelines.scans.writers.conftest import ALGORITHM, LABELS_OF, only_scan


@pytest.fixture
def grey():
    """`(7, 9)` uint8."""
    return np.arange(63, dtype=np.uint8).reshape(7, 9)


def save(labels, path, scan, **labels_of):
    return write_mask(
        labels, path, scan=scan, case=scan.read(), file_format="png", labels_of=labels_of, algorithm=ALGORITHM
    )


def test_a_slice(tmp_path, grey):
    Image.fromarray(grey).save(tmp_path / "slice.png")
    scan = only_scan(tmp_path / "slice.png")
    labels = (grey > 30).astype(np.uint8) + (grey > 50)
    out = tmp_path / "out"
    out.mkdir()
    (both,) = save(labels[None], out / "slice", scan, **LABELS_OF)
    assert both == out / "slice.png"
    np.testing.assert_array_equal(Image.open(both), labels)
    (one,) = save(labels[None] > 1, out / "lesion", scan, lesion=1)
    np.testing.assert_array_equal(Image.open(one), np.where(labels > 1, 255, 0))
    probability = (grey / 62).astype(np.float32)
    (file,) = write_probability(
        [probability], out / "slice_probability_lesion", scan=scan, case=scan.read(), file_format="png"
    )
    assert file.name == "slice_probability_lesion.png"
    assert np.abs(np.asarray(Image.open(file)) / 65535 - probability).max() < 2**-12
    with pytest.raises(
        DataError, match=r"slice\.png: a PNG does not say where it lies in the patient; choose `format` png"
    ):
        check_format(scan, "nifti")


def test_the_slices_of_a_case_keep_their_names(tmp_path, grey):
    stack = np.stack([grey, grey[::-1]])
    case = Case(name="p1", patient="p1", split="test", images=stack, masks={}, slice_names=("p1_07", "p1_08"))
    scan = Scan(name="p1", path=tmp_path, files=(), format="png", intensity="grey", orientation=None)
    labels = (stack > 30).astype(np.uint8)
    files = write_mask(
        labels, tmp_path / "p1", scan=scan, case=case, file_format="png", labels_of={"liver": 1}, algorithm=ALGORITHM
    )
    assert [file.name for file in files] == ["p1_07.png", "p1_08.png"]
    for file, plane in zip(files, labels, strict=True):
        np.testing.assert_array_equal(Image.open(file), plane * 255)
    files = write_probability(stack / 255, tmp_path / "p1_probability_liver", scan=scan, case=case, file_format="png")
    assert [file.name for file in files] == ["p1_07_probability_liver.png", "p1_08_probability_liver.png"]
