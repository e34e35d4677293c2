"""Networks that begin with weights from a file."""

import dataclasses
import json
import os
import pathlib

import keras

from cafct_keras.errors import UserError
from cafct_keras.models.registry import build, list_encoders
from cafct_keras.weights.matching import encoders, match, whole
from cafct_keras.weights.readers import read_state, sha256
from cafct_keras.weights.translation import FAMILIES, Tensors, translate

SUFFIX = ".weights.h5"
# Of the JSON files beside weights; one more whenever an older version of this package would misread a new one.
CARD_FORMAT = 1


def create_model(name, *, preset=None, weights=None, **kwargs):
    """Builds a network by name.

    Args:
        name: one of `list_models()`; or an encoder alone, such as `"resnet34"`, `"pvt_v2_b2"` and `"densenet161"`.
        preset: one of `list_presets(name)`; None for the network's default.
        weights: what the network, or the encoders in it, begin with, see `load_weights`; None begins at random.
        **kwargs: arguments of the network's builder, such as `input_shape` and `classes`; they win over the preset's.

    Returns:
        A functional `keras.Model` from float images in [0, 1], `(batch, H, W, channels)`, to float32 probabilities (an
        encoder: to its four maps).

    Raises:
        ValueError: for an unknown name or preset, a size that is no multiple of 32, or weights that do not fit.
    """
    model = build(name, preset=preset, **kwargs)
    if weights is not None:
        load_weights(model, weights)
    return model


def load_weights(model, files):
    """Fills a network, or the encoders in it, with weights from files.

    An encoder's weights go into every encoder of its kind that the network has (a PVTv2's into CAFCT-Net's
    transformer, a ResNet's into its CNN branch; into both branches where both are ResNets). A network that takes an
    encoder's first levels only leaves the rest of the file out, and DenseUNet's scales, which no file has, stay as they
    are. First kernels made for three colours are shared out
    over the network's channels, see `cafct_keras.weights.matching.adapt_stem`. What was trained on ImageNet expects its
    normalisation: build the network with `normalization="imagenet"`.

    Keras's own files of ResNet-50 and -101 are not read: the strides of its first version are on the 1x1 convolutions,
    which makes another function of the same weights.

    Args:
        model: a network of this project, built.
        files: a file or several: a checkpoint of PyTorch (`.safetensors`, `.pth`, `.pt`, `.bin`) of a PVTv2, by its
            authors' names or timm's, or of a ResNet-18, -34, -50 or -101 or a DenseNet-161, by torchvision's; or a
            `.weights.h5` file, or the folder around it, that `cafct-keras import-weights` wrote or the network itself.

    Returns:
        A list of what was done, a dictionary a file: `file` (its name), `sha256`, `holds`, `filled` (the encoders, or
        `"all"`), `variables` and `parameters` (how many), `left_out` (names of tensors that the network has no place
        for: the classifier's, or those of later levels).

    Raises:
        UserError: for a file that cannot be read, that does not fit, or that fills what another one filled; the network
            is left as it was.
    """
    files = [files] if isinstance(files, str | os.PathLike) else list(files)
    return fill(model, [read_weights(file, like=model) for file in files])


@dataclasses.dataclass(frozen=True)
class Weights:
    """A file's weights.

    Attributes:
        file: its path.
        sha256: of its bytes.
        holds: name of the network or encoder that they are of.
        tensors: themselves.
    """

    file: pathlib.Path
    sha256: str
    holds: str
    tensors: Tensors


def read_weights(file, *, like=None):
    """Reads one file for `fill`.

    Args:
        file: see `load_weights`.
        like: the network that a `.weights.h5` file without a card beside it must be of.

    Raises:
        UserError: for a file that cannot be read.
    """
    file = pathlib.Path(file)
    if file.is_dir():
        found = sorted(file.glob(f"*{SUFFIX}"))
        if len(found) != 1:
            raise UserError(f"{file}: no folder that import-weights wrote; give a file of weights")
        file = found[0]
    if not file.is_file():
        raise UserError(f"{file}: no such file")
    digest = sha256(file)
    if file.name.endswith(SUFFIX):
        return _read_own(file, digest, like)
    tensors = translate(read_state(file))
    if tensors is None:
        known = ", ".join(family.name for family in FAMILIES)
        raise UserError(f"{file}: holds none of the encoders that are known ({known}); give the file of one")
    return Weights(file, digest, _identify(tensors) or f"a {tensors.family.name} of a size of its own", tensors)


def _identify(tensors):
    """Name of the encoder whose configuration has a file's traits; None for one that is not known."""
    traits = tensors.family.traits(tensors.values).items()
    for name, config in list_encoders().items():
        if all(getattr(config, trait, None) == value for trait, value in traits):
            return name
    return None


def _read_own(file, digest, like):
    """A `.weights.h5` file, read by Keras into a network like the one that wrote it."""
    card_file = file.with_name(file.name.removesuffix(SUFFIX) + ".json")
    if card_file.is_file():
        name, source = _build_from_card(card_file, digest)
    elif like is not None:
        name, source = like.name, keras.models.clone_model(like)
    else:
        raise UserError(f"{file}: {card_file.name} is not beside it, which says what it is of; put it there")
    try:
        source.load_weights(file)
    except (ValueError, OSError, KeyError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"{file}: not weights of {name} ({reason})") from error
    part = encoders(source)[0] if name in list_encoders() else whole(source)
    values = {path: keras.ops.convert_to_numpy(variable) for path, variable in part.variables.items()}
    return Weights(file, digest, name, Tensors(part.family, values, {path: path for path in values}))


def _build_from_card(file, digest):
    try:
        card = json.loads(file.read_text())
        if card["format"] != CARD_FORMAT:
            raise ValueError(f"format {card['format']}, this version reads {CARD_FORMAT}")
        if card["sha256"] != digest:
            raise ValueError("the weights have another SHA-256: damaged, or not those it was written with")
        return card["network"], build(card["network"], **card["arguments"])
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(f"{file}: not the card of the weights beside it ({error}); import them again") from error


def fill(model, sources):
    """Puts what `read_weights` read into a network; see `load_weights`, whose report it returns."""
    report, values, origin = [], {}, {}
    for source in sources:
        parts = _parts(model, source)
        new, left_out = {}, []
        for part in parts:
            where = f"{model.name} ({part.name})" if part.name else model.name
            complaint = f"{source.file}: holds {source.holds}, which does not fit {where}"
            pairs, left_out = match(part, source.tensors, complaint=complaint)
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
                "filled": [part.name or (part.family.name if part.family else "all") for part in parts],
                "variables": len(new),
                "parameters": sum(value.size for value in new.values()),
                "left_out": left_out,
            }
        )
    for variable in model.weights:
        if variable.path in values:
            variable.assign(values[variable.path])
    return report


def _parts(model, source):
    """What a file fills of a network: each encoder of its family, or all of it."""
    family = source.tensors.family
    if family is None:
        return [whole(model)]
    parts = [part for part in encoders(model) if part.family is family]
    if not parts:
        raise UserError(f"{source.file}: holds {source.holds}, and {model.name} has no {family.name} in it")
    return parts
