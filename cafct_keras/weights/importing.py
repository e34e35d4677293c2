"""Import of published weights into Keras's format, which needs no PyTorch and works with any backend."""

import json
import pathlib
from collections.abc import Sequence
from typing import Any

import keras

from cafct_keras.checksums import sha256
from cafct_keras.errors import UserError
from cafct_keras.models.registry import build, list_encoders, list_models
from cafct_keras.runtime.versions import versions
from cafct_keras.typing import File
from cafct_keras.weights.loading import CARD_FORMAT, SUFFIX, arguments_for, fill, read_weights
from pipelines.atomic import atomic_directory
from pipelines.places import require_place, require_space

ANY_SIZE_RGB = [None, None, 3]


def import_weights(
    files: Sequence[File],
    *,
    out: str | pathlib.Path,
    into: str | None = None,
    preset: str | None = None,
    options: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Writes weights from files as a folder with a `.weights.h5` file and a JSON file, the card, that describes it.

    Weights of a network that the files do not fill are random, with the seed 0.

    Args:
        files: see `cafct_keras.models.load_weights`.
        out: folder to create.
        into: name of the network or encoder to fill; None for the encoder that the only file holds.
        preset: preset of the network.
        options: further arguments of its builder. Without `input_shape`, images have any size and three channels.

    Returns:
        The card: `network` and `arguments`, with which `create_model` builds the network that the weights fit;
        `weights`, the file's name, and its `sha256`; `sources`, the report of `load_weights`; `parameters`; `versions`.

    Raises:
        UserError, DataError: if a file cannot be read or does not fit, the network is unknown, or the folder exists;
            nothing is written then.
    """
    require_place(out, new=True)
    if into is not None and into not in (known := [*list_encoders(), *list_models()]):
        raise UserError(f"`into` {into}: unknown; choose {', '.join(known)}")
    sources = [read_weights(file) for file in files]
    if into is None:
        if len(sources) != 1:
            raise UserError(f"{len(sources)} files: give one, or `into` and the network that they fill together")
        into = sources[0].holds
        if into not in [*list_encoders(), *list_models()]:
            raise UserError(
                f"{files[0]}: holds {into}; give `into` and the network that it is for, one of "
                f"{', '.join([*list_encoders(), *list_models()])}, to see what differs"
            )
    arguments = {"input_shape": ANY_SIZE_RGB, **arguments_for(into, files), **(options or {})}
    if preset is not None:
        arguments["preset"] = preset
    keras.utils.set_random_seed(0)
    try:
        model = build(into, **arguments)
    except (TypeError, ValueError) as error:
        raise UserError(f"`into` {into}: {error}") from error
    report = fill(model, sources)
    with atomic_directory(out) as folder:
        weights = folder / f"{into}{SUFFIX}"
        require_space(folder, 4 * model.count_params())  # HDF5 would print a page
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
        (folder / f"{into}.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8", newline="\n")
    return card
