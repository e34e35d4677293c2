"""The run card, `run.json`: what a run was made with and what came of it."""

import csv
import datetime as dt
import hashlib
import json
import pathlib
import secrets
import typing
from typing import Any

import numpy as np

from cafct_keras.errors import UserError
from cafct_keras.runs.config import FitConfig
from cafct_keras.runs.files import MODEL_FILE, RUN_FILE
from cafct_keras.runtime.command_line import command_line
from pipelines import Source
from pipelines.atomic import atomic_write, atomic_write_text
from pipelines.loading.augmentation import Augmentation
from pipelines.loading.sampling import sampled_counts
from pipelines.loading.slices import Slices, foreground_counts
from pipelines.printable import as_cell

if typing.TYPE_CHECKING:
    import keras

# Incremented whenever an older version of this package would misread a new run folder.
RUN_FORMAT = 2
LARGEST = 64 << 20  # bytes, many times those of a run on 100,000 patients
# Of what a card states, the types that its readers rely on.
_KINDS: dict[str, Any] = {
    **dict.fromkeys(("config", "data", "versions", "preprocessing", "choice", "files", "seconds", "selection"), dict),
    **dict.fromkeys(("status", "id", "started", "backend"), str),
    **dict.fromkeys(("devices", "initial_weights", "resumed"), list),
    **dict.fromkeys(("parameters", "schedule_epochs", "best_epoch"), int),
    **dict.fromkeys(("validation", "test"), dict),
}
_KINDS_OF_DATA: dict[str, Any] = {
    **dict.fromkeys(("layout", "intensity", "fingerprint"), str),
    **dict.fromkeys(("targets", "notes"), list),
    "split": dict,
}
_REQUIRED = ("config", "data", "targets", "fingerprint")


def read_run(folder: str | pathlib.Path) -> dict[str, Any]:
    """Reads the card of a run folder, `run.json`.

    Args:
        folder: the run folder.

    Returns:
        The card, in the present format.

    Raises:
        UserError: there is none, it cannot be read, or it is in the format of a later version.
    """
    file = pathlib.Path(folder) / RUN_FILE
    if not file.is_file():
        raise UserError(f"{folder}: no {RUN_FILE} here; give the folder of a run")
    try:
        if (size := file.stat().st_size) > LARGEST:
            raise ValueError(f"it has {size:,} bytes")
        card = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise UserError(f"{file}: not the card of a run ({error}); restore it or train again") from error
    return check_card(card, file)


def check_card(card: Any, file: pathlib.Path) -> dict[str, Any]:
    """Returns a card in the present format; see `read_run`, whose errors name `file`."""
    if not isinstance(card, dict) or not isinstance(written := card.get("format"), int):
        raise UserError(f"{file}: not the card of a run (it states no format); restore it or train again")
    if written == 1:
        card = _from_format_1(card, file)
        written = RUN_FORMAT
    if written != RUN_FORMAT:
        raise UserError(
            f"{file}: a run folder of another version (format {written}, this version reads {RUN_FORMAT}); "
            f"use cafct-keras {_version(card)}, or give its {MODEL_FILE} alone"
        )
    for where, kinds, values in (("", _KINDS, card), ("data.", _KINDS_OF_DATA, card.get("data"))):
        for name, kind in kinds.items():
            if (name in values and not isinstance(values[name], kind)) or (name not in values and name in _REQUIRED):
                raise UserError(f"{file}: not the card of a run (its {where}{name} is damaged); restore it")
    if not card["data"]["targets"] or not all(isinstance(target, str) for target in card["data"]["targets"]):
        raise UserError(f"{file}: not the card of a run (its data.targets are damaged); restore it")
    # Its best epoch was chosen so before that was an option.
    card["config"].setdefault("selection", {"rule": "pooled"})
    return card


def _version(card: dict[str, Any]) -> str:
    versions = card.get("versions")
    return str(versions.get("cafct-keras", "of that time")) if isinstance(versions, dict) else "of that time"


def _from_format_1(card: dict[str, Any], file: pathlib.Path) -> dict[str, Any]:
    """Converts a card whose options were in no groups, and held what the optimizer did not use."""
    from cafct_keras.optimizers import OPTAX_PREFIX, optimizer_arguments  # imports Keras, which reading needs not

    try:
        options = {**card.pop("options", {})}
        # Optimizers of optax were given their learning rate alone.
        optax = options["optimizer"].startswith(OPTAX_PREFIX)
        has = frozenset() if optax else optimizer_arguments(options["optimizer"])
        options |= {name: None for name in ("momentum", "weight_decay") if name not in has}
        options["augmentation"] = Augmentation(**options["augmentation"])
        card["config"] = FitConfig.from_options(**options).to_dict()
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{file}: has options that this version does not know ({error}); train again") from error
    card["initial_weights"] = card.pop("began_with", [])
    # Layers have moved since; the variables of a resumed run are compared in any case.
    card.pop("network", None)
    return {**card, "format": RUN_FORMAT}


def training_seconds(card: dict[str, Any]) -> float:
    """Seconds that a network was trained for, with those of the runs that its initial weights come from.

    Args:
        card: see `read_run`; 0 of what it does not know.
    """
    before = (source.get("seconds", 0.0) for source in card.get("initial_weights", []))
    return card.get("seconds", {}).get("total", 0.0) + sum(before)


def new_card(config: FitConfig, source: Source, parts: dict[str, Slices], model: "keras.Model") -> dict[str, Any]:
    """The card of a new run.

    Args:
        config: resolved configuration.
        source: of the data.
        parts: their slices, by part.
        model: the model.

    Returns:
        A dictionary for JSON.
    """
    from cafct_keras.runtime.devices import environment

    return {
        "format": RUN_FORMAT,
        "id": secrets.token_hex(8),
        "status": "running",
        **command_and_time(),
        "config": config.to_dict(),
        "preprocessing": parts["train"].preprocessing.to_dict(),
        "schedule_epochs": config.optimizer.epochs,
        "parameters": sum(int(np.prod(v.shape)) for v in model.trainable_variables),
        "network": hashlib.sha256(model.to_json().encode()).hexdigest(),
        "data": {
            "layout": source.layout,
            "intensity": source.intensity,
            "orientation": source.orientation,
            "mask_rule": source.mask_rule,
            "fingerprint": source.fingerprint(),
            "notes": list(source.notes),
            "targets": list(parts["train"].preprocessing.targets),
            "sampled_per_epoch": sampled_counts(
                parts["train"],
                batch_size=config.optimizer.batch_size,
                seed=config.seed,
                sampling=config.data.sampling,
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


def command_and_time() -> dict[str, str | None]:
    """The command that started or resumed a run, None outside `cafct-keras`, and the present time."""
    return {"command": command_line(), "started": dt.datetime.now(dt.UTC).isoformat(timespec="seconds")}


def write_card(folder: str | pathlib.Path, card: dict[str, Any]) -> None:
    """Writes `run.json`."""
    atomic_write_text(pathlib.Path(folder) / RUN_FILE, json.dumps(card, indent=2) + "\n")


def write_split(parts: dict[str, Slices], path: pathlib.Path) -> None:
    """Lists every slice with its patient and its part, as a paired folder's index does; names are `as_cell`."""
    with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["id", "patient", "split"])
        for name, part in parts.items():
            table.writerows((*map(as_cell, slice_), name) for slice_ in zip(part.names, part.patients, strict=True))
