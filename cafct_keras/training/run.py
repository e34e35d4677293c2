"""A training run, from a configuration to a complete run folder."""

import contextlib
import dataclasses
import pathlib
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import numpy as np
from rich.console import Console

from cafct_keras.errors import RunStoppedError, UserError
from cafct_keras.runs.card import command_and_time, new_card, write_card, write_split
from cafct_keras.runs.checkpoints import has_checkpoints
from cafct_keras.runs.config import FitConfig
from cafct_keras.runs.contents import check_links, file_sums, foreign_files
from cafct_keras.runs.files import CHECKPOINTS, CURVES_FILE, SAMPLES_FILE, SPLIT_FILE
from cafct_keras.runs.lock import lock
from cafct_keras.runtime.compilation import cache_compilations
from cafct_keras.runtime.console import make_console
from cafct_keras.runtime.determinism import make_deterministic
from cafct_keras.training import plots
from cafct_keras.training.compiling import build_model
from cafct_keras.training.config import resolve
from cafct_keras.training.devices import ProcessGroup, distribution
from cafct_keras.training.errors import translate_errors
from cafct_keras.training.initial_weights import initialize_weights
from cafct_keras.training.loop import TrainingLoop, finite
from cafct_keras.training.reporting import Report, headline, summary
from cafct_keras.training.resume import change_of_targets, check_unchanged, find_run, refuse_existing, resumed_config
from cafct_keras.training.selection import choose_selection
from pipelines import Source, open_source
from pipelines.errors import DataError
from pipelines.grid import FULL
from pipelines.loading.slices import Slices, load_slices

SAMPLES = 6


def fit(
    config: FitConfig,
    *,
    resume: bool = False,
    given: Iterable[str] | None = None,
    console: Console | None = None,
    quiet: bool = False,
    started: float | None = None,
    on_start: Callable[[], None] | None = None,
) -> dict[str, Any]:
    """Trains a model and writes a run folder.

    A run that was killed at any moment and resumed is bit-identical to an uninterrupted one on the same machine. The
    learning rate follows the schedule that the run was started with; further epochs are trained at its last rate.

    Args:
        config: what to train, on what and how.
        resume: resume the run in `config.out`, or start it if there is none. A finished run is left as it is, unless
            there are to be more epochs.
        given: for a resumed run, the names of the options that the user chose and that must be the run's; None for all.
        console: where to report; standard output by default.
        quiet: plain lines even on a terminal.
        started: `time.perf_counter()` at the start of the command, for the time to the first step.
        on_start: called once everything is checked, before the run folder is created.

    Returns:
        The run card: what `run.json` holds.

    Raises:
        UserError, DataError: for a mistake in the configuration or the data, before anything is written; UserError too
            if the loss became NaN or infinite, with the best model so far kept.
        RunStoppedError: at SIGTERM, SIGINT or the time limit, with a checkpoint written.
    """
    started = time.perf_counter() if started is None else started
    report = Report(console or make_console(), quiet, started)
    card = find_run(config, given) if resume else None
    foreign: list[str] = []
    if card is None:
        config = resolve(config)
        refuse_existing(str(config.out))
    else:
        config = resumed_config(config, card, given)
        folder = pathlib.Path(str(config.out))
        foreign = foreign_files(folder, card)
        if card["status"] == "finished" and config.optimizer.epochs == card["config"]["optimizer"]["epochs"]:
            report.say(f"{folder}: already finished; resume it with more epochs to train longer")
            for line in (*(f"warning: {each}" for each in foreign), summary(card, folder)):
                report.say(line)
            return card
        check_links(folder)
    # What Keras numbers is numbered from the start, so that a process that trains several models names their state as a
    # fresh one does.
    keras.utils.clear_session(free_memory=False)
    if config.deterministic:
        make_deterministic()
    with translate_errors(config), distribution(config) as group:
        report = report if group.is_main else Report(Console(quiet=True), True, started)
        source, parts = _open_data(config)
        model, card = _build(config, card, source, parts)
        selection, doubts = choose_selection(config, parts)
        schedule_epochs = card["schedule_epochs"]
        loop = TrainingLoop(model, config, parts, schedule_epochs=schedule_epochs, selection=selection, group=group)
        with _run_folder(config, card, parts, group, on_start) as folder:
            begun = [line for entry in card["initial_weights"] for line in entry.get("notes", [])]
            changed = card["resumed"][-1]["notes"] if "resumed" in card else begun
            chosen = [selection.describe()] if selection.score else []
            chosen += config.data.sampling.notes(parts["train"])
            warnings = [f"warning: {doubt}" for doubt in (*foreign, *doubts)]
            for line in (*source.notes, *changed, headline(config, card), *chosen, *warnings):
                report.say(line)
            loop.restore(report, run=card["id"])
            since = started - loop.history.seconds  # as if the run had never been interrupted
            _run(loop, config, card, parts["train"], group=group, since=since)
            if group.is_main:
                card["selection"] = {**dataclasses.asdict(selection), "value": loop.history.best}
                _finish(loop, card, parts, folder, since=since)
                report.say(summary(card, folder))
    return card


def _open_data(config: FitConfig) -> tuple[Source, dict[str, Slices]]:
    cache_compilations()
    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy(config.model.precision)
    data = config.data
    source = open_source(data.path, target=data.target, size=data.size, **data.reading)
    parts = load_slices(
        source,
        target=data.target,
        size=data.size,
        window=data.window,
        context=data.context,
        cache=data.cache,
        validation=data.validation,
    )
    slices = len(parts["train"].names)
    if config.optimizer.batch_size > slices:
        raise DataError(
            f"`batch_size` {config.optimizer.batch_size}: must be at most {slices}, the number of training slices"
        )
    return source, parts


def _build(
    config: FitConfig, card: dict[str, Any] | None, source: Source, parts: dict[str, Slices]
) -> tuple[keras.Model, dict[str, Any]]:
    """Builds the model with its initial weights, and the run's card; `card` is None for a new run."""
    train = parts["train"]
    seen = train.preprocessing
    model = build_model(config, channels=seen.channels, classes=len(seen.targets))
    model.preprocessing = seen
    now = new_card(config, source, parts, model)
    if card is None:
        return model, {**now, "initial_weights": initialize_weights(model, config, parts)}
    folder = pathlib.Path(str(config.out))
    check_unchanged(card, now, folder=folder, data=config.data.path)
    changed = change_of_targets(card, now, train, config.data.augmentation)
    resumed = [*card.get("resumed", []), {**command_and_time(), "notes": changed}]
    data = {**card["data"], "mask_rule": now["data"]["mask_rule"]}
    if not has_checkpoints(folder / CHECKPOINTS):  # killed before its first
        initialize_weights(model, config, parts)
    # These were of another model. Cards of earlier versions have no id.
    card = {"id": now["id"]} | {name: value for name, value in card.items() if name not in ("choice", "files")}
    now = {name: now[name] for name in ("config", "preprocessing")}
    return model, {**card, **now, "status": "running", "data": data, "resumed": resumed}


@contextlib.contextmanager
def _run_folder(
    config: FitConfig,
    card: dict[str, Any],
    parts: dict[str, Slices],
    group: ProcessGroup,
    on_start: Callable[[], None] | None,
) -> Iterator[pathlib.Path]:
    """Creates the run folder and locks it, in the main process."""
    folder = pathlib.Path(str(config.out))
    if not group.is_main:
        yield folder
        return
    if on_start is not None:
        on_start()
    folder.mkdir(parents=True, exist_ok=True)
    with lock(folder):
        write_card(folder, card)
        write_split(parts, folder / SPLIT_FILE)
        yield folder


def _run(
    loop: TrainingLoop, config: FitConfig, card: dict[str, Any], train: Slices, *, group: ProcessGroup, since: float
) -> None:
    """Trains to the end, or writes down how far it came."""
    folder, history = pathlib.Path(str(config.out)), loop.history
    card["status"] = "stopped"
    try:
        with _quiet_keras():
            loop.run()
    except RunStoppedError as stopped:
        card["status"] = "interrupted"
        raise RunStoppedError(
            f"stopped by {stopped} after {history.batch} steps of epoch {history.epoch + 1} of "
            f"{config.optimizer.epochs}; resume with: cafct-keras fit --resume --out {folder}"
        ) from None
    finally:
        card["seconds"] = {"first_step": loop.progress.first_step_s, "total": time.perf_counter() - since}
        if group.is_main:
            write_card(folder, {**card, "files": file_sums(folder)})
    if loop.bad_step is not None:
        raise _non_finite(loop.bad_step, loop.drawn(loop.bad_step), config, history.best_epoch)


def _finish(
    loop: TrainingLoop, card: dict[str, Any], parts: dict[str, Slices], folder: pathlib.Path, *, since: float
) -> None:
    """Scores the best model, plots it and completes the card."""
    with _quiet_keras():
        best = loop.use_best()
        card["best_epoch"] = (loop.history.best_epoch or 0) + 1
        scored = [part for part in ("validation", "test") if parts[part].names]
        card |= {part: finite(loop.evaluate(part)) for part in scored}
        plots.plot_curves(
            loop.history.by_name(),
            folder / CURVES_FILE,
            dice=loop.dice,
            validated=card["selection"]["score"] or loop.dice,
            best_epoch=card["best_epoch"],
        )
        _plot_samples(best, parts[["train", *scored][-1]], folder / SAMPLES_FILE)
    card["status"] = "finished"
    card["data_wait"] = loop.data_wait.fraction
    card["seconds"]["total"] = time.perf_counter() - since
    card["files"] = file_sums(folder)
    write_card(folder, card)


def _plot_samples(model: keras.Model, slices: Slices, path: pathlib.Path) -> None:
    """Plots slices spread evenly over those that show the target (the last one, of two)."""
    shown = np.flatnonzero(slices.foreground[:, -1])
    chosen = shown if len(shown) else np.arange(len(slices.names))
    chosen = chosen[np.linspace(0, len(chosen) - 1, min(SAMPLES, len(chosen))).round().astype(int)]
    images = slices.preprocessing.as_input(slices.gather_images(chosen))
    probabilities = model.predict(images, verbose=0)
    plots.plot_samples(
        slices.images[chosen],
        slices.masks[chosen, ..., -1] / FULL,
        probabilities[..., -1],
        [slices.names[index] for index in chosen],
        path,
        title=slices.preprocessing.targets[-1],
    )


def _non_finite(step: int, drawn: list[str], config: FitConfig, best_epoch: int | None) -> UserError:
    rate = config.optimizer.learning_rate
    overflow = " or an overflow of float16" if config.model.precision == "mixed_float16" else ""
    kept = "no model was saved yet"
    if best_epoch is not None:
        kept = f"the model of epoch {best_epoch + 1} is kept in {config.out}"
    return UserError(
        f"the loss became NaN or infinite at step {step} (slices {', '.join(drawn)}); the likely cause is a learning "
        f"rate of {rate:g} that is too high{overflow}: try `learning_rate` {rate / 10:g}; {kept}"
    )


@contextlib.contextmanager
def _quiet_keras() -> Iterator[None]:
    """Hides warnings about internals of Keras and JAX, which users cannot fix."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"(keras|jax|numpy)\b.*")
        warnings.filterwarnings("ignore", message=".*__array__ implementation.*")
        warnings.filterwarnings("ignore", message=".*int64.*")
        yield
