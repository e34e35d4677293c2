"""What a run begins with: random weights, those of another run, or encoders from elsewhere."""

import pathlib

from cafct_keras.errors import UserError
from cafct_keras.models import load_weights
from cafct_keras.runs import load_model
from cafct_keras.runs.files import MODEL_FILE
from cafct_keras.weights.readers import sha256


def begin(model, config):
    """Gives a network the weights that a run begins with.

    Args:
        model: as it was built, with random weights.
        config: the run's `FitConfig`; `init` and `weights` count.

    Returns:
        For the run card, a list of dictionaries, one a file: its name, SHA-256 and what it filled, see `load_weights`;
        empty where the weights stay random.

    Raises:
        UserError: for a file that cannot be read or does not fit.
    """
    if config.model.init is None:
        return load_weights(model, config.model.weights)
    source = load_model(config.model.init)
    if [w.shape for w in source.weights] != [w.shape for w in model.weights]:
        raise UserError(f"--init {config.model.init}: another network; give the --model, --preset and --target it has")
    model.set_weights(source.get_weights())
    path = pathlib.Path(config.model.init)
    file = path / MODEL_FILE if path.is_dir() else path
    return [{"file": str(file), "sha256": sha256(file), "filled": ["all"]}]
