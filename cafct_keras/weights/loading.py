"""Initial weights of networks from files."""

import dataclasses
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import h5py
import keras
import numpy as np

from cafct_keras.checksums import sha256
from cafct_keras.errors import UserError
from cafct_keras.layers.initializers import skip_initialization
from cafct_keras.models.registry import build, list_conversions, list_encoders, list_models, takes
from cafct_keras.typing import File, Files
from cafct_keras.weights.hdf5 import WeightCount, count_weights
from cafct_keras.weights.matching import Part, encoders, match, whole
from cafct_keras.weights.readers import read_state
from cafct_keras.weights.translation import Tensors, translate
from pipelines.documents import parse_json

SUFFIX = ".weights.h5"
# Format of the JSON files beside weights; incremented whenever an older version of this package would misread it.
CARD_FORMAT = 1
LARGEST_CARD = 1 << 20  # bytes


def create_model(
    name: str,
    *,
    preset: str | None = None,
    weights: Files | None = None,
    **kwargs: Any,
) -> keras.Model:
    """Builds a network by name.

    Args:
        name: one of `list_models()`; or an encoder alone, such as `"resnet34"`, `"pvt_v2_b2"` and `"densenet161"`.
        preset: one of `list_presets(name)`; None for the network's default.
        weights: files of initial weights of the network or of its encoders, see `load_weights`; None for random
            weights. With published weights, a network that has the argument `normalization` is built with
            `"imagenet"` unless it is given.
        **kwargs: arguments of the network's builder, such as `input_shape` and `classes`; they override the preset's.

    Returns:
        A functional `keras.Model` from float images in [0, 1], `(batch, H, W, channels)`, to float32 probabilities,
        `(batch, H, W, classes)` (an encoder: to its maps).

    Raises:
        ValueError: if the name or preset is unknown, H or W is not a multiple of 32, or the weights do not fit.
    """
    files = _as_list(weights)
    model = build(name, preset=preset, **{**arguments_for(name, files), **kwargs})
    if files:
        load_weights(model, files)
    return model


def arguments_for(name: str, weights: Files | None) -> dict[str, Any]:
    """Returns the arguments that a network is built with by default when it is initialized from files.

    Published encoders were trained on images normalized by the statistics of ImageNet, so `normalization` is
    `"imagenet"` wherever a network has it, whether it is built by `create_model`, `fit` or `import_weights`. Weights
    that a network of this project saved itself (`.weights.h5` without a card) imply nothing.

    Args:
        name: name of the network or encoder.
        weights: see `load_weights`.
    """
    published = [file for file in _as_list(weights) if not _is_own(pathlib.Path(file))]
    if published and name in list_models() and takes(name, "normalization"):
        return {"normalization": "imagenet"}
    return {}


def load_weights(model: keras.Model, files: Files) -> list[dict[str, Any]]:
    """Loads weights from files into a network, or into the encoders in it.

    The weights of an encoder go into every encoder of that kind that the network has (PVTv2 into the transformer of
    CAFCT-Net, ResNet into its CNN branch, or into both branches if both are ResNets). If a network has only the first
    levels of an encoder, the others are left out; the scales of DenseUNet, which no file has, keep their values. First
    kernels made for three colours are adapted to the network's channels, see `cafct_keras.weights.matching.adapt_stem`.
    Weights trained on ImageNet need its normalization: build the network with `normalization="imagenet"`.

    Keras's own files of ResNet-50 and -101 are not supported: they have the strides on the 1x1 convolutions, as in the
    first version of ResNet, which is a different function of the same weights.

    Args:
        model: a network of this project, built.
        files: one file or several: a PyTorch checkpoint (`.safetensors`, `.pth`, `.pt`, `.bin`) of a PVTv2, with the
            names of its authors or timm, or of a ResNet-18, -34, -50 or -101 or a DenseNet-161, with those of
            torchvision; or a `.weights.h5` file, or the folder around it, written by `cafct-keras import-weights` or by
            the network itself.

    Returns:
        One dictionary per file: `file` (its name), `sha256`, `holds`, `filled` (the encoders, or `"all"`), `variables`
        and `parameters` (their numbers), `left_out` (names of tensors without a place in the network: those of the
        classifier or of later levels).

    Raises:
        UserError: if a file cannot be read, does not fit, or fills what another one filled; the network is unchanged.
    """
    return fill(model, [read_weights(file, like=model) for file in _as_list(files)])


@dataclasses.dataclass(frozen=True)
class Weights:
    """The weights in a file.

    Attributes:
        file: path of the file.
        sha256: hash of the file.
        holds: name of the network or encoder that the weights are of.
        tensors: the weights.
    """

    file: pathlib.Path
    sha256: str
    holds: str
    tensors: Tensors


def read_weights(file: File, *, like: keras.Model | None = None) -> Weights:
    """Reads one file for `fill`.

    Args:
        file: see `load_weights`.
        like: the network that a `.weights.h5` file without a card beside it must be of.

    Raises:
        UserError: if the file cannot be read.
    """
    file = pathlib.Path(file)
    if file.is_dir():
        found = sorted(file.glob(f"*{SUFFIX}"))
        if len(found) != 1:
            raise UserError(f"{file}: not a folder written by import-weights; give a file of weights")
        file = found[0]
    if not file.is_file():
        raise UserError(f"{file}: no such file")
    digest = sha256(file)
    if file.name.endswith(SUFFIX):
        return _read_keras(file, digest, like)
    tensors = translate(read_state(file))
    if tensors is None or tensors.conversion is None:
        known = ", ".join(conversion.name for conversion in list_conversions())
        raise UserError(f"{file}: holds none of the known encoders ({known}); give the file of one of them")
    return Weights(file, digest, _identify(tensors) or f"a {tensors.conversion.name} of unknown size", tensors)


def _identify(tensors: Tensors) -> str | None:
    """Returns the name of the encoder whose configuration has the traits of a file; None if there is none."""
    assert tensors.conversion is not None
    traits = tensors.conversion.traits(tensors.values).items()
    for name, config in list_encoders().items():
        if all(getattr(config, trait, None) == value for trait, value in traits):
            return name
    return None


def _card_of(file: pathlib.Path) -> pathlib.Path:
    return file.with_name(file.name.removesuffix(SUFFIX) + ".json")


def _is_own(file: pathlib.Path) -> bool:
    """Returns whether a network of this project saved the file itself."""
    return file.name.endswith(SUFFIX) and not _card_of(file).is_file()


def _read_keras(file: pathlib.Path, digest: str, like: keras.Model | None) -> Weights:
    """Reads a `.weights.h5` file by loading it into a network like the one that wrote it."""
    card_file = _card_of(file)
    card = _read_card(card_file, digest) if card_file.is_file() else None
    if card is not None:
        name = card["network"]
    elif like is not None:
        name = like.name
    else:
        raise UserError(f"{file}: {card_file.name} is not beside it; put it there, since it names the network")
    try:
        with h5py.File(file, "r") as stored:
            count = count_weights(stored)
        source = keras.models.clone_model(like) if card is None else _build_from_card(card_file, card, at_most=count)
        source.load_weights(file)
    except _CardError:
        raise
    except Exception as error:  # a file that was made to fail fails in any way
        raise UserError(f"{file}: not weights of {name} ({_reason(error)}); give those of this network") from error
    part = encoders(source)[0] if name in list_encoders() else whole(source)
    values = {path: keras.ops.convert_to_numpy(variable) for path, variable in part.variables.items()}
    return Weights(file, digest, name, Tensors(part.conversion, values, {path: path for path in values}))


def _reason(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _read_card(file: pathlib.Path, digest: str) -> dict[str, Any]:
    try:
        if file.stat().st_size > LARGEST_CARD:
            raise ValueError(f"it has {file.stat().st_size:,} bytes")
        card = parse_json(file.read_bytes())
        if card["format"] != CARD_FORMAT:
            raise ValueError(f"format {card['format']}, this version reads {CARD_FORMAT}")
        if card["sha256"] != digest:
            raise ValueError("the weights have another SHA-256: damaged, or not those it was written with")
        if not isinstance(card["network"], str):
            raise ValueError("it names no network")
        return dict(card)
    except Exception as error:  # it may hold anything
        raise _CardError(file, error) from error


def _build_from_card(file: pathlib.Path, card: dict[str, Any], *, at_most: WeightCount) -> keras.Model:
    try:
        with skip_initialization(at_most=at_most):
            return build(card["network"], **card["arguments"])
    except Exception as error:  # arguments may be anything
        raise _CardError(file, error) from error


class _CardError(UserError):
    def __init__(self, file: pathlib.Path, error: Exception) -> None:
        super().__init__(f"{file}: not the card of the weights beside it ({_reason(error)}); import them again")


def fill(model: keras.Model, sources: Sequence[Weights]) -> list[dict[str, Any]]:
    """Assigns weights to a network; see `load_weights`, whose report it returns."""
    report: list[dict[str, Any]] = []
    values: dict[str, np.ndarray] = {}
    origin: dict[str, pathlib.Path] = {}
    for source in sources:
        parts = _parts(model, source)
        new: dict[str, np.ndarray] = {}
        left_out: list[str] = []
        for part in parts:
            where = f"{model.name} ({part.name})" if part.name else model.name
            prefix = f"{source.file}: holds {source.holds}, which does not fit {where}"
            pairs, left_out = match(part, source.tensors, prefix=prefix)
            new |= {variable.path: value for variable, value in pairs}
        for path in new.keys() & values.keys():
            raise UserError(f"{source.file}: fills {path}, as {origin[path]} does; give one of them")
        values |= new
        origin |= dict.fromkeys(new, source.file)
        report.append(
            {
                "file": source.file.name,
                "sha256": source.sha256,
                "holds": source.holds,
                "filled": [part.name or (part.conversion.name if part.conversion else "all") for part in parts],
                "variables": len(new),
                "parameters": sum(value.size for value in new.values()),
                "left_out": left_out,
            }
        )
    for variable in model.weights:
        if variable.path in values:
            variable.assign(values[variable.path])
    return report


def _parts(model: keras.Model, source: Weights) -> list[Part]:
    """Returns what a file fills of a network: each encoder of its kind, or all of it."""
    conversion = source.tensors.conversion
    if conversion is None:
        return [whole(model)]
    parts = [part for part in encoders(model) if part.conversion is conversion]
    if not parts:
        raise UserError(f"{source.file}: holds {source.holds}, and {model.name} has no {conversion.name} in it")
    return parts


def _as_list(files: Files | None) -> list[File]:
    if files is None:
        return []
    return [files] if isinstance(files, str | os.PathLike) else list(files)
