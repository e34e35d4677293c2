"""Completion of values by shells."""

import importlib.util
import pathlib
import re
from collections.abc import Callable, Sequence

import click
from click.shell_completion import CompletionItem

_PATHS = {"DIR": "dir", **dict.fromkeys(("FILE", "PATH", "CSV", "RUN", "DOCUMENT"), "file")}


def complete_values(parameters: Sequence[click.Parameter]) -> None:
    """Adds completion to the parameters that take any text."""
    for parameter in parameters:
        if type(parameter.type) is click.types.StringParamType:
            parameter.type = _COMPLETED


class _Completed(click.types.StringParamType):
    """Text that shells complete.

    A placeholder such as `train|validation` completes to its words, `NAME|FILE` to files and to the names in `_NAMES`
    of the parameter.
    """

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """See `click.ParamType`. Paths come first: bash forgets what comes before them."""
        placeholder = param.metavar or (str(param.name).upper() if isinstance(param, click.Argument) else "")
        paths = dict.fromkeys(_PATHS[word] for word in re.findall(r"[A-Z]+", placeholder) if word in _PATHS)
        words = [*filter(str.islower, placeholder.split("|")), *_NAMES.get(str(param.name), list)()]
        return [
            *(CompletionItem(incomplete, type=kind) for kind in paths),
            *(CompletionItem(word) for word in words if word.startswith(incomplete)),
        ]


_COMPLETED = _Completed()


def _layouts() -> Sequence[str]:
    from pipelines.layouts import LAYOUTS

    return LAYOUTS


def _recipes() -> Sequence[str]:
    from cafct_keras.recipes import list_recipes

    return list_recipes()


def _networks() -> Sequence[str]:
    """Names of the networks, whose folders these are: their registry needs Keras."""
    spec = importlib.util.find_spec("cafct_keras.models")
    folders = (spec and spec.submodule_search_locations) or []
    return sorted(file.parent.name for folder in folders for file in pathlib.Path(folder).glob("*/model.py"))


# Of a parameter, to names that it takes.
_NAMES: dict[str, Callable[[], Sequence[str]]] = {
    "layout": _layouts,
    "config": _recipes,
    "model": _networks,
    "models": _networks,
    "into": _networks,
}
