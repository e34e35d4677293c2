"""One training run, from config to a complete run folder, begun or continued."""

import contextlib
import functools
import pathlib
import time
import warnings

import keras
import numpy as np
from rich.console import Console

from cafct_keras.errors import UserError
from cafct_keras.runs.card import new_card, session, write_card, write_split
from cafct_keras.runs.checkpoints import has_checkpoints
from cafct_keras.runs.files import CHECKPOINTS, CURVES_FILE, SAMPLES_FILE, SPLIT_FILE
from cafct_keras.runs.lock import lock
from cafct_keras.runtime.compilation import cache_compilations
from cafct_keras.runtime.determinism import make_deterministic
from cafct_keras.training import plots
from cafct_keras.training.compiling import make_model
from cafct_keras.training.config import resolve
from cafct_keras.training.devices import distributed
from cafct_keras.training.errors import explained
from cafct_keras.training.initial_weights import begin
from cafct_keras.training.resume import check_unchanged, find_run, refuse_existing, resumed_config
from cafct_keras.training.stopping import RunStoppedError
from cafct_keras.training.summary import headline, summary
from cafct_keras.training.training import Training
from pipelines import open_source
from pipelines.errors import DataError
from pipelines.loading.slices import load_slices, network_images
from pipelines.loading.stream import batch_names

SAMPLES = 6


def fit(config, *, resume=False, given=None, console=None, quiet=False, started=None):
    """Trains a network and writes a run folder.

    A run that was killed at any moment and continued ends with the bits of one that was not, on the same machine. The
    learning rate follows the schedule that the run began with; epochs beyond it are trained at its last rate.

    Args:
        config: a `FitConfig`.
        resume: go on with the run in `config.out`, or begin it where there is none. A finished run is left as it is,
            unless there are to be more epochs.
        given: where a run goes on, the names of the options that the user chose and that must be the run's; None for
            all of them.
        console: a `rich.console.Console` to report to.
        quiet: plain lines even on a terminal.
        started: `time.perf_counter()` at the start of the command, for the time to the first step.

    Returns:
        The run card: what `run.json` holds.

    Raises:
        UserError, DataError: for a mistake in config or data, before anything is written; UserError too where the loss
            became NaN or infinite, with the best network so far kept.
        RunStoppedError: at SIGTERM, SIGINT or the time limit, with a checkpoint written.
    """
    console = console or Console()
    started = time.perf_counter() if started is None else started
    card = find_run(config, given) if resume else None
    if card is None:
        config = resolve(config)
        refuse_existing(config.out)
    else:
        config = resumed_config(config, card, given)
        if card["status"] == "finished" and config.optimizer.epochs == card["config"]["optimizer"]["epochs"]:
            folder = pathlib.Path(config.out)
            _say(console, f"{folder}: finished already; give more --epochs to train on\n{summary(card, folder)}")
            return card
    # What Keras numbers is numbered from the start, so that a process that trains several networks names their state as
    # a fresh one does.
    keras.utils.clear_session(free_memory=False)
    if config.deterministic:
        make_deterministic()
    with explained(config), distributed(config) as team:
        console = console if team.chief else Console(quiet=True)
        return _fit(config, card, team=team, console=console, quiet=quiet, started=started)


def _fit(config, card, *, team, console, quiet, started):
    """Loads data and network, and trains; `card` is None for a run that begins."""
    folder = pathlib.Path(config.out)
    cache_compilations()
    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy(config.model.precision)
    source, parts = _load(config)
    model = make_model(config, channels=parts["train"].channels, classes=len(parts["train"].targets))
    now = new_card(config, source, parts, model)
    if card is None:
        card = {**now, "began_with": begin(model, config)}
    else:
        check_unchanged(card, now, folder=folder, data=config.data.path)
        card |= {"status": "running", "config": now["config"]}
        card.setdefault("resumed", []).append(session())
        if not has_checkpoints(folder / CHECKPOINTS):  # killed before its first
            begin(model, config)
    training = Training(model, config, parts, schedule_epochs=card["schedule_epochs"], team=team)
    train = functools.partial(_train, training, config, card, parts, team=team)
    if not team.chief:
        return train(console=console, quiet=quiet, started=started)
    folder.mkdir(parents=True, exist_ok=True)
    with lock(folder):
        write_card(folder, card)
        write_split(parts, folder / SPLIT_FILE)
        for note in source.notes:
            _say(console, note)
        _say(console, headline(config, card, folder))
        return train(console=console, quiet=quiet, started=started)


def _load(config):
    source = open_source(
        config.data.path,
        layout=config.data.layout,
        target=config.data.target,
        size=config.data.size,
        patient_pattern=config.data.patient_pattern,
    )
    parts = load_slices(
        source,
        target=config.data.target,
        size=config.data.size,
        window=config.data.window,
        context=config.data.context,
        cache=config.data.cache,
        validation=config.data.validation,
    )
    slices = len(parts["train"].names)
    if not 1 <= config.optimizer.batch_size <= slices:
        raise DataError(
            f"--batch-size {config.optimizer.batch_size}: give 1 to {slices}, the number of training slices"
        )
    return source, parts


def _train(training, config, card, parts, *, team, console, quiet, started):
    """Trains, scores the best network and draws it; returns the card."""
    folder = pathlib.Path(config.out)
    training.prepare(console=console, quiet=quiet, started=started)
    history = training.history
    since = started - history.seconds
    card["status"] = "stopped"
    try:
        with _quiet_keras():
            training.run()
    except RunStoppedError as stopped:
        card["status"] = "interrupted"
        raise RunStoppedError(
            f"stopped by {stopped} after {history.batch} steps of epoch {history.epoch + 1} "
            f"of {config.optimizer.epochs}; go on with: cafct-keras fit --resume --out {folder}"
        ) from None
    finally:
        card["seconds"] = {"first_step": training.progress.first_step_s, "total": time.perf_counter() - since}
        if team.chief:
            write_card(folder, card)
    if training.bad_step is not None:
        raise _non_finite(training.bad_step, config, parts["train"], history, folder)
    if not team.chief:
        return card

    with _quiet_keras():
        best = training.take_best()
        card["best_epoch"] = history.best_epoch + 1
        scored = [part for part in ("validation", "test") if parts[part].names]
        card |= {part: training.evaluate(part) for part in scored}
        plots.plot_curves(history.by_name(), folder / CURVES_FILE, dice=training.dice)
        _plot_samples(best, parts[["train", *scored][-1]], folder / SAMPLES_FILE)
    card["status"] = "finished"
    card["data_wait"] = training.data_wait.share
    card["seconds"]["total"] = time.perf_counter() - since
    write_card(folder, card)
    _say(console, summary(card, folder))
    return card


def _say(console, text):
    console.print(text, highlight=False, soft_wrap=True)


def _plot_samples(model, slices, path):
    """A sheet of slices spread evenly over those that show the target (the last one, of two)."""
    shown = np.flatnonzero(slices.masks[..., -1].any(axis=(1, 2)))
    chosen = shown if len(shown) else np.arange(len(slices.names))
    chosen = chosen[np.linspace(0, len(chosen) - 1, min(SAMPLES, len(chosen))).round().astype(int)]
    images = network_images(slices.gather_images(chosen), context=slices.context)
    probabilities = model.predict(images, verbose=0)
    names = [slices.names[index] for index in chosen]
    plots.plot_samples(
        slices.images[chosen],
        slices.masks[chosen, ..., -1],
        probabilities[..., -1],
        names,
        path,
        title=slices.targets[-1],
    )


def _non_finite(step, config, train, history, folder):
    drawn = batch_names(
        train,
        step,
        batch_size=config.optimizer.batch_size,
        seed=config.seed,
        foreground_fraction=config.data.foreground_fraction,
    )
    names = ", ".join(drawn)
    cause = f"a learning rate of {config.optimizer.learning_rate:g} that is too high"
    if config.model.precision == "mixed_float16":
        cause += " or an overflow of float16"
    kept = "no network was saved yet"
    if history.best_epoch is not None:
        kept = f"the network of epoch {history.best_epoch + 1} is kept in {folder}"
    return UserError(
        f"the loss became NaN or infinite at step {step} (slices {names}); the likely cause is {cause}: "
        f"try --learning-rate {config.optimizer.learning_rate / 10:g}; {kept}"
    )


@contextlib.contextmanager
def _quiet_keras():
    """Keeps warnings about Keras's and JAX's own internals from the user, who can mend none of them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"(keras|jax|numpy)\b.*")
        warnings.filterwarnings("ignore", message=".*__array__ implementation.*")
        warnings.filterwarnings("ignore", message=".*int64.*")
        yield
