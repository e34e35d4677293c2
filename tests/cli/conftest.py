import pytest
from safetensors.numpy import save_file

from benchmarks.soak_commands import Command
from tests.cli import run
from tests.evaluation.mask_folders import LABELS
from tests.weights.states import PVT_TINY, pvt


@pytest.fixture(scope="module")
def commands(tmp_path_factory, scans, perfect):
    """Name to a command that writes, without its `--out`."""
    folder = tmp_path_factory.mktemp("inputs")
    save_file(pvt(**PVT_TINY), folder / "pvt.safetensors")
    masks = folder / "masks"
    masks.mkdir()
    for file in scans.glob("segmentation-*"):
        (masks / file.name).symlink_to(file)
    scored = folder / "scored"
    assert run("score", "--prediction", masks, "--reference", masks, *LABELS, "--out", scored).code == 0
    made = ("data", "phantom", "--layout", "nifti", "--cases", 3, "--slices", 2, "--size", 32)
    return {
        "phantom": Command(made),
        "describe": Command(("data", "describe", scans)),
        "prepare": Command(("data", "prepare", scans, "--size", 32), results="lits_slices/*/[0-9]*"),
        "score": Command(("score", "--prediction", masks, "--reference", masks, *LABELS)),
        "evaluate": Command(("evaluate", perfect)),
        "compare": Command(("compare", f"A={scored}", f"B={scored}")),
        "import-weights": Command(("import-weights", folder / "pvt.safetensors")),
        "export": Command(("export", perfect), results="[0-9]*", companion="manifest-{}.json"),
    }
