"""Looking through a `.keras` file before Keras does, so that a file from others runs no code and fills no memory.

Keras makes objects of what a file's configuration names, and its own checks have been got round (CVE-2025-1550,
CVE-2025-8747). Here nothing is made that is not on a list: this project's registered classes, and Keras's layers that
only compute. Weights must lie in the file as they are: no archive members besides the three that Keras writes, no
compression that a few bytes unfold from, no links to other files.
"""

import io
import json
import os
import re
import stat
import zipfile

import h5py
import keras

CONFIG_FILE, METADATA_FILE, WEIGHTS_FILE = "config.json", "metadata.json", "model.weights.h5"
PACKAGE = "cafct_keras>"
# Many times what the largest network here needs.
LARGEST_CONFIG = 16 << 20

# Keras's classes that are made, module and name: those that only compute, and hold no function, file or other model.
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


def check_model_file(path):
    """Checks that a `.keras` file holds nothing but layers that compute and weights as large as they look.

    Args:
        path: of the file.

    Raises:
        ValueError: it does not; the message says what it holds.
        zipfile.BadZipFile, OSError, KeyError: it cannot be read.
    """
    with zipfile.ZipFile(path) as archive:
        _check_members(archive.infolist(), os.path.getsize(path))
        config = json.loads(archive.read(CONFIG_FILE))
        # How the model was compiled is not looked at where it is loaded for prediction.
        _check_config({name: value for name, value in config.items() if name != "compile_config"})
        # All at once: HDF5 jumps about, and each jump back in an archive's member reads it anew from its beginning.
        with h5py.File(io.BytesIO(archive.read(WEIGHTS_FILE)), "r") as weights:
            _check_weights(weights)


def _check_members(members, size):
    names = sorted(member.filename for member in members)
    if names != [CONFIG_FILE, METADATA_FILE, WEIGHTS_FILE]:
        known = {CONFIG_FILE, METADATA_FILE, WEIGHTS_FILE}
        raise ValueError(f"it holds {', '.join(names) or 'nothing'}, not {', '.join(sorted(known))} once each")
    for member in members:
        if stat.S_ISLNK(member.external_attr >> 16):
            raise ValueError(f"its {member.filename} is a link")
        if member.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"its {member.filename} is compressed, which Keras does not do")
        if member.filename != WEIGHTS_FILE and member.file_size > LARGEST_CONFIG:
            raise ValueError(f"its {member.filename} has {member.file_size:,} bytes")
    if sum(member.file_size for member in members) > size:
        raise ValueError("its members are larger than it is")


def _check_config(config):
    """Goes through everything that Keras would make an object of."""
    waiting = [config]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            if "class_name" in each:
                _check_class(each)
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)


def _check_class(config):
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


def _check_weights(file):
    waiting, seen = [file], set()
    while waiting:
        group = waiting.pop()
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ValueError(f"its weights {group.name}/{name} lie elsewhere")
            item = group[name]
            if isinstance(item, h5py.Group):
                if item.id not in seen:  # groups may hold one another
                    seen.add(item.id)
                    waiting.append(item)
            elif item.external or item.is_virtual or item.id.get_storage_size() != item.nbytes:
                raise ValueError(f"its weights {item.name} are not in the file as they are")
