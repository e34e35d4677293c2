"""The notebook of the tutorials runs from its first cell to its last, and is stored with what it shows."""

import json

import pytest

pytest.importorskip("nbclient", reason="nbclient, which runs notebooks, is not installed")

from tests.docs.notebook import NOTEBOOK, VIEW, executed

PICTURES = {"curves", "dice", "matplotlib"}


def kinds(cell):
    return {kind for output in cell.get("outputs", ()) for kind in output.get("data", {"text": ""})}


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The folder of a run, and the cells with their outputs by name."""
    pytest.importorskip("ipyniivue", reason="ipyniivue is not installed (extra: notebook)")
    folder = tmp_path_factory.mktemp("notebook")
    return folder, {cell["id"]: cell for cell in executed(folder).cells}


def test_every_picture_and_the_viewer_are_shown(ran):
    _, cells = ran
    assert {name for name, cell in cells.items() if "image/png" in kinds(cell)} == PICTURES
    assert VIEW in kinds(cells["ipyniivue"])


def test_the_network_finds_the_liver_and_the_report_is_written(ran):
    folder, cells = ran
    work = folder / "cafct-keras-notebook"
    card = json.loads((work / "liver" / "run.json").read_text())
    assert card["test"]["dice_pooled"] > 0.8
    assert (work / "report" / "report.html").is_file()
    assert "in the reference" in cells["measurements"]["outputs"][0]["text"]


def test_it_is_stored_with_the_pictures_of_a_run():
    """`python -m tests.docs.notebook` renews them."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert {cell["id"] for cell in code if "image/png" in kinds(cell)} == PICTURES
    assert not any(kind in (VIEW, "error") for cell in code for kind in kinds(cell))
