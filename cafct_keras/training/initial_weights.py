"""Initial weights of a run: random, of another run, or of published encoders."""

import contextlib
import pathlib
from typing import Any

import keras
import numpy as np

from cafct_keras.errors import UserError
from cafct_keras.layers import SegmentationHead
from cafct_keras.models.outputs import heads
from cafct_keras.runs.card import read_run, training_seconds
from cafct_keras.runs.config import FitConfig
from cafct_keras.runs.contents import foreign_files
from cafct_keras.runs.files import RUN_FILE, SPLIT_FILE
from cafct_keras.runs.hub import resolve
from cafct_keras.runs.loading import load_model
from cafct_keras.runs.model_file import model_digest
from cafct_keras.runs.run import Run
from cafct_keras.weights import load_weights
from cafct_keras.weights.matching import adapt_stem
from pipelines.loading.slices import Slices
from pipelines.printable import as_cell
from pipelines.tables import read_rows

SHOWN = 10


def initialize_weights(model: keras.Model, config: FitConfig, parts: dict[str, Slices]) -> list[dict[str, Any]]:
    """Loads the initial weights of a run.

    A network of other targets or with other neighbouring slices is taken over as far as it goes: channels of the heads
    by the names of their targets (those of new targets stay random), and the first kernels adapted as `adapt_stem`
    says. Everything else must fit.

    Args:
        model: as it was built, with random weights.
        config: of the run; `init`, `init_patients` and `weights` of its model count.
        parts: slices by part, whose patients are compared with those that `init` was trained on.

    Returns:
        For the run card, a dictionary per file with its name, SHA-256 and what it filled, see `load_weights`; of
        `init` also `notes`, lines for the user, and `seconds` that it was trained for, unless its run is gone. Empty
        if the weights stay random.

    Raises:
        UserError: a file cannot be read or does not fit.
    """
    init = config.model.init
    if init is None:
        return load_weights(model, config.model.weights)
    source = load_model(init)
    notes = _fill(model, source, init) + _overlap(init, config.model.init_patients, parts)
    digest = model_digest(resolve(init))
    entry: dict[str, Any] = {"file": str(init), "sha256": digest, "filled": ["all"], "notes": notes}
    with contextlib.suppress(UserError):  # a model without its run
        entry["seconds"] = training_seconds(Run.open(init).card)
    return [entry]


def _fill(model: keras.Model, source: keras.Model, init: str) -> list[str]:
    """Assigns the weights of a network to another; returns what differs."""
    targets = model.preprocessing.targets
    known = source.preprocessing.targets if source.preprocessing else targets
    of_heads = _head_variables(model)
    channels = (source.input_shape[-1], model.input_shape[-1])
    # By their order, since versions may name them differently; by their names where there are more heads.
    same = len(source.weights) == len(model.weights)
    names = [variable.path for variable in (model if same else source).weights]
    found = dict(zip(names, source.weights, strict=True))
    other = UserError(f"`init` {init}: another model; give the `model`, `preset` and `model_options` that it has")
    if found.keys() - {variable.path for variable in model.weights} - _head_variables(source):
        raise other
    filled: list[tuple[keras.Variable, np.ndarray]] = []
    for variable in model.weights:
        given = found.get(variable.path)
        value = None if given is None else np.array(keras.ops.convert_to_numpy(given))
        if variable.path in of_heads and (value is None or value.shape[-1] == len(known)):
            value = _by_target(variable, value, targets, known)
        elif value is not None and value.ndim == 4 and (value.shape[2], variable.shape[2]) == channels:
            value = adapt_stem(value, channels=channels[1])
        if value is None or value.shape != tuple(variable.shape):
            raise other
        filled.append((variable, value))
    for variable, value in filled:
        variable.assign(value)
    notes = []
    if channels[0] != channels[1]:
        notes.append(f"{init}: sees {channels[0]} channels, this model {channels[1]}: first kernels are adapted")
    if known != targets:
        kept = [target for target in targets if target in known]
        new = [target for target in targets if target not in known]
        lines = [f"output channel of {' and '.join(kept)} initialized from it"] if kept else []
        lines += [f"that of {' and '.join(new)} at random"] if new else []
        notes.append(f"{init}: segments {' and '.join(known)}: {', '.join(lines)}")
    return notes


def _head_variables(model: keras.Model) -> set[str]:
    """Paths of the variables whose last axis is that of the targets."""
    classes = model.output_shape[-1]
    layers = [logits._keras_history.operation for logits, _ in heads(model)]
    layers += [layer for layer in model.layers if isinstance(layer, SegmentationHead)]
    return {variable.path for layer in layers for variable in layer.weights if variable.shape[-1] == classes}


def _by_target(
    variable: keras.Variable, value: np.ndarray | None, targets: tuple[str, ...], known: tuple[str, ...]
) -> np.ndarray:
    """The variable's own values, but for the channels of targets that the other network knows."""
    own = np.array(keras.ops.convert_to_numpy(variable))
    if value is not None and value.shape[:-1] == own.shape[:-1]:
        for channel, target in enumerate(targets):
            if target in known:
                own[..., channel] = value[..., known.index(target)]
    return own


def _overlap(init: str, table: str | None, parts: dict[str, Slices]) -> list[str]:
    """A line for each part for scoring that has patients which the other network was trained or chosen on."""
    split = resolve(init) / SPLIT_FILE
    if not split.is_file():  # a model without its run
        if table is not None:
            raise UserError(f"`init_patients` {table}: {init} has no list of its patients to rename; leave it out")
        return [f"{init}: has no list of the patients that it was trained on; see that none is in a part for scoring"]
    folder = split.parent
    card = read_run(folder) if (folder / RUN_FILE).is_file() else {}
    foreign = [line for line in foreign_files(folder, card, models=False) if line.startswith(f"{split}: ")]
    rows = _rows(split, "patient", "split")
    pairs = _rows(pathlib.Path(table), "init", "patient") if table else []
    renamed = {as_cell(before): as_cell(now) for before, now in pairs}  # as the list has them
    seen = {renamed.get(as_cell(patient), as_cell(patient)) for patient, part in rows if part != "test"}
    notes = foreign
    for part in ("validation", "test"):
        if both := sorted(seen.intersection(map(as_cell, parts[part].patients))):
            more = f" and {len(both) - SHOWN} more" if len(both) > SHOWN else ""
            notes.append(
                f"{init}: was trained or chosen on {len(both)} of the {part} patients "
                f"({', '.join(both[:SHOWN])}{more}), if these names mean the same persons: scores of this part do not "
                "tell about new patients; take them out, or initialize from a run without them"
            )
    return notes


def _rows(file: pathlib.Path, first: str, second: str) -> list[tuple[str, str]]:
    try:
        (_, header), *lines = read_rows(file, columns=(first, second))
        names = [name.lower() for name in header]
        columns = [names.index(name) for name in (first, second)]
        cells = [[*line, *[""] * len(names)] for _, line in lines]
    except (OSError, ValueError) as error:
        raise UserError(f"{file}: must be a CSV file with the columns {first} and {second} ({error})") from error
    return [(row[columns[0]], row[columns[1]]) for row in cells]
