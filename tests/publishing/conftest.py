import json
import math

import keras
import numpy as np
import pytest

from cafct_keras.publishing import Facts, publish
from cafct_keras.runs.loading import save_model
from cafct_keras.runs.run import Run
from tests.evaluating import make_run, write_scans
from tests.training.micro import micro

PRIVATE = "clinic-7"


@pytest.fixture(scope="package")
def scans(tmp_path_factory):
    return write_scans(tmp_path_factory.mktemp(PRIVATE) / "scans")


@pytest.fixture(scope="package")
def run(scans, tmp_path_factory):
    """A run of the `micro` network, whose masks are neither empty nor full."""
    folder = make_run(
        tmp_path_factory.mktemp(PRIVATE) / "source", scans, model="micro", preset="only", model_options={"width": 6}
    )
    model = micro(classes=2, width=6)
    generator = np.random.default_rng(3)
    for variable in model.weights:
        if variable.path != "norm/moving_variance":
            variable.assign(generator.normal(0, 0.7, variable.shape))
    model.preprocessing = Run.open(folder).preprocessing
    save_model(model, folder / "model.keras")
    card = json.loads((folder / "run.json").read_text())
    card |= {
        "command": f"cafct-keras fit --data {scans}",
        "parameters": sum(math.prod(variable.shape) for variable in model.trainable_variables),
        "backend": keras.backend.backend(),
        "devices": ["cpu"],
        "seconds": {"total": 5400.0},
        "best_epoch": 3,
        "validation": {"lesion_dice_pooled": 0.25},
        "initial_weights": [
            {
                "file": f"{scans}/liver/model.keras",
                "sha256": "0" * 64,
                "notes": [f"{PRIVATE}: Jane Doe"],
                "seconds": 1800.0,
            }
        ],
        "choice": {"threshold": 0.4, "threshold_rule": "pooled_dice", "fingerprint": card["data"]["fingerprint"]},
    }
    card["data"]["notes"] = [f"{scans}: read"]
    (folder / "run.json").write_text(json.dumps(card))
    return folder


@pytest.fixture(scope="package")
def published(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hub") / "published"
    publish(run, out=folder, facts=Facts(name="shared"))
    return folder
