import numpy as np
import pytest
from PIL import Image

from pipelines.masks.folders import MaskFolders
from pipelines.masks.labels import MaskLabels
from pipelines.scans.writers import default_format, write_mask
from tests.pipelines.scans.writers.conftest import ALGORITHM, LABELS_OF, labels_by_threshold, only_scan
from tests.pipelines.scans.writers.geometry import oblique, save_by_itk, save_nifti
from tests.pipelines.scans.writers.test_dicom_seg import SERIES, write_series


def scan_of(file_format, folder, hu):
    if file_format == "dicom":
        return only_scan(write_series(folder, hu, SERIES["oblique, head first"])[0])
    folder.mkdir()
    path = folder / {"nifti": "ct.nii.gz", "nrrd": "ct.nrrd", "metaimage": "ct.mha", "png": "ct.png"}[file_format]
    if file_format == "png":
        Image.fromarray((hu[4] // 8 + 125).astype(np.uint8)).save(path)
    else:
        (save_nifti if file_format == "nifti" else save_by_itk)(path, hu, oblique(8, -13, 21))
    return only_scan(path)


@pytest.mark.parametrize("empty", [False, True], ids=["lesions", "nothing"])
@pytest.mark.parametrize("file_format", ["nifti", "nrrd", "metaimage", "dicom", "png"])
def test_score_reads_what_was_written_also_if_it_is_empty(tmp_path, hu, file_format, empty):
    scan = scan_of(file_format, tmp_path / "ct", hu)
    case = scan.read()
    labels = labels_by_threshold(case.images if scan.intensity == "hu" else case.images.astype(np.int16) * 8 - 1000)
    reference = "png" if file_format == "png" else "metaimage"
    for side, written, form in (
        ("prediction", labels * np.uint8(not empty), default_format(scan)),
        ("reference", labels, reference),
    ):
        (tmp_path / side).mkdir()
        write_mask(
            written, tmp_path / side / "ct", scan=scan, case=case, file_format=form, labels_of=LABELS_OF,
            algorithm=ALGORITHM,
        )  # fmt: skip
    pair = MaskFolders(
        tmp_path / "prediction", tmp_path / "reference", labels=MaskLabels(["liver=1,2", "lesion=2"])
    ).pair("ct")
    for target, lowest in (("liver", 1), ("lesion", 2)):
        np.testing.assert_array_equal(pair.reference[target], labels >= lowest)
        np.testing.assert_array_equal(pair.prediction[target], (labels >= lowest) & (not empty))
    assert pair.reference["lesion"].any()
