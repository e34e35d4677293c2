"""Configuration of a training run, in groups: data, model, optimizer, loss and session.

Every field is an option: it has a help text and a range, may be set on the command line, in a TOML file and in Python,
and is recorded in `run.json`. Its option of `cafct-keras fit`, its check and whether a resumed run may change it all
follow from its declaration here.
"""

import dataclasses
import functools
import math
import numbers
import os
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from cafct_keras.errors import UserError
from pipelines.loading.augmentation import Augmentation

TARGETS = ("lesion", "liver", "both")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
SCHEDULES = ("cosine", "poly", "constant")
RECIPES = ("paper", "own")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Option:
    """Declaration of a field.

    Attributes:
        help: one line for `--help`.
        name: of the option, where the field is called otherwise.
        metavar: of the value in `--help`.
        choices: the only values.
        minimum, above, maximum, below: bounds of a number, the second and fourth exclusive.
        changeable: whether a resumed run may have another value.
        by_data: whether a recipe of a model leaves the value to the recipe of the data.
    """

    help: str
    name: str = ""
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
        if self.choices and value not in self.choices:
            return f"unknown; choose {', '.join(self.choices)}"
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


def _option(help: str, default: Any = None, **declared: Any) -> Any:  # noqa: A002
    metadata = {"option": Option(help=help, **declared)}
    if callable(default):
        return dataclasses.field(default_factory=default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


class _Group:
    """Base of the groups: brings values to one form, whether they come from Python, JSON, TOML or the command line."""

    def __post_init__(self) -> None:
        for name, kind in _kinds(type(self)).items():
            try:
                object.__setattr__(self, name, _normalized(kind, getattr(self, name)))
            except ValueError as error:
                raise UserError(f"`{_option_name(type(self), name)}` {getattr(self, name)}: {error}") from error


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataConfig(_Group):
    """Data, and how slices are made from them."""

    path: str = _option(
        "phantom (synthetic CT), or a folder in any layout (./phantom).",
        "phantom",
        name="data",
        metavar="DIR",
        changeable=True,  # the fingerprint tells whether they are the same
    )
    layout: str | None = _option("Layout of the folder, such as nifti or dicom.  [default: detected]")
    patient_pattern: str | None = _option("Regular expression whose first group is the patient in a slice's name.")
    target: str = _option("What to segment; both has two output channels, liver first.", "lesion", choices=TARGETS)
    window: tuple[float, float] = _option("Window in HU, for data in HU.", metavar="LOW HIGH", by_data=True)
    size: int = _option("Height and width in pixels, a multiple of 32.", minimum=32, by_data=True)
    context: int = _option("Neighboring slices on either side that the model sees too (2.5-D).", 0, minimum=0)
    cache: str = _option(
        "Where slices are kept: in memory, or in a temporary file.", "ram", choices=("ram", "none"), changeable=True
    )
    foreground_fraction: float | None = _option(
        "Fraction of each batch that contains the target.  [default: as in the data]", above=0, below=1
    )
    validation: bool = _option(
        "Choose the best epoch on validation slices, or train on them too and keep the last epoch.", True
    )
    augmentation: Augmentation = _option("Random changes to training slices.")  # noqa: RUF009


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelConfig(_Group):
    """The model and its initial weights."""

    name: str = _option("The model.", "cafct_net", name="model")
    preset: str | None = _option(
        "Size of the model: tiny, small, base or large.  [default: base; phantom: tiny]", by_data=True
    )
    options: dict = _option(  # noqa: RUF009
        "Argument of the model's builder, such as fusion=concat; may be repeated.",
        dict,
        name="model_options",
        metavar="NAME=VALUE",
    )
    prior: float = _option(
        "Fraction of foreground that the untrained model predicts.  [default: 0.01; liver: 0.5]", above=0, below=1
    )
    precision: str = _option("Precision: a Keras dtype policy.", "float32", choices=PRECISIONS)
    init: str | None = _option("Initialize from this run folder or .keras file.", metavar="RUN")
    weights: tuple[str, ...] = _option(
        "Initialize encoders from this file (see import-weights) and normalize images as on ImageNet; repeatable.",
        (),
        metavar="FILE",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class OptimizerConfig(_Group):
    """The optimizer, its schedule, and how long it runs."""

    name: str = _option("sgd, nesterov, adam, adamw or optax:NAME.", name="optimizer")
    learning_rate: float = _option("Peak learning rate.", above=0)
    momentum: float | None = _option("Momentum of sgd and nesterov.", minimum=0, below=1)
    weight_decay: float | None = _option("Decoupled weight decay of sgd, nesterov, adamw and some of optax.", minimum=0)
    clip_norm: float | None = _option("Clip gradients to this global norm.  [default: none; phantom: 1]", above=0)
    schedule: str = _option(
        "Decay of the learning rate: cosine to a hundredth of the peak, poly to 0.", choices=SCHEDULES
    )
    warmup_epochs: float = _option("Epochs of linear warm-up before a cosine.", minimum=0)
    epochs: int = _option("Passes over the training slices.", minimum=1, changeable=True, by_data=True)
    batch_size: int = _option("Slices per step.", minimum=1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LossConfig(_Group):
    """Weights of the two terms of the loss, see `BCEDiceLoss`."""

    bce_weight: float = _option("Weight of the cross-entropy in the loss.", minimum=0)
    dice_weight: float = _option("Weight of the Dice loss.", minimum=0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SessionConfig(_Group):
    """One start of a run: a resumed run takes these from the command that resumes it."""

    checkpoint_every: str = _option("Time between checkpoints, such as 90s, 30m or 2h, or a number of steps.", "5m")
    time_limit: str | None = _option(
        "Stop after this time (90s, 30m, 2h) as at a signal, to be resumed.", metavar="TIME"
    )
    devices: int = _option("Devices per process that share every batch.", 1, minimum=1)
    coordinator: str | None = _option("Address at which the first of several processes listens.", metavar="HOST:PORT")
    processes: int | None = _option("Number of processes.  [default: from SLURM or Open MPI]", minimum=1)
    process_id: int | None = _option("Index of this process, from 0.  [default: from SLURM or Open MPI]", minimum=0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FitConfig(_Group):
    """Everything that can be chosen for a training run.

    A field that is left out takes the value of the recipe, see `cafct_keras.training.resolve`, and is None until then.
    Values may be given as in JSON or TOML: a list for a tuple, an integer for a float.

    Attributes:
        data, model, optimizer, loss, session: the groups.
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
    session: SessionConfig = dataclasses.field(default_factory=SessionConfig)
    recipe: str = _option(
        "paper: every model by the paper's recipe; own: by the one that its authors published.",
        "paper",
        choices=RECIPES,
    )
    seed: int = _option("Random seed.", 0, minimum=0, maximum=2**32 - 1)
    deterministic: bool = _option("Bit-identical results on GPUs too, at some cost of speed.", False)
    out: str | None = _option("Run folder to create.  [default: runs/DATA-TARGET-N]", metavar="DIR", changeable=True)

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
        return _plain(dataclasses.asdict(self))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "FitConfig":
        """Makes a configuration of nested dictionaries; fields that are left out keep their defaults.

        Raises:
            UserError: for an unknown field, or a value of another type; it names the key, such as `optimizer.epochs`.
        """
        return _from_dict(cls, values, "")

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


def shown(value: Any) -> str:
    """A value in a message."""
    if dataclasses.is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        value = {name: amount for name, amount in value.items() if amount}
    if isinstance(value, dict):
        return " ".join(f"{name}={each}" for name, each in value.items()) or "none"
    if isinstance(value, tuple):
        return " ".join(map(str, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


@functools.cache
def _kinds(cls: type) -> dict[str, Any]:
    """Types of a group's fields; a default of None may be given, too."""
    hints = typing.get_type_hints(cls)
    fields: dict[str, dataclasses.Field] = cls.__dataclass_fields__  # type: ignore[attr-defined]
    return {name: hint | None if fields[name].default is None else hint for name, hint in hints.items()}


def _normalized(kind: Any, value: Any) -> Any:
    """A value in the form that its type has here.

    Raises:
        ValueError: it is of another type.
    """
    if isinstance(kind, types.UnionType):
        return None if value is None else _normalized(typing.get_args(kind)[0], value)
    if dataclasses.is_dataclass(kind):
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


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def _from_dict(cls: Any, values: Any, where: str) -> Any:
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
            found[name] = _from_dict(inner, value, f"{where}{name}.")
            continue
        try:
            found[name] = _normalized(kind, value)
        except ValueError as error:
            raise UserError(f"{where}{name} {value}: {error}") from error
    return cls(**found)


def _option_name(cls: type, field: str) -> str:
    option = cls.__dataclass_fields__[field].metadata.get("option")  # type: ignore[attr-defined]
    return option.name or field if option else field


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
