"""Finding a trained network in a run folder or a file, and its logits."""

import json
import pathlib

import keras

from cafct_keras.errors import UserError
from cafct_keras.layers import DeepSupervision
from cafct_keras.layers.initializers import undrawn
from cafct_keras.models.deep_supervision import DeeplySupervised
from cafct_keras.models.safety import check_model_file

RUN_FILE = "run.json"
MODEL_FILE = "model.keras"
# Of run folders; one more whenever an older version of this package would misread a new one.
RUN_FORMAT = 1


def load_model(path):
    """Loads a trained network for prediction, whatever backend it was trained on.

    A file from others runs no code and writes nothing: see `cafct_keras.models.safety`.

    Args:
        path: a run folder, whose `model.keras` is taken, or a `.keras` file.

    Returns:
        A `keras.Model`, not compiled.

    Raises:
        UserError: where there is no such file, it is no network of this project or holds more than one, or the run
            folder is in the format of another version.
    """
    path = pathlib.Path(path)
    if (path / RUN_FILE).is_file():
        read_run(path)
    file = path / MODEL_FILE if path.is_dir() else path
    if not file.is_file() or file.suffix != ".keras":
        raise UserError(f"{path}: no model here; give a run folder with {MODEL_FILE}, or a .keras file")
    try:
        check_model_file(file)
        with undrawn():
            return keras.saving.load_model(file, compile=False)
    except Exception as error:  # a file that was made to fail fails in any way
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(f"{file}: not a model that this version reads ({reason})") from error


def read_run(folder):
    """Reads the card of a run folder, `run.json`.

    Args:
        folder: the run folder.

    Returns:
        The card, a dictionary.

    Raises:
        UserError: where there is none, it cannot be read, or it is in the format of another version.
    """
    file = pathlib.Path(folder) / RUN_FILE
    try:
        card = json.loads(file.read_text())
        written = card["format"]
    except FileNotFoundError:
        raise UserError(f"{folder}: no {RUN_FILE} here; give the folder of a run") from None
    except (ValueError, TypeError, KeyError, OSError) as error:
        raise UserError(f"{file}: not the card of a run ({error}); restore it or train again") from error
    if written != RUN_FORMAT:
        raise UserError(
            f"{file}: a run folder of another version (format {written}, this version reads {RUN_FORMAT}); "
            f"use cafct-keras {card.get('versions', {}).get('cafct-keras', 'of that time')}, "
            f"or give its {MODEL_FILE} alone"
        )
    return card


def logits_model(model):
    """The same network without its last activation: what training works on. It shares the weights.

    Args:
        model: a network of this project whose output is an `Activation` layer.

    Returns:
        A `keras.Model` to float32 logits; of a network with deep supervision, one whose loss is that of all its heads.
    """
    for layer in model.layers:
        if isinstance(layer, DeepSupervision):
            return DeeplySupervised(model.input, layer.input, name=model.name)
    return keras.Model(model.input, model.get_layer("probability").input, name=model.name)
