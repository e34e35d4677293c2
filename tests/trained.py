import fcntl
import pickle
import shutil

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
def common(tmp_path_factory, worker_id):
    """A folder that pytest's workers share."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "common"
    folder.mkdir(exist_ok=True)
    return folder


def made_once(folder, make):
    """What `make(folder)` returns, from the first worker that asks for it; the others wait and read it."""
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept = folder.with_suffix(".pickle")
        if not kept.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of one that failed
            kept.write_bytes(pickle.dumps(make(folder)))
        return pickle.loads(kept.read_bytes())


@pytest.fixture(scope="session")
def slices_folder(common):
    return made_once(common / "slices", write_folder)


@pytest.fixture(scope="session")
def trained(slices_folder, common):
    """A finished run on a paired folder, and what the command printed."""

    def fit(out):
        recipe = ("--optimizer", "adamw", "--learning-rate", 3e-3, "--epochs", 3, "--flip", "--rotation", 10)
        result = run("fit", "--data", slices_folder, *SMALL, *recipe, "--out", out, "--json")
        assert result.code == 0, result
        return out, result

    return made_once(common / "liver", fit)
