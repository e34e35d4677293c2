"""Options that several commands share."""

import contextlib
import dataclasses
import functools
import json
import types
import typing
from collections.abc import Callable
from typing import Any

import click

from cafct_keras.cli.sections import OF_A_RUN, SectionOption
from cafct_keras.recipes import load_config
from cafct_keras.runs.config import OPTIONS, FitConfig, Place, shown
from pipelines.loading.augmentation import Augmentation

_AUGMENTATION_HELP = {
    "flip": "Mirror both axes at random, and with them the patient's sides.",
    "quarter_turns": "Rotate by 90, 180 or 270 degrees.",
    "rotation": "Rotate by up to this many degrees.",
    "scale": "Zoom by up to this fraction.",
    "shift": "Shift by up to this fraction of the side.",
    "window_level": "Move the window's level by up to this many HU.",
    "window_width": "Change the window's width by up to this fraction.",
    "gamma": "Raise grey values to a power of up to e^GAMMA, or down to its inverse.",
    "brightness": "Add up to this fraction of the grey range.",
    "contrast": "Change the contrast by up to this fraction.",
    "noise": "Gaussian noise with up to this fraction of the grey range.",
    "lesions": "Paint synthetic lesions into the liver of this fraction of slices; of both targets.",
    "crop": "Squares of this side, most about a target, instead of whole slices.  [default: 0, whole]",
}


def model_options_of(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, Any]:
    """Texts `NAME=VALUE` to a dictionary; a value is JSON where it can be read so, else text."""
    options: dict[str, Any] = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.BadParameter(f"{text}: give NAME=VALUE")
        options[name] = value
        with contextlib.suppress(ValueError):
            options[name] = json.loads(value)
    return options


def config_options(*, without: tuple[str, ...] = ()) -> Callable[[Callable], Callable]:
    """Adds an option for every field of a `FitConfig` but those named, and `--config`."""

    def decorate(command: Callable) -> Callable:
        for name, place in reversed(OPTIONS.items()):
            if name == "augmentation":
                for field in reversed(dataclasses.fields(Augmentation)):
                    command = _augmentation_option(field)(command)
            elif name not in without:
                command = _option(name, place)(command)
        return click.option(
            "--config",
            metavar="NAME|FILE",
            help="Recipe that ships with cafct-keras, or a TOML file; options on the command line win.",
        )(command)

    return decorate


def chosen_config(values: dict[str, Any]) -> tuple[FitConfig, set[str]]:
    """The configuration of the command line, over that of `--config`.

    Args:
        values: parameters of the command; those of `config_options` are removed.

    Returns:
        The configuration, and the names of the options that the user chose here or there.

    Raises:
        UserError: the file cannot be read.
    """
    source = click.get_current_context().get_parameter_source
    given = {name for name in values if source(name) is not click.core.ParameterSource.DEFAULT}
    file = values.pop("config")
    config = FitConfig() if file is None else load_config(file)
    names = {name for name in OPTIONS if config[name] != FitConfig()[name]}
    options = {name: values.pop(name) for name in OPTIONS if name in values}
    augmentation = {field.name: values.pop(field.name) for field in dataclasses.fields(Augmentation)}
    changed = {name: value for name, value in augmentation.items() if name in given}
    # What is not changed here is left to the file, or else to the recipe.
    if changed and (any(changed.values()) or config.data.augmentation is not None):
        given.add("augmentation")
        options["augmentation"] = dataclasses.replace(config.data.augmentation or Augmentation(), **changed)
    given &= OPTIONS.keys()
    return config.replace(**{name: options[name] for name in given}), given | names


def _option(name: str, place: Place) -> Callable[[Callable], Callable]:
    declared, kind, default = place.option, _required(place.type), FitConfig()[name]
    help_text, flag = declared.help, declared.flag or f"--{name.replace('_', '-')}"
    declare = functools.partial(click.option, cls=SectionOption, section=OF_A_RUN.get(place.group))
    if kind is bool:
        flag = f"{flag}/--no-{flag[2:]}" if default else flag
        return declare(flag, name, default=default, is_flag=True, help=help_text)
    if kind is dict:
        return declare(flag, name, multiple=True, callback=model_options_of, metavar=declared.metavar, help=help_text)
    metavar = declared.metavar or ("|".join(declared.choices) or None)
    if typing.get_origin(kind) is tuple and typing.get_args(kind)[-1] is Ellipsis:
        return declare(flag, name, multiple=True, metavar=metavar, help=help_text)
    if "[default" not in help_text:
        help_text += _defaults(name, default)
    several: Any = typing.get_args(kind) if typing.get_origin(kind) is tuple else kind
    return declare(flag, name, type=several, default=default, metavar=metavar, help=help_text)


def _required(kind: Any) -> Any:
    """The type without its None."""
    return typing.get_args(kind)[0] if isinstance(kind, types.UnionType) else kind


def _defaults(name: str, default: Any) -> str:
    """The default in words: the field's own, or those of the recipes."""
    if default is not None:
        return f"  [default: {shown(default)}]"
    paper, phantom = (load_config(recipe)[name] for recipe in ("paper", "phantom"))
    texts = [shown(paper)] if paper is not None else []
    texts += [f"phantom: {shown(phantom)}"] if phantom not in (None, paper) else []
    return f"  [default: {'; '.join(texts)}]" if texts else ""


def _augmentation_option(field: dataclasses.Field) -> Callable[[Callable], Callable]:
    flag, help_text = f"--{field.name.replace('_', '-')}", _AUGMENTATION_HELP[field.name]
    declare = functools.partial(click.option, cls=SectionOption, section=OF_A_RUN["augmentation"], help=help_text)
    if field.type is bool:
        return declare(f"{flag}/--no-{flag[2:]}", field.name, default=False)
    kind = int if field.type is int else float
    return declare(flag, field.name, type=kind, default=kind(0))
