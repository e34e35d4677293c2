"""Initial weights of a run: random, of another run, or of published encoders."""

from typing import Any

import keras

from cafct_keras.errors import UserError
from cafct_keras.runs.config import FitConfig
from cafct_keras.runs.hub import resolve
from cafct_keras.runs.loading import load_model
from cafct_keras.runs.model_file import model_digest
from cafct_keras.weights import load_weights


def initialize_weights(model: keras.Model, config: FitConfig) -> list[dict[str, Any]]:
    """Loads the initial weights of a run.

    Args:
        model: as it was built, with random weights.
        config: of the run; `init` and `weights` of its model count.

    Returns:
        For the run card, a dictionary per file with its name, SHA-256 and what it filled, see `load_weights`; empty if
        the weights stay random.

    Raises:
        UserError: a file cannot be read or does not fit.
    """
    init = config.model.init
    if init is None:
        return load_weights(model, config.model.weights)
    source = load_model(init)
    if [w.shape for w in source.weights] != [w.shape for w in model.weights]:
        raise UserError(f"`init` {init}: another model; give the `model`, `preset` and `target` that it has")
    model.set_weights(source.get_weights())
    return [{"file": str(init), "sha256": model_digest(resolve(init)), "filled": ["all"]}]
