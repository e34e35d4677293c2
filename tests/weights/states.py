"""States of small networks under the names that PyTorch projects give their tensors, written out by hand."""

import re

import numpy as np

PVT_TINY = {"widths": (8, 16, 40, 64), "depths": (2, 1, 2, 1)}
RESNET_TINY = {"widths": (8, 16, 32, 64), "depths": (1, 2, 2, 1)}
DENSENET_TINY = {"growth": 8, "depths": (1, 2, 2, 1), "stem": 16}


def _random(shapes, seed):
    generator = np.random.default_rng(seed)
    state = {name: generator.normal(0, 0.1, shape).astype("float32") for name, shape in shapes.items()}
    return {name: abs(value) + 1 if name.endswith("running_var") else value for name, value in state.items()}


def _layer(name, *shape):
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}


def _batch_norm(name, width):
    return {**_layer(name, width), f"{name}.running_mean": (width,), f"{name}.running_var": (width,)}


def pvt(*, widths, depths, classes=5, seed=0):
    """A PVTv2 as its authors name it, with its classifier."""
    shapes = {}
    for level, (width, depth) in enumerate(zip(widths, depths, strict=True), start=1):
        patch, before = (7, 3) if level == 1 else (3, widths[level - 2])
        shapes |= _layer(f"patch_embed{level}.proj", width, before, patch, patch)
        shapes |= _layer(f"patch_embed{level}.norm", width) | _layer(f"norm{level}", width)
        hidden = width * (8, 8, 4, 4)[level - 1]
        for index in range(depth):
            block = f"block{level}.{index}"
            shapes |= _layer(f"{block}.norm1", width) | _layer(f"{block}.norm2", width)
            shapes |= _layer(f"{block}.attn.q", width, width) | _layer(f"{block}.attn.kv", 2 * width, width)
            shapes |= _layer(f"{block}.attn.proj", width, width)
            if level < 4:
                side = (8, 4, 2)[level - 1]
                shapes |= _layer(f"{block}.attn.sr", width, width, side, side) | _layer(f"{block}.attn.norm", width)
            shapes |= _layer(f"{block}.mlp.fc1", hidden, width) | _layer(f"{block}.mlp.fc2", width, hidden)
            shapes |= _layer(f"{block}.mlp.dwconv.dwconv", hidden, 1, 3, 3)
    return _random(shapes | _layer("head", classes, widths[-1]), seed)


def resnet(*, widths, depths, classes=5, seed=0):
    """A ResNet of basic blocks as torchvision names it, with its classifier and its counters of batches."""
    shapes = {"conv1.weight": (widths[0], 3, 7, 7), **_batch_norm("bn1", widths[0])}
    before = widths[0]
    for level, (width, depth) in enumerate(zip(widths, depths, strict=True), start=1):
        for index in range(depth):
            block = f"layer{level}.{index}"
            shapes |= {f"{block}.conv1.weight": (width, before, 3, 3), f"{block}.conv2.weight": (width, width, 3, 3)}
            shapes |= _batch_norm(f"{block}.bn1", width) | _batch_norm(f"{block}.bn2", width)
            if before != width:
                shapes |= {f"{block}.downsample.0.weight": (width, before, 1, 1)}
                shapes |= _batch_norm(f"{block}.downsample.1", width)
            before = width
    state = _random(shapes | _layer("fc", classes, widths[-1]), seed)
    return state | {"bn1.num_batches_tracked": np.int64(7)}


def densenet(*, growth, depths, stem, classes=5, seed=0):
    """A DenseNet as torchvision names it, with its classifier."""
    shapes = {"features.conv0.weight": (stem, 3, 7, 7), **_batch_norm("features.norm0", stem)}
    width = stem
    for level, depth in enumerate(depths, start=1):
        for index in range(1, depth + 1):
            step = f"features.denseblock{level}.denselayer{index}"
            shapes |= {f"{step}.conv1.weight": (4 * growth, width, 1, 1)} | _batch_norm(f"{step}.norm1", width)
            shapes |= {f"{step}.conv2.weight": (growth, 4 * growth, 3, 3)} | _batch_norm(f"{step}.norm2", 4 * growth)
            width += growth
        if level < len(depths):
            transition = f"features.transition{level}"
            shapes |= {f"{transition}.conv.weight": (width // 2, width, 1, 1)}
            shapes |= _batch_norm(f"{transition}.norm", width)
            width //= 2
    shapes |= _batch_norm("features.norm5", width)
    return _random(shapes | _layer("classifier", classes, width), seed)


def as_torchvision_files_name_it(name):
    """The name in the files that torchvision offers for a tensor of a DenseNet."""
    return re.sub(r"(denselayer\d+\.(?:norm|conv))(\d)\.", r"\1.\2.", name)


def as_timm_names_it(name):
    """timm's name for a tensor of a PVTv2."""
    name = re.sub(r"^patch_embed1\.", "patch_embed.", name)
    name = re.sub(r"^patch_embed(\d)\.", lambda n: f"stages.{int(n[1]) - 1}.downsample.", name)
    name = re.sub(r"^block(\d)\.", lambda n: f"stages.{int(n[1]) - 1}.blocks.", name)
    name = re.sub(r"^norm(\d)\.", lambda n: f"stages.{int(n[1]) - 1}.norm.", name)
    return name.replace("dwconv.dwconv", "dwconv")
