import numpy as np
import pytest
from PIL import Image

from pipelines.layouts.phantom import Phantom
from tests.cli import run


def write_folder(folder, cases=8, slices=6, size=64):
    """A paired folder of phantom slices with their livers, indexed by patient."""
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    rows = ["id,patient,split"]
    for number, case in enumerate(Phantom(cases=cases, slices=slices, size=size).cases()):
        split = "test" if number % 4 == 3 else "train"
        for name, image, mask in zip(case.slice_names, case.images, case.masks["liver"], strict=True):
            grey = np.clip((image + 200) / 450 * 255, 0, 255).astype("uint8")
            Image.fromarray(grey).save(folder / "images" / f"{name}.png")
            Image.fromarray(mask.astype("uint8") * 255).save(folder / "masks" / f"{name}.png")
            rows.append(f"{name},{case.patient},{split}")
    (folder / "index.csv").write_text("\n".join(rows) + "\n")
    return folder


SMALL = ("--target", "liver", "--preset", "tiny", "--size", 64, "--batch-size", 4)


@pytest.fixture(scope="session")
def slices_folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("data") / "slices")


@pytest.fixture(scope="session")
def trained(slices_folder, tmp_path_factory):
    """A finished run on a paired folder, and what the command printed."""
    out = tmp_path_factory.mktemp("runs") / "liver"
    recipe = ("--optimizer", "adamw", "--learning-rate", 3e-3, "--epochs", 3, "--flip", "--rotation", 10)
    result = run("fit", "--data", slices_folder, *SMALL, *recipe, "--out", out, "--json")
    assert result.code == 0, result
    return out, result
