import pytest
from PIL import Image

from tests.pipelines.folders import IDS, picture


@pytest.fixture
def folder(tmp_path):
    for kind, scale in (("images", 100), ("masks", 255)):
        (tmp_path / kind).mkdir()
        for name in IDS:
            Image.fromarray(picture(name, scale=scale)).save(tmp_path / kind / f"{name}.png")
    return tmp_path
