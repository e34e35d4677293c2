"""Fields of a configuration: declared with a help text and a range, and normalized to one form of every value."""

import dataclasses
import math
import numbers
import os
import types
import typing
from collections.abc import Mapping
from typing import Any

from cafct_keras.errors import UserError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Option:
    """Declaration of a field.

    Attributes:
        help: one line for `--help`.
        name: of the option, where the field is called otherwise.
        flag: on the command line, where it is not the name.
        metavar: of the value in `--help`.
        choices: the only values.
        minimum, above, maximum, below: bounds of a number, the second and fourth exclusive.
        changeable: whether a resumed run may have another value.
        by_data: whether a recipe of a model leaves the value to the recipe of the data.
    """

    help: str
    name: str = ""
    flag: str = ""
    metavar: str | None = None
    choices: tuple[str, ...] = ()
    minimum: float = -math.inf
    above: float = -math.inf
    maximum: float = math.inf
    below: float = math.inf
    changeable: bool = False
    by_data: bool = False

    def problem(self, value: Any) -> str | None:
        """What is wrong with a value, in words; None if nothing is."""
        if self.choices and not isinstance(value, tuple) and value not in self.choices:
            return f"unknown; choose {', '.join(self.choices)}"
        if isinstance(value, tuple):
            return next(filter(None, map(self.problem, value)), None)
        if not isinstance(value, int | float) or isinstance(value, bool):
            return None
        inside = self.minimum <= value <= self.maximum and self.above < value < self.below
        if inside and math.isfinite(value):
            return None
        bounds = [
            f"{words} {bound:g}" if abs(bound) < 1e6 else f"{words} {bound:.0f}"
            for words, bound in (
                ("at least", self.minimum),
                ("above", self.above),
                ("at most", self.maximum),
                ("below", self.below),
            )
            if math.isfinite(bound)
        ]
        return f"must be {' and '.join(bounds) or 'finite'}"


def option(text: str, default: Any = None, **declared: Any) -> Any:
    """Declares a field of a group.

    Args:
        text: help text, see `Option`.
        default: of the field, or a function that creates it; None for a value that is filled in later.
        **declared: see `Option`.
    """
    metadata = {"option": Option(help=text, **declared)}
    if callable(default):
        return dataclasses.field(default_factory=default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


class Group:
    """Base of the groups: brings values to one form, whether they come from Python, JSON, TOML or the command line."""

    def __post_init__(self) -> None:
        for name, kind in _kinds(type(self)).items():
            try:
                object.__setattr__(self, name, _normalized(kind, getattr(self, name)))
            except ValueError as error:
                raise UserError(f"`{_name_of_option(type(self), name)}` {getattr(self, name)}: {error}") from error


def shown(value: Any) -> str:
    """A value in a message."""
    if dataclasses.is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        value = {name: amount for name, amount in value.items() if amount}
    if isinstance(value, dict):
        return " ".join(f"{name}={each}" for name, each in value.items()) or "none"
    if isinstance(value, tuple):
        return " ".join(map(shown, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _kinds(cls: Any) -> dict[str, Any]:
    """Types of a group's fields; a default of None may be given, too."""
    hints = typing.get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls)}
    return {name: hint | None if fields[name].default is None else hint for name, hint in hints.items()}


def _normalized(kind: Any, value: Any) -> Any:
    """A value in the form that its type has here.

    Raises:
        ValueError: it is of another type.
    """
    if isinstance(kind, types.UnionType):
        return None if value is None else _normalized(typing.get_args(kind)[0], value)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        if not isinstance(value, kind):
            raise ValueError(f"must be a {kind.__name__}")
        return value
    if kind is bool and isinstance(value, bool):
        return value
    if kind is int and isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return int(value)
    if kind is float and isinstance(value, numbers.Real) and not isinstance(value, bool):
        return float(value)
    if kind is str and isinstance(value, str | os.PathLike | int) and not isinstance(value, bool):
        return str(value)
    if kind is dict and isinstance(value, Mapping):
        return {str(name): _normalized_json(each) for name, each in value.items()}
    if typing.get_origin(kind) is tuple and isinstance(value, list | tuple):
        inner = typing.get_args(kind)
        if inner[-1] is Ellipsis:
            return tuple(_normalized(inner[0], each) for each in value)
        if len(inner) == len(value):
            return tuple(_normalized(each, one) for each, one in zip(inner, value, strict=True))
    words = {bool: "true or false", int: "an integer", float: "a number", str: "text", dict: "a table"}
    raise ValueError(f"must be {words.get(kind, 'a list of the right length')}")


def _normalized_json(value: Any) -> Any:
    """What JSON makes of a value, but for whole numbers as keys, which it makes strings of."""
    if isinstance(value, Mapping):
        return {
            int(name) if isinstance(name, str) and name.isdecimal() else name: _normalized_json(each)
            for name, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [_normalized_json(each) for each in value]
    return value.item() if hasattr(value, "item") else value  # NumPy's numbers


def plain(value: Any) -> Any:
    """A value as JSON and TOML hold it: lists for tuples, text for keys."""
    if isinstance(value, dict):
        return {str(name): plain(each) for name, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list | tuple) else value


def group_from_dict(cls: Any, values: Any, where: str) -> Any:
    """Creates a dataclass, and those in it, from nested dictionaries; fields that are left out keep their defaults.

    Args:
        cls: the dataclass.
        values: of its fields.
        where: its own key with a dot at the end, for errors; empty for the outermost.

    Raises:
        UserError: an unknown field, or a value of another type.
    """
    if not isinstance(values, Mapping):
        raise UserError(f"{where.removesuffix('.') or 'the configuration'}: must be a table")
    kinds = _kinds(cls)
    found = {}
    for name, value in values.items():
        if name not in kinds:
            raise UserError(f"{where}{name}: unknown; choose {', '.join(kinds)}")
        kind = kinds[name]
        inner = typing.get_args(kind)[0] if isinstance(kind, types.UnionType) else kind
        if dataclasses.is_dataclass(inner) and value is not None:
            found[name] = group_from_dict(inner, value, f"{where}{name}.")
            continue
        try:
            found[name] = _normalized(kind, value)
        except ValueError as error:
            raise UserError(f"{where}{name} {value}: {error}") from error
    return cls(**found)


def _name_of_option(cls: Any, field: str) -> str:
    found = next(each.metadata.get("option") for each in dataclasses.fields(cls) if each.name == field)
    return found.name or field if found else field
