"""One training run, from options to a complete run folder."""

import contextlib
import csv
import dataclasses
import datetime as dt
import json
import pathlib
import shlex
import sys
import time
import warnings

import keras
import numpy as np
from rich.console import Console

from cafct_keras import metrics
from cafct_keras.backend import cache_compilations
from cafct_keras.environment import environment
from cafct_keras.errors import UserError
from cafct_keras.losses import BCEDiceLoss
from cafct_keras.models import create_model, load_model, logits_model
from cafct_keras.models.saving import MODEL_FILE, RUN_FILE, RUN_FORMAT
from cafct_keras.optimizers import cosine_schedule, make_optimizer, poly_schedule
from cafct_keras.training import figures
from cafct_keras.training.beginning import begin
from cafct_keras.training.callbacks import Checkpoints, Events, NonFiniteGuard
from cafct_keras.training.data_wait import DataWait
from cafct_keras.training.progress import TrainingProgress, duration
from pipelines import open_source
from pipelines.errors import DataError
from pipelines.slices import foreground_counts, load_slices
from pipelines.stream import batch_names, evaluation_stream, sampled_counts, training_stream

SPLIT_FILE = "split.csv"
SAMPLES = 6


def fit(options, *, console=None, quiet=False, started=None):
    """Trains a network and writes a run folder.

    Args:
        options: a `FitOptions`.
        console: a `rich.console.Console` to report to.
        quiet: plain lines even on a terminal.
        started: `time.perf_counter()` at the start of the command, for the time to the first step.

    Returns:
        The run card: what `run.json` holds.

    Raises:
        UserError, DataError: for a mistake in options or data, before anything is written; UserError too where the loss
            became NaN or infinite, with the best network so far kept.
    """
    console = console or Console()
    started = time.perf_counter() if started is None else started
    options = options.resolved()
    cache_compilations()
    keras.utils.set_random_seed(options.seed)
    keras.config.set_dtype_policy(options.precision)

    source = open_source(
        options.data,
        layout=options.layout,
        target=options.target,
        size=options.size,
        patient_pattern=options.patient_pattern,
    )
    parts = load_slices(
        source,
        target=options.target,
        size=options.size,
        window=options.window,
        context=options.context,
        cache=options.cache,
    )
    train = parts["train"]
    if not 1 <= options.batch_size <= len(train.names):
        raise DataError(
            f"--batch-size {options.batch_size}: give 1 to {len(train.names)}, the number of training slices"
        )
    steps_per_epoch = len(train.names) // options.batch_size
    steps = steps_per_epoch * options.epochs

    sampling = {"seed": options.seed, "foreground_fraction": options.foreground_fraction}
    stream = training_stream(
        train, batch_size=options.batch_size, steps=steps, augmentation=options.augmentation, **sampling
    )

    model = _make_model(options, channels=train.channels, classes=len(train.targets))
    began_with = begin(model, options)
    trained = logits_model(model)
    dice = _compile(trained, options, targets=train.targets, steps_per_epoch=steps_per_epoch, steps=steps)

    folder = pathlib.Path(options.out)
    folder.mkdir(parents=True)
    card = {**_card(options, source, parts, model), "began_with": began_with}
    _write(folder, card)
    _write_split(parts, folder / SPLIT_FILE)
    for note in source.notes:
        console.print(note, highlight=False, soft_wrap=True)
    console.print(_headline(options, card, folder), highlight=False, soft_wrap=True)

    guard = NonFiniteGuard(trained, steps_per_epoch=steps_per_epoch)
    checkpoints = Checkpoints(model, folder=folder, best_file=MODEL_FILE, monitor=f"val_{dice}", guard=guard)
    progress = TrainingProgress(
        epochs=options.epochs, steps_per_epoch=steps_per_epoch, dice=dice, console=console, quiet=quiet, started=started
    )
    data_wait = DataWait()
    callbacks = [
        data_wait,
        guard,
        checkpoints,
        keras.callbacks.CSVLogger(folder / "history.csv"),
        Events(folder / "events"),
        progress,
    ]
    validation = evaluation_stream(parts["validation"], batch_size=options.batch_size)
    try:
        with _quiet_keras():
            history = trained.fit(
                data_wait.timed(stream),
                epochs=options.epochs,
                steps_per_epoch=steps_per_epoch,
                validation_data=validation,
                callbacks=callbacks,
                shuffle=False,
                verbose=0,
            ).history
    finally:
        progress.close()
    card["seconds"] = {"first_step": progress.first_step_s, "total": time.perf_counter() - started}
    if guard.step is not None:
        card["status"] = "stopped"
        _write(folder, card)
        raise _non_finite(guard.step, options, train, checkpoints, folder)

    # From here on the best network, not the last.
    model.set_weights(load_model(folder).get_weights())
    card["best_epoch"] = checkpoints.best_epoch + 1
    card["validation"] = _evaluate(trained, parts["validation"], options)
    if parts["test"].names:
        card["test"] = _evaluate(trained, parts["test"], options)
    card["status"] = "finished"
    card["data_wait"] = data_wait.share
    card["seconds"]["total"] = time.perf_counter() - started
    figures.plot_curves(history, folder / "curves.png", dice=dice)
    _plot_samples(model, parts["test"] if parts["test"].names else parts["validation"], folder / "samples.png")
    _write(folder, card)
    console.print(_summary(card, folder), highlight=False, soft_wrap=True)
    return card


def _make_model(options, *, channels, classes):
    try:
        return create_model(
            options.model,
            preset=options.preset,
            input_shape=(None, None, channels),
            classes=classes,
            **{"prior": options.prior, **options.model_options},
        )
    except (TypeError, ValueError) as error:
        raise UserError(f"--model-option: {error}") from error


def _compile(model, options, *, targets, steps_per_epoch, steps):
    """Compiles for training on logits and returns the name of the Dice metric that counts."""
    rate = options.learning_rate
    if options.schedule == "cosine":
        rate = cosine_schedule(rate, steps=steps, warmup_steps=round(options.warmup_epochs * steps_per_epoch))
    elif options.schedule == "poly":
        rate = poly_schedule(rate, steps=steps)
    optimizer = make_optimizer(
        options.optimizer,
        learning_rate=rate,
        momentum=options.momentum,
        weight_decay=options.weight_decay,
        clip_norm=options.clip_norm,
    )
    measured = []
    for index, target in enumerate(targets):
        prefix = f"{target}_" if len(targets) > 1 else ""
        for metric in (metrics.PooledDice, metrics.PooledIoU, metrics.PerSlicePositiveDice):
            name = prefix + metric().name
            measured.append(metric(name=name, from_logits=True, class_index=index))
    # Weighted, so that the filling of the last validation batch does not count.
    loss = BCEDiceLoss(from_logits=True, bce_weight=options.bce_weight, dice_weight=options.dice_weight)
    model.compile(optimizer, loss, weighted_metrics=measured)
    # With two targets, the lesion's.
    return measured[-3].name


def _evaluate(model, slices, options):
    with _quiet_keras():
        stream = evaluation_stream(slices, batch_size=options.batch_size)
        return {name: float(value) for name, value in model.evaluate(stream, return_dict=True, verbose=0).items()}


def _card(options, source, parts, model):
    return {
        "format": RUN_FORMAT,
        "status": "running",
        "command": shlex.join(["cafct-keras", *sys.argv[1:]]),
        "started": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "options": dataclasses.asdict(options),
        "parameters": sum(int(np.prod(v.shape)) for v in model.trainable_variables),
        "data": {
            "layout": source.layout,
            "intensity": source.intensity,
            "fingerprint": source.fingerprint(),
            "notes": list(source.notes),
            "targets": list(parts["train"].targets),
            "sampled_per_epoch": sampled_counts(
                parts["train"],
                batch_size=options.batch_size,
                seed=options.seed,
                foreground_fraction=options.foreground_fraction,
            ),
            "split": {
                name: {
                    "slices": len(part.names),
                    "with_foreground": foreground_counts(part),
                    "patients": sorted(set(part.patients)),
                }
                for name, part in parts.items()
            },
        },
        **environment(),
    }


def _write(folder, card):
    aside = folder / f".{RUN_FILE}"
    aside.write_text(json.dumps(card, indent=2) + "\n")
    aside.replace(folder / RUN_FILE)


def _write_split(parts, path):
    """Lists every slice with its patient and its part, as a paired folder's index does."""
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "patient", "split"])
        for name, part in parts.items():
            table.writerows((*slice_, name) for slice_ in zip(part.names, part.patients, strict=True))


def _headline(options, card, folder):
    split = card["data"]["split"]
    counts = ", ".join(
        f"{name} {part['slices']} slices of {len(part['patients'])} patients" for name, part in split.items()
    )
    return (
        f"{options.model} {options.preset or 'base'} ({card['parameters']:,} parameters) on {card['data']['layout']}, "
        f"{options.target}, {options.size}x{options.size}: {counts}\n"
        f"{options.optimizer} {options.learning_rate:g}, batch {options.batch_size}, {options.epochs} epochs, "
        f"{card['backend']} on {card['devices'][0]}; run folder {folder}"
    )


def _summary(card, folder):
    lines = [f"best epoch {card['best_epoch']}, {duration(card['seconds']['total'])} in all"]
    for part in ("validation", "test"):
        scores = {name: value for name, value in card.get(part, {}).items() if name != "loss"}
        if scores:
            lines.append(f"{part:10s} " + "  ".join(f"{name} {value:.4f}" for name, value in scores.items()))
    return "\n".join([*lines, f"{folder / MODEL_FILE} is ready: cafct_keras.load_model({str(folder)!r})"])


def _plot_samples(model, slices, path):
    """A sheet of slices spread evenly over those that show the target (the last one, of two)."""
    shown = np.flatnonzero(slices.masks[..., -1].any(axis=(1, 2)))
    chosen = shown if len(shown) else np.arange(len(slices.names))
    chosen = chosen[np.linspace(0, len(chosen) - 1, min(SAMPLES, len(chosen))).round().astype(int)]
    images = slices.gather_images(chosen) / np.float32(255)
    images = images if slices.context else np.repeat(images, 3, axis=-1)
    with _quiet_keras():
        probabilities = model.predict(images, verbose=0)
    names = [slices.names[index] for index in chosen]
    figures.plot_samples(
        slices.images[chosen],
        slices.masks[chosen, ..., -1],
        probabilities[..., -1],
        names,
        path,
        title=slices.targets[-1],
    )


def _non_finite(step, options, train, checkpoints, folder):
    drawn = batch_names(
        train, step, batch_size=options.batch_size, seed=options.seed, foreground_fraction=options.foreground_fraction
    )
    names = ", ".join(drawn)
    cause = f"a learning rate of {options.learning_rate:g} that is too high"
    if options.precision == "mixed_float16":
        cause += " or an overflow of float16"
    kept = "no network was saved yet"
    if checkpoints.best_epoch is not None:
        kept = f"the network of epoch {checkpoints.best_epoch + 1} is kept in {folder}"
    return UserError(
        f"the loss became NaN or infinite at step {step} (slices {names}); the likely cause is {cause}: "
        f"try --learning-rate {options.learning_rate / 10:g}; {kept}"
    )


@contextlib.contextmanager
def _quiet_keras():
    """Keeps warnings about Keras's and JAX's own internals from the user, who can mend none of them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"(keras|jax|numpy)\b.*")
        warnings.filterwarnings("ignore", message=".*__array__ implementation.*")
        warnings.filterwarnings("ignore", message=".*int64.*")
        yield
