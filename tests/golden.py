"""Loads reference activations and puts PyTorch weights into Keras layers by a table of names."""

import json
import re

import keras
import numpy as np

NORM = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}

PVT = [
    (r"embed/project", "patch_embed{stage}.proj"),
    (r"embed/norm", "patch_embed{stage}.norm"),
    (r"block(\d+)/norm(\d)", r"block{stage}.#\1.norm\2"),
    (r"block(\d+)/attention/query", r"block{stage}.#\1.attn.q"),
    (r"block(\d+)/attention/key_value", r"block{stage}.#\1.attn.kv"),
    (r"block(\d+)/attention/project", r"block{stage}.#\1.attn.proj"),
    (r"block(\d+)/attention/reduce", r"block{stage}.#\1.attn.sr"),
    (r"block(\d+)/attention/norm", r"block{stage}.#\1.attn.norm"),
    (r"block(\d+)/feed_forward/expand", r"block{stage}.#\1.mlp.fc1"),
    (r"block(\d+)/feed_forward/depthwise", r"block{stage}.#\1.mlp.dwconv.dwconv"),
    (r"block(\d+)/feed_forward/project", r"block{stage}.#\1.mlp.fc2"),
    (r"norm", "norm{stage}"),
]


def pvt_rules(prefix, target):
    """Rules for the four stages of a PVTv2 whose layers are called `prefix`1 to 4."""
    return [
        (rf"{prefix}{stage}/{pattern}", target + name.format(stage=stage))
        for stage in (1, 2, 3, 4)
        for pattern, name in PVT
    ]


RESIDUAL = [
    (r"conv(\d)/conv", r"conv\1"),
    (r"conv(\d)/norm", r"bn\1"),
    (r"projection/conv", "downsample.0"),
    (r"projection/norm", "downsample.1"),
]


def cbr(pattern, name):
    """Rules for a convolution and its normalisation, at positions 0 and 1 of a torch Sequential."""
    return [(rf"{pattern}/conv", f"{name}.0"), (rf"{pattern}/norm", f"{name}.1")]


RESIDUAL_UPSAMPLING = [
    *[("conv1", "r1.conv.0"), ("norm1", "r1.conv.1"), ("conv2", "r1.conv.3"), ("norm2", "r1.conv.4")],
    *[("shortcut", "r1.shortcut.0"), ("shortcut_norm", "r1.shortcut.1")],
]

CAFCT = [
    *pvt_rules("transformer", "tr.m."),
    (r"cnn_stem/conv/conv", "cnn.conv1"),
    (r"cnn_stem/conv/norm", "cnn.bn1"),
    *((rf"cnn(\d)/block(\d)/{a}", r"cnn.layer\1.#\2." + b.replace(r"\1", r"\3")) for a, b in RESIDUAL),
    (r"aff(\d)/attention/squeeze", r"aff.#\1.f1"),
    (r"aff(\d)/attention/excite", r"aff.#\1.f2"),
    *cbr(r"aff(\d)/project", r"aff.#\1.proj"),
    *cbr(r"aspp(\d)/pool", r"aspp.#\1.pool"),
    *cbr(r"aspp(\d)/conv", r"aspp.#\1.c1"),
    *cbr(r"aspp(\d)/atrous6", r"aspp.#\1.at.0"),
    *cbr(r"aspp(\d)/atrous12", r"aspp.#\1.at.1"),
    *cbr(r"aspp(\d)/atrous18", r"aspp.#\1.at.2"),
    *cbr(r"aspp(\d)/project", r"aspp.#\1.proj"),
    (r"gate(\d)/(theta|phi|psi)", r"ags.#\1.\2"),
    *cbr(r"decoder(\d)/conv(\d)", r"dec.#\1.#\2"),
    *cbr(r"logits/conv1", "head.0"),
    (r"logits/classifier", "head.1"),
]


def load(file):
    """The file's `state`, everything else, and its `meta` as a dictionary."""
    with np.load(file) as data:
        arrays = {name: data[name] for name in data.files}
    state = {name.removeprefix("state/"): arrays.pop(name) for name in list(arrays) if name.startswith("state/")}
    meta = json.loads(str(arrays.pop("meta"))) if "meta" in arrays else {}
    return state, arrays, meta


def block(arrays, prefix):
    """One block of blocks.npz: its state, inputs and outputs (NHWC)."""
    own = {name.removeprefix(prefix + "/"): value for name, value in arrays.items() if name.startswith(prefix + "/")}
    state = {name.removeprefix("state/"): value for name, value in own.items() if name.startswith("state/")}
    inputs = [nhwc(own[name]) for name in sorted(own) if name.startswith("in")]
    outputs = [nhwc(own[name]) for name in sorted(own) if name.startswith("out")]
    return state, inputs, outputs


def nhwc(x):
    return np.moveaxis(x, 1, -1)


def torch_name(path, rules):
    """Name of a variable in the reference; `#n` in a rule becomes n - 1, for torch counts from 0."""
    path, leaf = path.rsplit("/", 1)
    for pattern, name in rules:
        match = re.fullmatch(pattern, path)
        if match:
            name = re.sub(r"#(\d+)", lambda number: str(int(number[1]) - 1), match.expand(name))
            return f"{name}.{'weight' if leaf == 'kernel' else NORM.get(leaf, leaf)}"
    raise KeyError(path)


def assign(target, state, rules):
    """Assigns every variable of a layer or model from a torch state and checks that nothing is left over."""
    # A layer's variables carry its own name in front, a model's do not.
    prefix = "" if isinstance(target, keras.Model) else f"{target.name}/"
    left = {name for name in state if not name.endswith("num_batches_tracked")}
    for variable in target.variables:
        if variable.path.endswith("seed_generator_state"):
            continue
        name = torch_name(variable.path.removeprefix(prefix), rules)
        variable.assign(to_keras(state[name], variable))
        left.remove(name)
    assert not left


def to_keras(value, variable):
    """A torch array in the layout of a Keras variable."""
    shape = tuple(variable.shape)
    if len(shape) == 2:
        return value.reshape(value.shape[:2]).T
    if len(shape) == 4:
        return (
            value.transpose(2, 3, 0, 1)
            if shape[-1] == 1 and value.shape[1] == 1 != shape[2]
            else value.transpose(2, 3, 1, 0)
        )
    return value


def predict(model, x):
    """Inference as NumPy."""
    if keras.backend.backend() == "jax" and isinstance(model, keras.Model):
        return model.predict_on_batch(x)  # JAX would compile every operation by itself
    return keras.tree.map_structure(keras.ops.convert_to_numpy, model(x, training=False))
