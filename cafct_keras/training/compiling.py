"""From config to a compiled network."""

from cafct_keras import metrics
from cafct_keras.errors import UserError
from cafct_keras.losses import BCEDiceLoss
from cafct_keras.models import create_model
from cafct_keras.optimizers import cosine_schedule, make_optimizer, poly_schedule


def make_model(config, *, channels, classes):
    """Builds the network of a run.

    Raises:
        UserError: for an option that the network does not have.
    """
    try:
        return create_model(
            config.model.name,
            preset=config.model.preset,
            input_shape=(None, None, channels),
            classes=classes,
            **{"prior": config.model.prior, **config.model.options},
        )
    except (TypeError, ValueError) as error:
        raise UserError(f"`model_options`: {error}") from error


def compile_for_training(model, config, *, targets, steps_per_epoch, schedule_epochs):
    """Compiles a network for training on logits.

    Args:
        model: to logits.
        config: resolved `FitConfig`.
        targets: names of its classes.
        steps_per_epoch: of the run.
        schedule_epochs: epochs over which the learning rate falls; it stays where it is from there on.

    Returns:
        Name of the Dice metric that counts.
    """
    rate, steps = config.optimizer.learning_rate, schedule_epochs * steps_per_epoch
    if config.optimizer.schedule == "cosine":
        rate = cosine_schedule(rate, steps=steps, warmup_steps=round(config.optimizer.warmup_epochs * steps_per_epoch))
    elif config.optimizer.schedule == "poly":
        rate = poly_schedule(rate, steps=steps)
    optimizer = make_optimizer(
        config.optimizer.name,
        learning_rate=rate,
        momentum=config.optimizer.momentum,
        weight_decay=config.optimizer.weight_decay,
        clip_norm=config.optimizer.clip_norm,
    )
    measured = []
    for index, target in enumerate(targets):
        prefix = f"{target}_" if len(targets) > 1 else ""
        for metric in (metrics.PooledDice, metrics.PooledIoU, metrics.PerSlicePositiveDice):
            name = prefix + metric().name
            measured.append(metric(name=name, from_logits=True, class_index=index))
    # Weighted, so that the filling of the last validation batch does not count.
    loss = BCEDiceLoss(from_logits=True, bce_weight=config.loss.bce_weight, dice_weight=config.loss.dice_weight)
    model.compile(optimizer, loss, weighted_metrics=measured)
    # With two targets, the lesion's.
    return measured[-3].name
