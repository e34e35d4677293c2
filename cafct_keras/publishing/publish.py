"""Publishing of a run."""

import contextlib
import dataclasses
import json
import pathlib
import shutil
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from cafct_keras.checksums import SUMS_FILE, sha256, sums
from cafct_keras.engines.converted import BATCH, pooled_dice
from cafct_keras.engines.reference import noise, validation_slices
from cafct_keras.errors import UserError
from cafct_keras.evaluation.results.loading import load_document
from cafct_keras.export.precision import in_float32
from cafct_keras.publishing.facts import Facts
from cafct_keras.publishing.run_card import public_card, same_network
from cafct_keras.runs import Run, load_model
from cafct_keras.runs.files import CONFIG_FILE, CURVES_FILE, MODEL_CARD_FILE, WEIGHTS_FILES
from cafct_keras.runs.loading import build_published
from cafct_keras.runs.published import PUBLISHED_FORMAT, Published
from cafct_keras.runtime.compilation import cache_compilations
from cafct_keras.training.compiling import network_arguments
from pipelines.atomic import atomic_directory
from pipelines.errors import DataError
from pipelines.optional import optional
from pipelines.places import require_place

with optional("publish", extra="hub"):
    import safetensors.numpy

    from cafct_keras.publishing.model_card import model_card


def publish(
    run: str | pathlib.Path,
    *,
    out: str | pathlib.Path,
    facts: Facts | None = None,
    evaluations: Sequence[str | pathlib.Path] = (),
    list_patients: bool = False,
    precision: str | None = None,
) -> dict[str, Any]:
    """Writes a folder that others can use a network from, as model hubs expect it.

    `config.json` holds the network's name and arguments, its preprocessing, and what of the run card is not private;
    `model.safetensors` the weights in float32 and `model.fp16.safetensors` in float16; `README.md` is the model card
    (Mitchell et al., "Model cards for model reporting", FAT* 2019); `SHA256SUMS` has the checksums. The folder is
    loaded and compared with the run before it appears. The published network computes in float32, whatever precision it
    was trained in.

    Args:
        run: a run folder.
        out: folder to create.
        facts: for the model card; None to state none.
        evaluations: `evaluation.json` files of the run, or their folders, whose scores the card shows.
        list_patients: name the patients of each part of the split, so that others can tell whether theirs are among
            them. Their identifiers become public.
        precision: of the weights that are written, `"float32"` or `"float16"`; None for both.

    Returns:
        `name`, `folder`, `files` (name to bytes), `sha256` (of `SHA256SUMS`, for a registry, see `list_pretrained`),
        `float16` (see `Comparison`) and `missing`, the facts that the card does not state.

    Raises:
        UserError, DataError: `run` is not a finished run, an evaluation is of another one, or `out` exists.
    """
    if precision is not None and precision not in WEIGHTS_FILES:
        raise UserError(f"`precision` {precision}: unknown; give {' or '.join(WEIGHTS_FILES)}")
    require_place(out, new=True)
    cache_compilations()
    opened, facts = Run.open(run), facts or Facts()
    if opened.published is not None or opened.path.is_file():
        raise UserError(f"{run}: not a run folder; give one that fit wrote")
    for warning in opened.warnings:
        fix = "" if opened.card["status"] == "finished" else "; resume it first"
        raise UserError(f"{run}: {warning}{fix}")
    documents = [load_document(path) for path in evaluations]
    for path, document in zip(evaluations, documents, strict=True):
        if document["run"] is None or not same_network(document["run"], opened.card):
            raise UserError(f"{path}: not an evaluation of {run} as it is now; evaluate it again")
    facts = dataclasses.replace(facts, name=facts.name or opened.name)
    model = in_float32(load_model(run))
    with atomic_directory(out) as folder:
        for kind, file in WEIGHTS_FILES.items():
            (folder / file).write_bytes(safetensors.numpy.save(_weights(model, kind)))
        _write_config(folder / CONFIG_FILE, opened, str(facts.name), list_patients=list_patients)
        (folder / SUMS_FILE).write_text(sums(folder), encoding="utf-8", newline="\n")
        halved = _compare(model, Published(path=folder), opened)
        for file in [file for kind, file in WEIGHTS_FILES.items() if precision not in (None, kind)]:
            (folder / file).unlink()
        if curves := (opened.path / CURVES_FILE).is_file():
            shutil.copyfile(opened.path / CURVES_FILE, folder / CURVES_FILE)
        card = model_card(
            opened, facts, documents, halved=halved, precision=precision, list_patients=list_patients, curves=curves
        )
        (folder / MODEL_CARD_FILE).write_text(card, encoding="utf-8", newline="\n")
        (folder / SUMS_FILE).write_text(sums(folder), encoding="utf-8", newline="\n")
        files = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    return {
        "name": facts.name,
        "folder": str(out),
        "files": files,
        "sha256": sha256(pathlib.Path(out) / SUMS_FILE),
        "float16": dataclasses.asdict(halved),
        "missing": [*facts.missing, *([] if documents else ["evaluations"])],
    }


def _weights(model: keras.Model, precision: str) -> dict[str, np.ndarray]:
    """Path of each variable to its value; what float16 cannot hold stays in float32."""
    weights = {}
    for variable in model.weights:
        value = np.ascontiguousarray(keras.ops.convert_to_numpy(variable), np.float32)
        with np.errstate(over="ignore"):
            rounded = value.astype(precision)
        weights[variable.path] = rounded if np.isfinite(rounded).all() else value
    return weights


def _write_config(path: pathlib.Path, run: Run, name: str, *, list_patients: bool) -> None:
    seen = run.preprocessing
    card = public_card(run.card, list_patients=list_patients)
    config = {
        "format": PUBLISHED_FORMAT,
        "name": name,
        "network": run.config.model.name,
        "arguments": network_arguments(run.config, channels=seen.channels, classes=len(seen.targets)),
        "preprocessing": seen.to_dict(),
        "run": {field: value for field, value in card.items() if field != "preprocessing"},
    }
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8", newline="\n")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """Predictions with weights in float16 beside those with weights in float32.

    Attributes:
        largest_difference: of probabilities, on images of noise.
        slices: of the run's data that Dice is of; 0 where they are gone.
        part: of the split that they are in, `"validation"`; `"training"` where the run has none.
        dice: precision to target to pooled Dice on them, at a threshold of 0.5.
    """

    largest_difference: float
    slices: int
    part: str
    dice: dict[str, dict[str, float]]


def _compare(model: keras.Model, published: Published, run: Run) -> Comparison:
    """Compares a published model with its run, and its float16 with its float32 weights.

    Raises:
        UserError: the published model predicts something else.
    """
    slices: dict[str, np.ndarray] = {}
    with contextlib.suppress(UserError, DataError, OSError):  # the data are gone
        slices = validation_slices(run)
    seen = run.preprocessing
    images = np.concatenate([noise(seen.size, seen.channels), *([slices["validation"]] if slices else [])])
    count = len(images) - len(slices.get("masks", ()))
    network = build_published(published, precision="float32")
    expected, full = _predict(model, images), _predict(network, images)
    if not np.allclose(full, expected, rtol=0, atol=1e-6):
        raise UserError(
            f"{run.path}: {run.config.model.name} of this version predicts something else than the run's own network; "
            f"publish it with cafct-keras {run.card['versions'].get('cafct-keras', 'of that time')}"
        )
    network.set_weights(build_published(published, precision="float16").get_weights())
    half = _predict(network, images)
    dice = {}
    if slices:
        for precision, predicted in (("float32", full), ("float16", half)):
            values = pooled_dice(predicted[count:], slices["masks"])
            dice[precision] = dict(zip(run.targets, values, strict=True))
    return Comparison(
        largest_difference=float(np.abs(half - full)[:count].max()),
        slices=len(images) - count,
        part="validation" if run.config.data.validation else "training",
        dice=dice,
    )


def _predict(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Predicts in batches that are full, so that the network is compiled once."""
    filled = np.concatenate([images, np.repeat(images[:1], -len(images) % BATCH, axis=0)])
    return np.asarray(model.predict(filled, batch_size=BATCH, verbose=0))[: len(images)]
