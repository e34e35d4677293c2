"""Finding a trained network in a run folder or a file, and its logits."""

import pathlib

import keras

from cafct_keras.errors import UserError

MODEL_FILE = "model.keras"


def load_model(path):
    """Loads a trained network for prediction, whatever backend it was trained on.

    Args:
        path: a run folder, whose `model.keras` is taken, or a `.keras` file.

    Returns:
        A `keras.Model`, not compiled.

    Raises:
        UserError: where there is no such file or it is no network of this project.
    """
    path = pathlib.Path(path)
    file = path / MODEL_FILE if path.is_dir() else path
    if not file.is_file():
        raise UserError(f"{path}: no model here; give a run folder with {MODEL_FILE}, or a .keras file")
    try:
        return keras.saving.load_model(file, compile=False)
    except (ValueError, TypeError, OSError, KeyError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"{file}: not a model that this version reads ({reason})") from error


def logits_model(model):
    """The same network without its last activation: what training works on. It shares the weights.

    Args:
        model: a network of this project whose output is an `Activation` layer.

    Returns:
        A `keras.Model` to float32 logits.
    """
    last = model.get_layer("probability")
    return keras.Model(model.input, last.input, name=model.name)
