"""Trained models in run folders and `.keras` files."""

import pathlib

import keras

import cafct_keras.models  # noqa: F401  (registers the classes that files name)
from cafct_keras.errors import UserError
from cafct_keras.layers.initializers import skip_initialization
from cafct_keras.models.registry import build
from cafct_keras.runs.card import read_run
from cafct_keras.runs.contents import check_model, check_network
from cafct_keras.runs.files import RUN_FILE
from cafct_keras.runs.hub import resolve
from cafct_keras.runs.model_file import model_file
from cafct_keras.runs.preprocessing import add_preprocessing, preprocessing_of, unreadable
from cafct_keras.runs.published import Published, open_published
from cafct_keras.runs.validation import check_model_file
from pipelines.atomic import atomic_write


def load_model(path: str | pathlib.Path) -> keras.Model:
    """Loads a trained model for prediction, whatever backend it was trained on.

    The file is validated before it is loaded: loading runs no code of the file and writes nothing, see
    `cafct_keras.runs.validation` and `cafct_keras.runs.published`.

    Args:
        path: a run folder, whose `model.keras` is loaded; a `.keras` file; or a published model, which is a folder, a
            `.zip` file of one, `hf://OWNER/NAME` or a name of `list_pretrained`, see `cafct_keras.runs.hub`.

    Returns:
        A `keras.Model`, not compiled. Its attribute `preprocessing` is the `pipelines.preprocessing.Preprocessing` that
        makes its input of slices and takes its output back to them; None where neither the file nor the run states it.

    Raises:
        UserError: there is no such file, it is not a model of this project or not that of the run whose folder it lies
            in, or it is in the format of a later version.
    """
    path = resolve(path)
    if (published := open_published(path)) is not None:
        return build_published(published)
    card = read_run(path) if (path / RUN_FILE).is_file() else None
    file = model_file(path)
    if card is not None:
        check_model(file, path, card)
    try:
        preprocessing, weights = check_model_file(file)
        with skip_initialization(at_most=weights):
            model = keras.saving.load_model(file, compile=False)
    except Exception as error:  # a file that was made to fail fails in any way
        raise unreadable(file, error) from error
    if card is not None:
        check_network(model, file, card)
    model.preprocessing = preprocessing or (None if card is None else preprocessing_of(card, path))
    return model


def build_published(published: Published, *, precision: str | None = None) -> keras.Model:
    """Builds the network of a published model, which computes in float32.

    Args:
        published: the model.
        precision: of the weights, see `Published.weights`.

    Raises:
        UserError: the weights are not those of the network.
    """
    config, values = published.config, published.weights(precision)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        # Another version may have other variables, and the comparison below names them.
        with skip_initialization(at_most=(2 * sum(value.size for value in values.values()), 2 * len(values))):
            model = build(config["network"], **config["arguments"])
    except Exception as error:  # arguments may be anything
        raise unreadable(published.path, error) from error
    finally:
        keras.config.set_dtype_policy(policy)
    variables = {variable.path: variable for variable in model.weights}
    shapes = {path: tuple(variable.shape) for path, variable in variables.items()}
    if differing := sorted(shapes.items() ^ {path: value.shape for path, value in values.items()}.items()):
        version = published.card["versions"].get("cafct-keras", "of that time")
        raise UserError(
            f"{published.path}: its weights are not those of {config['network']} as this version builds it (first "
            f"difference: {differing[0][0]}); use cafct-keras {version}"
        )
    for path, variable in variables.items():
        variable.assign(values[path])
    model.preprocessing = published.preprocessing
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
