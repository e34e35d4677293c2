"""Networks by name."""

import dataclasses
import inspect
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class Entry:
    """A network's builder, its presets (name to arguments of the builder) and the name of the default preset."""

    builder: Callable
    presets: dict[str, dict]
    default: str


@dataclasses.dataclass(frozen=True)
class Encoder:
    """A part that networks are built on, a network of its own all the same: its builder and its configuration."""

    builder: Callable
    config: object


_ENTRIES: dict[str, Entry] = {}
_ENCODERS: dict[str, Encoder] = {}


def register(name, builder, *, presets, default):
    """Makes a builder known to `create_model` and to the command line."""
    _ENTRIES[name] = Entry(builder, presets, default)


def register_encoder(name, builder, config):
    """Makes an encoder known to `create_model` and to the import of weights."""
    _ENCODERS[name] = Encoder(builder, config)


def list_models():
    """Names of the networks that `create_model` knows, sorted."""
    return sorted(_ENTRIES)


def list_encoders():
    """Names of the encoders that `create_model` knows too, each with its configuration."""
    return {name: encoder.config for name, encoder in _ENCODERS.items()}


def list_presets(name):
    """Names of a network's presets, smallest first.

    Raises:
        ValueError: for an unknown network.
    """
    return list(_entry(name).presets)


def takes(name, argument):
    """Whether a network's builder has an argument of that name.

    Raises:
        ValueError: for an unknown network.
    """
    return argument in inspect.signature(_entry(name).builder).parameters


def build(name, *, preset=None, **kwargs):
    """Builds a network or an encoder by name, with random weights; see `create_model`."""
    if name in _ENCODERS:
        if preset is not None:
            raise ValueError(f"{name} has no presets, and so not {preset!r}")
        return _ENCODERS[name].builder(**kwargs)
    entry = _entry(name)
    preset = preset or entry.default
    if preset not in entry.presets:
        raise ValueError(f"unknown preset {preset!r} of {name}; known are {', '.join(entry.presets)}")
    return entry.builder(**{**entry.presets[preset], **kwargs})


def _entry(name):
    if name not in _ENTRIES:
        raise ValueError(f"unknown model {name!r}; known are {', '.join(list_models())}")
    return _ENTRIES[name]
