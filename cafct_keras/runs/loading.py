"""Trained models in run folders and `.keras` files."""

import pathlib

import keras

import cafct_keras.models  # noqa: F401  (registers the classes that files name)
from cafct_keras.errors import UserError
from cafct_keras.layers.initializers import skip_initialization
from cafct_keras.runs.card import read_run
from cafct_keras.runs.files import MODEL_FILE, RUN_FILE
from cafct_keras.runs.preprocessing import add_preprocessing, preprocessing_of, unreadable
from cafct_keras.runs.validation import check_model_file
from pipelines.atomic import atomic_write


def load_model(path: str | pathlib.Path) -> keras.Model:
    """Loads a trained model for prediction, whatever backend it was trained on.

    The file is validated before it is loaded: loading runs no code of the file and writes nothing, see
    `cafct_keras.runs.validation`.

    Args:
        path: a run folder, whose `model.keras` is loaded, or a `.keras` file.

    Returns:
        A `keras.Model`, not compiled. Its attribute `preprocessing` is the `pipelines.preprocessing.Preprocessing` that
        makes its input of slices and takes its output back to them; None where neither the file nor the run states it.

    Raises:
        UserError: there is no such file, it is not a model of this project, or the run folder is in the format of a
            later version.
    """
    path = pathlib.Path(path)
    card = read_run(path) if (path / RUN_FILE).is_file() else None
    file = path / MODEL_FILE if path.is_dir() else path
    if not file.is_file() or file.suffix != ".keras":
        raise UserError(f"{path}: no model here; give a run folder with {MODEL_FILE}, or a .keras file")
    try:
        preprocessing = check_model_file(file)
        with skip_initialization():
            model = keras.saving.load_model(file, compile=False)
    except Exception as error:  # a file that was made to fail fails in any way
        raise unreadable(file, error) from error
    model.preprocessing = preprocessing or (None if card is None else preprocessing_of(card))
    return model


def save_model(model: keras.Model, path: str | pathlib.Path) -> None:
    """Writes a `.keras` file, with the model's `preprocessing` if it has one.

    A killed process leaves the old file or the new one.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    preprocessing = getattr(model, "preprocessing", None)
    with atomic_write(path) as temporary:
        model.save(temporary)
        if preprocessing is not None:
            add_preprocessing(temporary, preprocessing)
