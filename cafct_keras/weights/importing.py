"""Weights from PyTorch, kept as Keras keeps them: any version of it and any backend opens them, without PyTorch."""

import json

import keras

from cafct_keras.errors import UserError
from cafct_keras.models.registry import build, list_encoders, list_models
from cafct_keras.runtime.versions import versions
from cafct_keras.weights.loading import CARD_FORMAT, SUFFIX, fill, read_weights
from cafct_keras.weights.readers import sha256
from pipelines.atomic import atomic_directory

ANY_SIZE_RGB = [None, None, 3]


def import_weights(files, *, out, into=None, preset=None, options=None):
    """Writes weights from files as a folder with a `.weights.h5` file and the card it needs, a JSON file beside it.

    What the files do not fill of a network is drawn at random, from the seed 0.

    Args:
        files: see `cafct_keras.models.load_weights`.
        out: folder to make.
        into: the network or encoder that they are for; None for the encoder that the only file holds.
        preset: of the network.
        options: further arguments of its builder. Where it has no `input_shape`, images have any size and three
            channels.

    Returns:
        The card: `network` and `arguments`, with which `create_model` builds what the weights fit; `weights`, the
        file's name, and its `sha256`; `sources`, the report of `load_weights`; `parameters`; `versions`.

    Raises:
        UserError, DataError: for files that cannot be read or do not fit, an unknown network, or a folder that exists;
            nothing is written.
    """
    sources = [read_weights(file) for file in files]
    if into is None:
        if len(sources) != 1:
            raise UserError(f"{len(sources)} files: give one, or --into and the network that they fill together")
        into = sources[0].holds
        if into not in [*list_encoders(), *list_models()]:
            raise UserError(
                f"{files[0]}: holds {into}; give --into and the network that it is for, one of "
                f"{', '.join([*list_encoders(), *list_models()])}, to be told what differs"
            )
    arguments = {"input_shape": ANY_SIZE_RGB, **(options or {})}
    if preset is not None:
        arguments["preset"] = preset
    keras.utils.set_random_seed(0)
    try:
        model = build(into, **arguments)
    except (TypeError, ValueError) as error:
        raise UserError(f"--into {into}: {error}") from error
    report = fill(model, sources)
    with atomic_directory(out) as folder:
        weights = folder / f"{into}{SUFFIX}"
        model.save_weights(weights)
        card = {
            "format": CARD_FORMAT,
            "network": into,
            "arguments": arguments,
            "weights": weights.name,
            "sha256": sha256(weights),
            "sources": report,
            "parameters": model.count_params(),
            "versions": versions(),
        }
        (folder / f"{into}.json").write_text(json.dumps(card, indent=2) + "\n")
    return card
