"""Validation of untrusted `.keras` files before they are loaded, so that they run no code and fill no memory.

Keras creates the objects that a file's configuration names, and its own checks have been circumvented (CVE-2025-1550,
CVE-2025-8747). Here only classes on an allowlist are created: this project's registered ones, and Keras's layers that
only compute. Weights must be stored plainly: no archive members besides the three that Keras writes and the
preprocessing, no compression, which a small file could expand from, and no links to other files.
"""

import io
import json
import os
import pathlib
import re
import stat
import zipfile
from typing import Any

import h5py
import keras

from cafct_keras.runs.preprocessing import PREPROCESSING_FILE, read_preprocessing
from cafct_keras.weights.hdf5 import WeightCount, count_weights
from pipelines.preprocessing import Preprocessing

CONFIG_FILE, METADATA_FILE, WEIGHTS_FILE = "config.json", "metadata.json", "model.weights.h5"
PACKAGE = "cafct_keras>"
# Many times the size for the largest model here.
LARGEST_CONFIG = 16 << 20
MOST_OBJECTS = 5_000
LARGEST_SIZE = 1 << 16
NO_SIZES = ("seed", "shared_object_id")  # whole numbers of another kind
MODELS, MOST_MODELS = ("Functional", "Sequential"), 4  # in one another

# Allowed classes of Keras, module and name: those that only compute, and hold no function, file or other model.
ALLOWED = re.compile(
    r"""
    keras\.layers\.(
        Activation | Add | Average | AveragePooling2D | BatchNormalization | Concatenate | Conv2D | Conv2DTranspose |
        Cropping2D | Dense | DepthwiseConv2D | Dot | Dropout | ELU | Flatten | GlobalAveragePooling2D |
        GlobalMaxPooling2D | GroupNormalization | Identity | InputLayer | LayerNormalization | LeakyReLU |
        Maximum | MaxPooling2D | Minimum | MultiHeadAttention | Multiply | PReLU | Permute | ReLU | Rescaling |
        Reshape | SeparableConv2D | Softmax | SpatialDropout2D | Subtract | UpSampling2D | ZeroPadding2D
    ) |
    keras\.initializers\.(
        Constant | (Glorot|He|Lecun)(Normal|Uniform) | Ones | Orthogonal | RandomNormal | RandomUniform |
        TruncatedNormal | VarianceScaling | Zeros
    ) |
    keras\.regularizers\.(L1 | L2 | L1L2) |
    keras\.(DTypePolicy | FloatDTypePolicy | Sequential) |
    keras\.src\.models\.functional\.Functional
    """,
    re.VERBOSE,
)


def check_model_file(path: str | pathlib.Path) -> tuple[Preprocessing | None, WeightCount]:
    """Checks that a `.keras` file holds only layers that compute, and plainly stored, finite weights.

    Args:
        path: the file.

    Returns:
        The preprocessing that the file states, None without, and how many weights it holds, the most that its network
        may need.

    Raises:
        ValueError: it holds something else; the message says what.
        zipfile.BadZipFile, OSError, KeyError: it cannot be read.
    """
    with zipfile.ZipFile(path) as archive:
        _check_members(archive.infolist(), os.path.getsize(path))
        config = json.loads(archive.read(CONFIG_FILE))
        # Models are loaded without being compiled.
        _check_config({name: value for name, value in config.items() if name != "compile_config"})
        # All at once: HDF5 seeks, and each seek backwards in an archive's member reads it again from its beginning.
        with h5py.File(io.BytesIO(archive.read(WEIGHTS_FILE)), "r") as weights:
            count = count_weights(weights)
        return read_preprocessing(archive), count


def _check_members(members: list[zipfile.ZipInfo], size: int) -> None:
    names = sorted(member.filename for member in members)
    known = [CONFIG_FILE, METADATA_FILE, WEIGHTS_FILE]
    if names not in (known, sorted([*known, PREPROCESSING_FILE])):
        raise ValueError(f"it holds {', '.join(names) or 'nothing'}, not {', '.join(known)} once each")
    for member in members:
        if stat.S_ISLNK(member.external_attr >> 16):
            raise ValueError(f"its {member.filename} is a link")
        if member.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"its {member.filename} is compressed, which Keras does not do")
        if member.filename != WEIGHTS_FILE and member.file_size > LARGEST_CONFIG:
            raise ValueError(f"its {member.filename} has {member.file_size:,} bytes")
    if sum(member.file_size for member in members) > size:
        raise ValueError("its members are larger than it is")


def _check_config(config: Any) -> None:
    """Checks every class that Keras would create an object of, how many there are, and every size."""
    waiting = [("", config, 0)]
    objects = 0
    while waiting:
        key, each, depth = waiting.pop()
        if isinstance(each, dict):
            if "class_name" in each:
                _check_class(each)
                objects += each["class_name"] != "__keras_tensor__"
                depth += each["class_name"] in MODELS
                if objects > MOST_OBJECTS or depth > MOST_MODELS:
                    raise ValueError(f"it holds over {MOST_OBJECTS:,} layers, or {MOST_MODELS} models in one another")
            waiting.extend((name, value, depth) for name, value in each.items() if name not in NO_SIZES)
        elif isinstance(each, list):
            waiting.extend((key, value, depth) for value in each)
        elif isinstance(each, int) and abs(each) > LARGEST_SIZE:
            raise ValueError(f"its {key} {float(each):.4g} is not one of a network")


def _check_class(config: dict[str, Any]) -> None:
    name, module, registered = (config.get(key) for key in ("class_name", "module", "registered_name"))
    if name == "__keras_tensor__":  # a shape and a dtype
        return
    # By its present or a former name; Keras would make a function of the class name "function".
    if registered == f"{PACKAGE}{name}" and keras.saving.get_registered_object(registered) is not None:
        return
    if ALLOWED.fullmatch(f"{module}.{name}") and registered in (None, name):
        return
    raise ValueError(
        f"it asks for {module}.{name}, which may run code or is unknown here; "
        "only this project's layers and Keras's plain ones are loaded"
    )
