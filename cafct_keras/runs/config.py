"""Configuration of a training run, in groups: data, model, optimizer, loss, selection and session.

Every field is an option: it has a help text and a range, may be set on the command line, in a TOML file and in Python,
and is recorded in `run.json`. Its option of `cafct-keras fit`, its check and whether a resumed run may change it all
follow from its declaration here.
"""

import dataclasses
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from cafct_keras.errors import UserError
from cafct_keras.runs.fields import Group, Option, group_from_dict, option, plain, shown
from cafct_keras.runs.groups import (
    DataConfig,
    LossConfig,
    ModelConfig,
    OptimizerConfig,
    SelectionConfig,
    SessionConfig,
)

RECIPES = ("paper", "own")


@dataclasses.dataclass(frozen=True, kw_only=True)
class FitConfig(Group):
    """Everything that can be chosen for a training run.

    A field that is left out takes the value of the recipe, see `cafct_keras.training.resolve`, and is None until then.
    Values may be given as in JSON or TOML: a list for a tuple, an integer for a float.

    Attributes:
        data, model, optimizer, loss, selection, session: the groups.
        recipe: `"paper"` trains every model by the paper's recipe (on the phantom, by one that suits it), `"own"` each
            by the one that its authors published.
        seed: random seed.
        deterministic: whether GPUs add up in a fixed order; CPUs always do.
        out: run folder to create; None for `runs/DATA-TARGET-N`.

    Raises:
        UserError: a value is of another type than its field.
    """

    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    model: ModelConfig = dataclasses.field(default_factory=ModelConfig)
    optimizer: OptimizerConfig = dataclasses.field(default_factory=OptimizerConfig)
    loss: LossConfig = dataclasses.field(default_factory=LossConfig)
    selection: SelectionConfig = dataclasses.field(default_factory=SelectionConfig)
    session: SessionConfig = dataclasses.field(default_factory=SessionConfig)
    recipe: str = option(
        "paper: every model by the paper's recipe; own: by the one that its authors published.",
        "paper",
        choices=RECIPES,
    )
    seed: int = option("Random seed.", 0, minimum=0, maximum=2**32 - 1)
    deterministic: bool = option("Bit-identical results on GPUs too, at some cost of speed.", False)
    out: str | None = option("Run folder to create.  [default: runs/DATA-TARGET-N]", metavar="DIR", changeable=True)

    @classmethod
    def from_options(cls, **options: Any) -> "FitConfig":
        """Makes a configuration of options by their names on the command line, such as `model_options`."""
        return cls().replace(**options)

    def replace(self, **options: Any) -> "FitConfig":
        """A copy with other values of some options, by their names on the command line."""
        changes: dict[str, dict[str, Any]] = {}
        for name, value in options.items():
            changes.setdefault(OPTIONS[name].group, {})[OPTIONS[name].field] = value
        groups = {
            group: dataclasses.replace(getattr(self, group), **values) for group, values in changes.items() if group
        }
        return dataclasses.replace(self, **groups, **changes.get("", {}))

    def options(self) -> dict[str, Any]:
        """Value of every option by its name on the command line."""
        return {name: self[name] for name in OPTIONS}

    def __getitem__(self, name: str) -> Any:
        """Value of the option of this name."""
        place = OPTIONS[name]
        return getattr(getattr(self, place.group) if place.group else self, place.field)

    def to_dict(self) -> dict[str, Any]:
        """Nested dictionaries of what JSON and TOML hold, without loss: `from_dict` gives an equal configuration."""
        return plain(dataclasses.asdict(self))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "FitConfig":
        """Makes a configuration of nested dictionaries; fields that are left out keep their defaults.

        Raises:
            UserError: for an unknown field, or a value of another type; it names the key, such as `optimizer.epochs`.
        """
        groups = {field.name for field in dataclasses.fields(cls)}
        for name in values:
            if name in OPTIONS and name not in groups:
                place = OPTIONS[name]
                raise UserError(f"{name}: belongs in a table; write {place.group}.{place.field}")
        return group_from_dict(cls, values, "")

    def check(self) -> None:
        """Checks every value by itself.

        Raises:
            UserError: for the first that is out of range.
        """
        for name, place in OPTIONS.items():
            value = self[name]
            problem = None if value is None else place.option.problem(value)
            if problem:
                raise UserError(f"`{name}` {shown(value)}: {problem}")


@dataclasses.dataclass(frozen=True)
class Place:
    """Where an option lies in a `FitConfig`: its group ("" for none), field, type and declaration."""

    group: str
    field: str
    type: Any
    option: Option


def _places() -> Iterator[tuple[str, Place]]:
    for group, kind in typing.get_type_hints(FitConfig).items():
        inside = dataclasses.is_dataclass(kind)
        owner: Any = kind if inside else FitConfig
        hints = typing.get_type_hints(owner)
        for field in dataclasses.fields(owner):
            if inside or field.name == group:
                option = field.metadata.get("option", Option(help=""))
                place = Place(group if inside else "", field.name, hints[field.name], option)
                yield option.name or field.name, place


OPTIONS: dict[str, Place] = dict(_places())
