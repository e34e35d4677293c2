"""Resolving a configuration: values from the recipe for what is left open, and all checks that need no data."""

import math
import pathlib
from typing import Any

import keras

from cafct_keras.errors import UserError
from cafct_keras.layers.initializers import skip_initialization
from cafct_keras.models.choice import check_network
from cafct_keras.models.inputs import STRIDE
from cafct_keras.optimizers import OPTAX_PREFIX, optimizer_arguments
from cafct_keras.recipes import list_recipes, load_config
from cafct_keras.runs.config import OPTIONS, FitConfig, shown
from cafct_keras.runs.groups import DataConfig
from cafct_keras.training.compiling import build_model
from cafct_keras.training.durations import Interval, seconds
from cafct_keras.weights.loading import arguments_for
from pipelines.folds import Fold

# Momentum and weight decay, which not every optimizer has.
_OF_SOME_OPTIMIZERS = ("momentum", "weight_decay")


def resolve(config: FitConfig) -> FitConfig:
    """Fills in what a configuration leaves open, and checks it.

    Args:
        config: as it was asked for.

    Returns:
        The configuration of a run: None is left only where it means "none".

    Raises:
        UserError: a value is unknown, out of range or does not go with another.
    """
    config.check()
    check_network(config.model.name)
    filled = fill(config)
    _check_together(filled)
    _check_model_options(filled)
    return filled


def fill(config: FitConfig) -> FitConfig:
    """Fills in what a configuration leaves open.

    Raises:
        UserError: the model has no recipe of its own, or the optimizer is unknown.
    """
    recipe = _recipe(config)
    values = {name: recipe[name] for name in recipe if config[name] is None}
    optimizer = values.get("optimizer", config["optimizer"])
    has = optimizer_arguments(optimizer)
    for name in _OF_SOME_OPTIMIZERS:
        if config[name] and name not in has:
            raise UserError(f"`{name}` {shown(config[name])}: `optimizer` {optimizer} has none; leave it out")
        if config[name] is None and (name not in has or optimizer.startswith(OPTAX_PREFIX)):
            values[name] = None
    if config["warmup_epochs"] is None:
        # A run of an epoch or two has no room for an epoch of warm-up.
        warmup = min(values["warmup_epochs"], values.get("epochs", config["epochs"]) / 4)
        values["warmup_epochs"] = warmup if values.get("schedule", config["schedule"]) == "cosine" else 0.0
    if config.model.prior is None:
        values["prior"] = 0.5 if config.data.target == "liver" else 0.01
    values["model_options"] = {**arguments_for(config.model.name, config.model.weights), **config.model.options}
    if config.out is None:
        values["out"] = _free_name(config.data.path, config.data.target)
    return config.replace(**values)


def check_session(config: FitConfig) -> None:
    """Checks the options that a resumed run may be given.

    Raises:
        UserError: a value is out of range.
    """
    config.check()
    Interval("checkpoint_every", config.session.checkpoint_every)
    if config.session.time_limit is not None:
        seconds("time_limit", config.session.time_limit)


def _recipe(config: FitConfig) -> dict[str, Any]:
    """Option to its value by the recipe, for those that the recipe decides."""
    paper = load_config("paper")
    of_data = load_config("phantom") if config.data.path == "phantom" else paper
    layers = [of_data, paper]
    if config.recipe == "own":
        if config.model.name not in list_recipes():
            raise UserError(
                f"`recipe` own: none is known for {config.model.name}; choose paper, and the options that you want"
            )
        own = load_config(config.model.name)
        values = {
            name: _first(name, [of_data, paper] if place.option.by_data else [own, paper])
            for name, place in OPTIONS.items()
        }
    else:
        values = {name: _first(name, layers) for name in OPTIONS}
    return values


def _first(name: str, configs: list[FitConfig]) -> Any:
    return next((config[name] for config in configs if config[name] is not None), None)


def _check_together(config: FitConfig) -> None:
    data, model, optimizer, loss = config.data, config.model, config.optimizer, config.loss
    check_network(model.name, preset=model.preset, context=data.context)
    for name in ("size", "first_size"):
        if (size := getattr(data, name)) is not None and size % STRIDE:
            raise UserError(f"`{name}` {size}: must be a multiple of {STRIDE}")
    if (data.first_size is None) != (data.first_epochs is None):
        raise UserError("`first_size` and `first_epochs`: give both or neither")
    if data.first_size is not None and data.first_size >= data.size:
        raise UserError(f"`first_size` {data.first_size}: must be less than `size`, {data.size}")
    if data.first_epochs is not None and data.first_epochs >= optimizer.epochs:
        raise UserError(f"`first_epochs` {data.first_epochs}: must be fewer than `epochs`")
    if data.fold is not None:
        Fold.parse(data.fold)
        if not data.validation:
            raise UserError(f"`fold` {data.fold}: is validated on, and `validation` is off; leave out one of them")
    if data.window[0] >= data.window[1]:
        raise UserError(f"`window` {shown(data.window)}: must be a lower and a higher number of HU")
    if data.sampling.liver_fraction is not None and data.target != "both":
        raise UserError(f"`liver_fraction` {shown(data.liver_fraction)}: needs `target` both")
    if optimizer.warmup_epochs >= optimizer.epochs:
        raise UserError(f"`warmup_epochs` {shown(optimizer.warmup_epochs)}: must be fewer than `epochs`")
    if optimizer.warmup_epochs and optimizer.schedule != "cosine":
        raise UserError(f"`warmup_epochs` {shown(optimizer.warmup_epochs)}: goes with `schedule` cosine only")
    if not loss.bce_weight + loss.dice_weight:
        raise UserError("`bce_weight` 0 `dice_weight` 0: one of them must be above 0")
    alike = optimizer.epochs - (data.first_epochs or 0)
    if config.selection.average > alike:
        less = " less `first_epochs`" if data.first_epochs else ""
        raise UserError(f"`select_average` {config.selection.average}: must be at most `epochs`{less}, {alike}")
    for name, weights in (("tversky", loss.tversky), ("target_weights", loss.target_weights)):
        if weights is not None and not (min(weights) >= 0 and 0 < sum(weights) < math.inf):
            raise UserError(f"`{name}` {shown(weights)}: must be two numbers of at least 0, not both 0")
    if loss.target_weights is not None and data.target != "both":
        raise UserError(f"`target_weights` {shown(loss.target_weights)}: goes with `target` both only")
    if optimizer.accumulate > 1 and optimizer.batch_size % (optimizer.accumulate * config.session.devices):
        of_devices = f" times `devices` {config.session.devices}" if config.session.devices > 1 else ""
        of_parts = f"`accumulate` {optimizer.accumulate}{of_devices}"
        raise UserError(f"`batch_size` {optimizer.batch_size}: must be a multiple of {of_parts}")
    if optimizer.accumulate > 1 and keras.backend.backend() != "jax":
        raise UserError(f"`accumulate` {optimizer.accumulate}: needs the JAX backend; set KERAS_BACKEND=jax")
    if model.init_patients is not None and model.init is None:
        raise UserError(f"`init_patients` {model.init_patients}: goes with `init` only")
    if model.init is not None and model.weights:
        raise UserError("`init` and `weights`: use one of them")
    _check_augmentation(data)
    check_session(config)


def _check_model_options(config: FitConfig) -> None:
    """Builds the model without its weights, if it is not a preset's: its builder alone knows what its options mean."""
    if not config.model.options:
        return
    both, context = config.data.target == "both", config.data.context
    with skip_initialization():
        build_model(config, channels=2 * context + 1 if context else 3, classes=2 if both else 1)
    keras.utils.clear_session(free_memory=False)


def _check_augmentation(data: DataConfig) -> None:
    crop, lesions, smallest = data.augmentation.crop, data.augmentation.lesions, data.first_size or data.size
    if crop % STRIDE or crop > smallest:
        raise UserError(f"`crop` {crop}: must be a multiple of {STRIDE}, and at most {smallest}, as slices are")
    if lesions and data.target != "both":
        raise UserError(f"`lesions` {lesions:g}: needs `target` both, to know where the liver is")


def _free_name(data: str, target: str) -> str:
    """`runs/DATA-TARGET-N` with the first N that is free."""
    stem = pathlib.Path(data).resolve().name
    number = 1
    while (path := pathlib.Path("runs") / f"{stem}-{target}-{number}").exists():
        number += 1
    return str(path)
