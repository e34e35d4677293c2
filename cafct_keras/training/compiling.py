"""Building and compiling the model of a run."""

import math
from collections.abc import Sequence
from typing import Any

import keras

from cafct_keras import metrics
from cafct_keras.errors import UserError
from cafct_keras.losses import BCEDiceLoss
from cafct_keras.optimizers import Rate, cosine_schedule, make_optimizer, poly_schedule
from cafct_keras.runs.config import FitConfig
from cafct_keras.runs.fields import shown
from cafct_keras.runs.groups import OptimizerConfig
from cafct_keras.training.selection import score_name
from cafct_keras.weights import create_model


def network_arguments(config: FitConfig, *, channels: int, classes: int) -> dict[str, Any]:
    """Arguments with which `create_model` builds the model of a run, besides its name."""
    return {
        "preset": config.model.preset,
        "input_shape": (None, None, channels),
        "classes": classes,
        "prior": config.model.prior,
        **config.model.options,
    }


def build_model(config: FitConfig, *, channels: int, classes: int) -> keras.Model:
    """Builds the model of a run, with random weights.

    Raises:
        UserError: the model does not have one of its `model_options`, or not with this value.
    """
    arguments = network_arguments(config, channels=channels, classes=classes)
    try:
        return create_model(config.model.name, **arguments)
    except Exception as error:
        # A builder passes its options on, and what they meet there may raise anything.
        if not config.model.options or isinstance(error, MemoryError):
            raise
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"`model_options` {shown(config.model.options)}: {reason}") from error


def compile_for_training(
    model: keras.Model,
    config: FitConfig,
    *,
    targets: Sequence[str],
    steps_per_epoch: int,
    schedule_epochs: int,
    evaluated: int,
) -> metrics.SliceCounts:
    """Compiles a model for training on logits.

    Args:
        model: ends in logits.
        config: resolved configuration.
        targets: names of its classes.
        steps_per_epoch: steps per epoch.
        schedule_epochs: epochs over which the learning rate decays; it keeps its last value from there on.
        evaluated: slices of the largest part that is evaluated.

    Returns:
        What counts the pixels of the slices that are evaluated; see `selection` for the names of the other metrics.
    """
    optimizer = make_optimizer(
        config.optimizer.name,
        learning_rate=_learning_rate(config.optimizer, steps_per_epoch, schedule_epochs),
        momentum=config.optimizer.momentum,
        weight_decay=config.optimizer.weight_decay,
        clip_norm=config.optimizer.clip_norm,
    )
    batch_size = config.optimizer.batch_size
    slices = max(1, math.ceil(evaluated / batch_size)) * batch_size
    counts = metrics.SliceCounts(slices=slices, classes=len(targets), from_logits=True)
    measured: list[keras.metrics.Metric] = [counts]
    for index, target in enumerate(targets):
        for metric in (metrics.PooledDice, metrics.PooledIoU, metrics.PerSlicePositiveDice):
            name = score_name(targets, target, metric().name)
            measured.append(metric(name=name, from_logits=True, class_index=index))
    alpha, beta = config.loss.tversky or (0.5, 0.5)
    loss = BCEDiceLoss(
        from_logits=True,
        bce_weight=config.loss.bce_weight,
        dice_weight=config.loss.dice_weight,
        alpha=alpha,
        beta=beta,
        gamma=config.loss.focal_gamma,
        class_weights=config.loss.target_weights,
    )
    # Weighted, so that the padding of the last validation batch does not count.
    model.compile(optimizer, loss, weighted_metrics=measured)
    return counts


def _learning_rate(optimizer: OptimizerConfig, steps_per_epoch: int, schedule_epochs: int) -> Rate:
    rate, steps = optimizer.learning_rate, schedule_epochs * steps_per_epoch
    if optimizer.schedule == "cosine":
        return cosine_schedule(rate, steps=steps, warmup_steps=round(optimizer.warmup_epochs * steps_per_epoch))
    return poly_schedule(rate, steps=steps) if optimizer.schedule == "poly" else rate
