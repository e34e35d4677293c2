"""The moving average of the weights: its values, and that a run validates and keeps it."""

import csv

import keras
import numpy as np
import pytest

import cafct_keras
from cafct_keras.losses import BCEDiceLoss
from cafct_keras.training.averaging import AveragedModel
from tests.cli import run
from tests.trained import write_folder
from tests.training.micro import micro


def floats(model):
    """Weights and statistics of the network itself."""
    variables = [v for layer in model.layers for v in layer.weights if v.dtype == "float32"]
    return [np.array(keras.ops.convert_to_numpy(v)) for v in variables]


@pytest.mark.backends
def test_average_of_weights_and_statistics():
    keras.utils.set_random_seed(0)
    network = micro(input_shape=(8, 8, 1))
    model = AveragedModel(network, decay=0.25)
    model.compile(keras.optimizers.Adam(0.1), BCEDiceLoss(from_logits=True))
    seen = [floats(model)]
    record = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(floats(recorded.model)))
    recorded = record  # whose `model` is up to date under JAX
    images = np.random.default_rng(0).random((8, 8, 8, 1), "float32")
    model.fit(images, (images > 0.5).astype("float32"), batch_size=2, verbose=0, callbacks=[record])
    assert len(seen) == 5
    expected = seen[0]
    # (1 + n) / (10 + n) is 0.1, 0.18, 0.25 and 0.31.
    for decay, values in zip((0.1, 2 / 11, 0.25, 0.25), seen[1:], strict=True):
        expected = [decay * old + (1 - decay) * new for old, new in zip(expected, values, strict=True)]
    for values, use in ((expected, model.use_average), (seen[-1], model.use_weights), (seen[-1], model.use_weights)):
        use()
        for value, found in zip(values, floats(model), strict=True):
            np.testing.assert_allclose(found, value, rtol=1e-5, atol=1e-6)


def test_run_validates_and_keeps_the_average(tmp_path):
    folder = write_folder(tmp_path / "slices", cases=5, slices=2, size=32)
    recipe = ("--target", "liver", "--model", "micro", "--size", 32, "--batch-size", 2, "--epochs", 1)
    memory = ("--ema-decay", 0.9, "--accumulate", 2)  # all that steps of a run may do together
    out = tmp_path / "run"
    result = run("fit", "--data", folder, *recipe, *memory, "--learning-rate", 0.1, "--out", out, "--json")
    assert result.code == 0, result
    with np.load(max((out / "checkpoints").glob("step-*")) / "state.npz") as state:
        for variable in cafct_keras.load_model(out).weights:
            if variable.dtype != "float32":
                continue
            kept = keras.ops.convert_to_numpy(variable)
            np.testing.assert_array_equal(kept, state[f"statistics/micro/average-{variable.path.replace('/', '-')}"])
            trained = next(state[f"{group}/{variable.path}"] for group in ("weights", "statistics")
                           if f"{group}/{variable.path}" in state)  # fmt: skip
            assert not np.array_equal(kept, trained), variable.path
    row = next(csv.DictReader((out / "history.csv").open()))
    # Validated again as it was saved.
    assert float(row["val_loss"]) == pytest.approx(result.json["validation"]["loss"], rel=1e-6)
