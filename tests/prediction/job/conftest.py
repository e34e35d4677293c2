import pathlib
import shutil

import pytest

from tests.evaluating import hounsfield, labels_of, save_nifti
from tests.prediction.job import EVERYTHING, predicted


def write_folder(folder, numbers):
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        save_nifti(folder / f"ct_{number}.nii.gz", hounsfield(labels_of(number)))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Four scans, whose masks are known."""
    return write_folder(tmp_path_factory.mktemp("job") / "scans", range(4))


@pytest.fixture
def own_folder(folder, tmp_path):
    """A copy to change."""
    return pathlib.Path(shutil.copytree(folder, tmp_path / "scans"))


@pytest.fixture(scope="module")
def whole(perfect, folder, tmp_path_factory):
    """What an uninterrupted job writes."""
    out = tmp_path_factory.mktemp("whole") / "out"
    predicted(perfect, "--input", folder, "--out", out, *EVERYTHING)
    return out
