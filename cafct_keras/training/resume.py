"""Going on with a run: whether it is there, whether it is the same run, and where it stands."""

import dataclasses
import pathlib

from cafct_keras.errors import UserError
from cafct_keras.runs.card import read_run
from cafct_keras.runs.files import CHECKPOINTS, MODEL_FILE, RUN_FILE
from cafct_keras.training.config import FitOptions
from pipelines.atomic import atomic_copy
from pipelines.loading.augmentation import Augmentation

NAMES = {"model_options": "--model-option", "augmentation": "augmentation"}
# Where a run goes on and for how long; all others say what it is. Data may have moved: their fingerprint counts.
FREE = {"data", "cache", "epochs", "out"}
# Of one process; another one need not do as the one before.
SESSION = {"checkpoint_every", "time_limit", "devices", "coordinator", "processes", "process_id"}


def find_run(options, given):
    """The card of the run that is to go on.

    Args:
        options: with `out`, the run's folder.
        given: names of the options that the user chose; None for all.

    Returns:
        The card; None where there is no such folder, and the options say what run to begin.

    Raises:
        UserError: there is no run, and nothing to begin one with, or something else is in its place.
    """
    if options.out is None:
        raise UserError("--resume: give --out RUN, the folder of the run")
    if not _is_free(options.out):
        return read_run(options.out)
    if given is not None and not set(given) - SESSION - (FREE - {"data"}):
        raise UserError(f"--out {options.out}: no run here to resume; give the folder of a run")
    return None


def refuse_existing(out):
    """Says what is in the way of a new run.

    Raises:
        UserError: anything is.
    """
    if _is_free(out):
        return
    if not (pathlib.Path(out) / RUN_FILE).is_file():
        raise UserError(f"--out {out}: already exists; give another name or remove it")
    card = read_run(out)
    raise UserError(
        f"--out {out}: already exists, a run of {card['options']['epochs']} epochs begun {card['started']} "
        f"({card['status']}); add --resume to go on with it, or give another name"
    )


def continued(options, card, given):
    """The options of a run that goes on.

    Args:
        options: what was asked for now.
        card: of the run.
        given: names of the options that the user chose; None for all that are not None.

    Returns:
        The run's own `FitOptions`, and what may change in the course of a run as it was asked for now.

    Raises:
        UserError: something else that was asked for is not what the run began with, or there are to be fewer epochs.
    """
    if "schedule_epochs" not in card:
        raise UserError(
            f"{options.out}: of a version that kept no checkpoints; begin another run with --init {options.out}"
        )
    try:
        begun = _recorded(card["options"])
    except (TypeError, KeyError) as error:
        raise UserError(f"{options.out}: begun with options that this version does not know ({error})") from error
    asked = {field.name: getattr(options, field.name) for field in dataclasses.fields(options)}
    asked = {name: value for name, value in asked.items() if (value is not None if given is None else name in given)}
    for name, value in asked.items():
        if name not in FREE | SESSION and value != getattr(begun, name):
            raise UserError(
                f"{NAMES.get(name, '--' + name.replace('_', '-'))} {_shown(value)}: the run in {options.out} was begun "
                f"with {_shown(getattr(begun, name))}; leave the option out, or begin another run"
            )
    changes = {name: value for name, value in asked.items() if name in FREE}
    changed = dataclasses.replace(begun, **changes, **{name: getattr(options, name) for name in SESSION})
    changed.check_session()
    if changed.epochs < begun.epochs:
        raise UserError(f"--epochs {changed.epochs}: the run in {options.out} was begun for {begun.epochs}; give more")
    return changed


def refuse_changes(card, now, *, folder, data):
    """Compares what the options do not tell: data, network, backend, and whether there is anything to go on from.

    Args:
        card: of the run as it began.
        now: the card that it would have now.
        folder: of the run.
        data: the data's name.

    Raises:
        UserError: something changed.
    """
    if card["backend"] != now["backend"]:
        raise UserError(f"the run was begun under {card['backend']}; set KERAS_BACKEND={card['backend']}")
    if "best_epoch" in card and not any((folder / CHECKPOINTS).glob("step-*")):
        # Else it would begin anew, and its best network would go first.
        raise UserError(f"{folder}: finished, and its checkpoints are gone; begin another run with --init {folder}")
    if card["data"]["fingerprint"] != now["data"]["fingerprint"]:
        raise UserError(f"{data}: not the data that the run was begun with; restore them or begin another run")
    # Another version may write the same network in another way; its variables are compared in any case.
    same_versions = card["versions"] == now["versions"]
    if same_versions and card.get("network", now["network"]) != now["network"]:
        raise UserError("the network is not the one that the run was begun with; restore the code or begin another run")


def restore_best(folder, checkpoint):
    """Makes the run's best network that of the checkpoint: one from later steps will come again."""
    best = pathlib.Path(folder) / MODEL_FILE
    kept = checkpoint and checkpoint.folder / MODEL_FILE
    if kept and kept.exists():
        atomic_copy(kept, best)
    else:
        best.unlink(missing_ok=True)


def _is_free(out):
    """Whether there is nothing, or an empty folder, or what a process left that was killed as it made a run folder."""
    out = pathlib.Path(out)
    return not out.exists() or (out.is_dir() and all(path.name == f".{RUN_FILE}" for path in out.iterdir()))


def _recorded(options):
    tuples = {name: tuple(options.get(name, ())) for name in ("window", "weights")}
    return FitOptions(**{**options, **tuples, "augmentation": Augmentation(**options["augmentation"])})


def _shown(value):
    if isinstance(value, Augmentation):
        value = {name: amount for name, amount in dataclasses.asdict(value).items() if amount}
    if isinstance(value, dict):
        return " ".join(f"{name}={each}" for name, each in value.items()) or "none"
    return value
