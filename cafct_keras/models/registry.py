"""Networks by name."""

import dataclasses
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class Entry:
    """A network's builder, its presets (name to arguments of the builder) and the name of the default preset.

    `needs_context`: whether its image must be neighbouring slices, one a channel.
    """

    builder: Callable
    presets: dict[str, dict]
    default: str
    needs_context: bool


_ENTRIES: dict[str, Entry] = {}


def register(name, builder, *, presets, default, needs_context=False):
    """Makes a builder known to `create_model` and to the command line."""
    _ENTRIES[name] = Entry(builder, presets, default, needs_context)


def list_models():
    """Names that `create_model` knows, sorted."""
    return sorted(_ENTRIES)


def list_presets(name):
    """Names of a network's presets, smallest first.

    Raises:
        ValueError: for an unknown network.
    """
    return list(_entry(name).presets)


def needs_context(name):
    """Whether a network makes no sense of one slice alone.

    Raises:
        ValueError: for an unknown network.
    """
    return _entry(name).needs_context


def create_model(name, *, preset=None, **kwargs):
    """Builds a network by name.

    Args:
        name: one of `list_models()`.
        preset: one of `list_presets(name)`; None for the network's default.
        **kwargs: arguments of the network's builder, such as `input_shape` and `classes`; they win over the preset's.

    Returns:
        A functional `keras.Model` from float images in [0, 1], `(batch, H, W, channels)`, to float32 probabilities.

    Raises:
        ValueError: for an unknown name or preset, or a size that is no multiple of 32.
    """
    entry = _entry(name)
    preset = preset or entry.default
    if preset not in entry.presets:
        raise ValueError(f"unknown preset {preset!r} of {name}; known are {', '.join(entry.presets)}")
    return entry.builder(**{**entry.presets[preset], **kwargs})


def _entry(name):
    if name not in _ENTRIES:
        raise ValueError(f"unknown model {name!r}; known are {', '.join(list_models())}")
    return _ENTRIES[name]
