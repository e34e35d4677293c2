import pytest
from PIL import Image

from pipelines.loading import all_cases
from tests.pipelines.layouts.dicom.folders import tiny, write
from tests.pipelines.layouts.lits_png.folders import kaggle
from tests.pipelines.layouts.paired_folder.folders import IDS, picture


@pytest.fixture
def folder(tmp_path):
    for kind, scale in (("images", 100), ("masks", 255)):
        (tmp_path / kind).mkdir()
        for name in IDS:
            Image.fromarray(picture(name, scale=scale)).save(tmp_path / kind / f"{name}.png")
    return tmp_path


@pytest.fixture
def root(tmp_path):
    """A lits-png folder."""
    return kaggle(tmp_path / "lits-png")


@pytest.fixture
def one(tmp_path):
    """The folder of one DICOM case."""
    return write(tmp_path / "data", tiny())[0]


@pytest.fixture
def in_processes(monkeypatch):
    """Two processes read all but the first case."""
    monkeypatch.setattr(all_cases, "_PATIENCE", 0.0)
    monkeypatch.setattr(all_cases, "_cores", lambda: 2)
