import shutil

import pytest

from pipelines.layouts.dicom.writer import write_dicom
from pipelines.layouts.lits_png.writer import write_lits_png
from pipelines.layouts.nifti.writer import write_nifti
from pipelines.layouts.paired_folder.writer import write_paired_folder
from pipelines.layouts.phantom import Phantom

WRITERS = {
    "lits_png": write_lits_png,
    "nifti": write_nifti,
    "msd": lambda source, folder: write_nifti(source, folder, form="msd"),
    "dicom": write_dicom,
    "paired_folder": write_paired_folder,
}


@pytest.fixture(scope="session")
def clean(tmp_path_factory):
    """A folder for each layout, five cases of four slices, nothing wrong with them. Not to be changed."""
    root = tmp_path_factory.mktemp("clean")
    for layout, write in WRITERS.items():
        write(Phantom(cases=5, slices=4, size=48), root / layout)
    return root


@pytest.fixture
def copy(clean, tmp_path):
    """Copies the folder of a layout, to be spoilt."""
    return lambda layout: shutil.copytree(clean / layout, tmp_path / layout)
