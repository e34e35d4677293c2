"""Two folders of masks, of volumes and of slices."""

import numpy as np
import pytest

from tests.evaluating import labels_of, save_nifti
from tests.evaluation.mask_folders import NAMES, save_png


@pytest.fixture
def volumes(tmp_path):
    """Predictions and references of three scans; the predictions miss the lesion's last row."""
    for side in ("prediction", "reference"):
        (tmp_path / side).mkdir()
        for number, name in enumerate(NAMES):
            labels = labels_of(number)
            if side == "prediction":
                labels[:, 13 + number % 4, 9:14][labels[:, 13 + number % 4, 9:14] == 2] = 1
            save_nifti(tmp_path / side / f"{name}.nii.gz", labels)
    return tmp_path


@pytest.fixture
def slices(tmp_path):
    """Three slices each of two patients, 0 and 255 in one folder and 0 and 1 in the other."""
    for patient in "ab":
        for index in (9, 10, 11):
            mask = np.zeros((24, 30), np.uint8)
            mask[5:10, 6 : index + 3] = 1
            save_png(tmp_path / "reference" / f"{patient}_{index}.png", mask)
            save_png(tmp_path / "prediction" / f"{patient}_{index}.png", np.roll(mask, 1, axis=0) * 255)
    return tmp_path
