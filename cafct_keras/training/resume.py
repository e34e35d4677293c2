"""Resuming a run: finding it, and checking that it is the same run."""

import dataclasses
import pathlib
from collections.abc import Iterable
from typing import Any

from cafct_keras.errors import UserError
from cafct_keras.runs.card import read_run
from cafct_keras.runs.checkpoints import Checkpoint, has_checkpoints
from cafct_keras.runs.config import OPTIONS, FitConfig, shown
from cafct_keras.runs.files import CHECKPOINTS, MODEL_FILE, RUN_FILE
from cafct_keras.training.config import check_session, fill
from pipelines.atomic import atomic_copy
from pipelines.loading.augmentation import Augmentation
from pipelines.loading.slices import Slices, has_partial_pixels
from pipelines.places import require_place


def find_run(config: FitConfig, given: Iterable[str] | None) -> dict[str, Any] | None:
    """The card of the run to resume.

    Args:
        config: with `out`, the run folder.
        given: names of the options that the user chose; None for all.

    Returns:
        The card; None where there is no such folder, and the configuration says what run to start.

    Raises:
        UserError: there is no run, and nothing to start one with, or something else is in its place.
    """
    if config.out is None:
        raise UserError("`resume`: needs `out`, the folder of the run")
    if not _is_free(config.out):
        return read_run(config.out)
    starts = {name for name, place in OPTIONS.items() if place.group != "session" and not place.option.changeable}
    if given is not None and not starts.union({"data"}).intersection(given):
        raise UserError(f"`out` {config.out}: no run here to resume; give the folder of a run")
    return None


def refuse_existing(out: str) -> None:
    """Checks that nothing is in the way of a new run.

    Raises:
        UserError: something is.
    """
    require_place(out, utf8=True)
    if _is_free(out):
        return
    if not (pathlib.Path(out) / RUN_FILE).is_file():
        raise UserError(f"`out` {out}: already exists; choose another name or remove it")
    card = read_run(out)
    raise UserError(
        f"`out` {out}: already exists, a run of {card['config']['optimizer']['epochs']} epochs started "
        f"{card['started']} ({card['status']}); add `resume` to resume it, or choose another name"
    )


def resumed_config(config: FitConfig, card: dict[str, Any], given: Iterable[str] | None) -> FitConfig:
    """The configuration of a run that is resumed.

    Args:
        config: as it is asked for now.
        card: the run's card.
        given: names of the options that the user chose; None for all that are not None.

    Returns:
        The run's own configuration, with the session and what else may change as it is asked for now.

    Raises:
        UserError: something else that is asked for is not what the run was started with, or there are to be fewer
            epochs.
    """
    if "schedule_epochs" not in card:
        raise UserError(
            f"{config.out}: made by a version that kept no checkpoints; start another run with `init` {config.out}"
        )
    started = FitConfig.from_dict(card["config"])
    if given is None:
        filled = fill(config)
        asked = {name: filled[name] for name in OPTIONS if config[name] is not None}
    else:
        asked = {name: config[name] for name in given if name in OPTIONS}
    changes = {}
    for name, value in asked.items():
        if OPTIONS[name].option.changeable:
            changes[name] = value
        elif OPTIONS[name].group != "session" and value != started[name]:
            raise UserError(
                f"`{name}` {shown(value)}: the run in {config.out} was started with {shown(started[name])}; "
                "leave it out, or start another run"
            )
    changed = dataclasses.replace(started.replace(**changes), session=config.session)
    check_session(changed)
    if changed.optimizer.epochs < started.optimizer.epochs:
        raise UserError(
            f"`epochs` {changed.optimizer.epochs}: the run in {config.out} was started for "
            f"{started.optimizer.epochs}; give at least as many"
        )
    return changed


def check_unchanged(card: dict[str, Any], now: dict[str, Any], *, folder: pathlib.Path, data: str) -> None:
    """Compares what the configuration does not tell: data, model, backend, and whether there is a checkpoint.

    Args:
        card: of the run as it was started.
        now: the card that it would have now.
        folder: of the run.
        data: the data's name.

    Raises:
        UserError: something changed.
    """
    if card["backend"] != now["backend"]:
        raise UserError(f"{folder}: the run was started under {card['backend']}; set KERAS_BACKEND={card['backend']}")
    if "best_epoch" in card and not has_checkpoints(folder / CHECKPOINTS):
        # Otherwise it would start anew, and its best model would be lost first.
        raise UserError(f"{folder}: finished, and its checkpoints are gone; start another run with `init` {folder}")
    if card["data"]["fingerprint"] != now["data"]["fingerprint"]:
        raise UserError(f"{data}: not the data that the run was started with; restore them or start another run")
    # Another version may write the same model in another way; its variables are compared in any case.
    same_versions = card["versions"] == now["versions"]
    if same_versions and card.get("network", now["network"]) != now["network"]:
        raise UserError(
            f"{folder}: the model is not the one that the run was started with; restore the code or start another run"
        )


def change_of_targets(
    card: dict[str, Any], now: dict[str, Any], train: Slices, augmentation: Augmentation
) -> list[str]:
    """A line if the run's targets will no longer be what they were: masks were once resized by another rule.

    Args:
        card: of the run as it was started.
        now: the card that it would have now.
        train: the training slices.
        augmentation: their random changes.
    """
    # Cards of older versions do not name the rule, for there was one.
    before, after = (of["data"].get("mask_rule", "nearest") for of in (card, now))
    if before == after or not (augmentation.interpolates or has_partial_pixels(train)):
        return []
    return [
        f"masks: the run was started on masks resized by the rule {before!r} and continues on {after!r}, so that its "
        "targets change; start another run to train by one rule"
    ]


def restore_best(folder: pathlib.Path, checkpoint: Checkpoint | None) -> None:
    """Makes the run's best model that of the checkpoint: one from later steps will come again."""
    kept = checkpoint and checkpoint.folder / MODEL_FILE
    if kept and kept.exists():
        atomic_copy(kept, folder / MODEL_FILE)
    else:
        (folder / MODEL_FILE).unlink(missing_ok=True)


def _is_free(out: str) -> bool:
    """Whether there is nothing, an empty folder, or what a process left that was killed while it made a run folder."""
    path = pathlib.Path(out)
    return not path.exists() or (
        path.is_dir() and all(each.name.startswith(f".{RUN_FILE[:3]}") for each in path.iterdir())
    )
