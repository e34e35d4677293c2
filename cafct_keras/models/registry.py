"""Registry of networks and encoders by name."""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import keras

from cafct_keras.models.conversion import Conversion
from cafct_keras.models.docstrings import BACKBONE, NETWORK, Builder, complete

# Name of a preset, smallest first, to arguments of the builder.
Presets = Mapping[str, dict[str, Any]]


@dataclasses.dataclass(frozen=True)
class Network:
    """A registered network.

    Attributes:
        builder: function that returns a `keras.Model`.
        presets: its presets, smallest first.
        default: name of the default preset.
        needs_context: whether the channels of its images must be neighbouring slices.
        renamed: arguments of the builder, from the name in earlier versions to the present one.
    """

    builder: Callable[..., keras.Model]
    presets: Presets
    default: str
    needs_context: bool
    renamed: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Encoder:
    """A registered encoder: part of networks, and a model of its own.

    Attributes:
        builder: function that returns a `keras.Model`.
        config: its configuration, a dataclass.
        conversion: of its published weights.
        renamed: arguments of the builder, from the name in earlier versions to the present one.
    """

    builder: Callable[..., keras.Model]
    config: Any
    conversion: Conversion
    renamed: Mapping[str, str]


_NETWORKS: dict[str, Network] = {}
_ENCODERS: dict[str, Encoder] = {}


def register(
    name: str,
    *,
    presets: Presets,
    default: str = "base",
    needs_context: bool = False,
    renamed: Mapping[str, str] | None = None,
) -> Callable[[Builder], Builder]:
    """Registers a network's builder for `create_model` and the command line, and completes its docstring.

    Args:
        name: name of the network.
        presets: see `Network`.
        default: see `Network`.
        needs_context: see `Network`.
        renamed: see `Network`.

    Returns:
        A function decorator.
    """

    def decorate(builder: Builder) -> Builder:
        _NETWORKS[name] = Network(builder, presets, default, needs_context, renamed or {})
        return complete(NETWORK)(builder)

    return decorate


def register_encoders(
    configs: Mapping[str, Any], conversion: Conversion, *, renamed: Mapping[str, str] | None = None
) -> Callable[[Builder], Builder]:
    """Registers the variants of an encoder for `create_model` and the import of weights.

    Args:
        configs: name of the variant, which is the first argument of the builder, to its configuration.
        conversion: of their published weights.
        renamed: see `Encoder`.

    Returns:
        A function decorator, which completes the builder's docstring.
    """

    def decorate(builder: Builder) -> Builder:
        for variant, config in configs.items():
            _ENCODERS[variant] = Encoder(functools.partial(builder, variant), config, conversion, renamed or {})
        return complete(BACKBONE)(builder)

    return decorate


def list_models() -> list[str]:
    """Returns the names of the networks that `create_model` builds, sorted."""
    return sorted(_NETWORKS)


def list_encoders() -> dict[str, Any]:
    """Returns the encoders that `create_model` builds as well, by name, with their configurations."""
    return {name: encoder.config for name, encoder in _ENCODERS.items()}


def list_conversions() -> list[Conversion]:
    """Returns the conversions of published weights, one for each kind of encoder."""
    return list({encoder.conversion.name: encoder.conversion for encoder in _ENCODERS.values()}.values())


def list_presets(name: str) -> list[str]:
    """Returns the names of a network's presets, smallest first.

    Raises:
        ValueError: if the network is unknown.
    """
    return list(_network(name).presets)


def needs_context(name: str) -> bool:
    """Returns whether a network needs neighbouring slices as the channels of its images.

    Raises:
        ValueError: if the network is unknown.
    """
    return _network(name).needs_context


def takes(name: str, argument: str) -> bool:
    """Returns whether a network's builder has an argument of that name.

    Raises:
        ValueError: if the network is unknown.
    """
    return argument in inspect.signature(_network(name).builder).parameters


def build(name: str, *, preset: str | None = None, **kwargs: Any) -> keras.Model:
    """Builds a network or an encoder by name, with random weights.

    Args:
        name: name of the network or encoder.
        preset: one of `list_presets(name)`; None for the default.
        **kwargs: arguments of the builder, also by the names of earlier versions; they override the preset's.

    Raises:
        ValueError: if the name or preset is unknown, or the builder refuses an argument.
    """
    if name in _ENCODERS:
        if preset is not None:
            raise ValueError(f"{name} has no presets, and so not {preset!r}")
        encoder = _ENCODERS[name]
        return encoder.builder(**_translate(kwargs, encoder.renamed))
    network = _network(name)
    preset = preset or network.default
    if preset not in network.presets:
        raise ValueError(f"unknown preset {preset!r} of {name}; known are {', '.join(network.presets)}")
    return network.builder(**{**network.presets[preset], **_translate(kwargs, network.renamed)})


def _translate(arguments: Mapping[str, Any], renamed: Mapping[str, str]) -> dict[str, Any]:
    return {renamed.get(name, name): value for name, value in arguments.items()}


def _network(name: str) -> Network:
    if name not in _NETWORKS:
        raise ValueError(f"unknown model {name!r}; known are {', '.join(list_models())}")
    return _NETWORKS[name]
