"""The run card, `run.json`: everything that a run was made with and what came of it."""

import csv
import datetime as dt
import hashlib
import json
import pathlib
import shlex
import sys

import numpy as np

from cafct_keras.errors import UserError
from cafct_keras.optimizers import optimizer_arguments
from cafct_keras.runs.config import FitConfig
from cafct_keras.runs.files import MODEL_FILE, RUN_FILE
from cafct_keras.runtime.devices import environment
from pipelines.atomic import atomic_write_text
from pipelines.loading.augmentation import Augmentation
from pipelines.loading.slices import foreground_counts
from pipelines.loading.stream import sampled_counts

# One more whenever an older version of this package would misread a new run folder.
RUN_FORMAT = 2


def read_run(folder):
    """Reads the card of a run folder, `run.json`.

    Args:
        folder: the run folder.

    Returns:
        The card, a dictionary.

    Raises:
        UserError: where there is none, it cannot be read, or it is in the format of another version.
    """
    file = pathlib.Path(folder) / RUN_FILE
    try:
        card = json.loads(file.read_text())
        written = card["format"]
    except FileNotFoundError:
        raise UserError(f"{folder}: no {RUN_FILE} here; give the folder of a run") from None
    except (ValueError, TypeError, KeyError, OSError) as error:
        raise UserError(f"{file}: not the card of a run ({error}); restore it or train again") from error
    if written == 1:
        return _from_format_1(card, file)
    if written != RUN_FORMAT:
        raise UserError(
            f"{file}: a run folder of another version (format {written}, this version reads {RUN_FORMAT}); "
            f"use cafct-keras {card.get('versions', {}).get('cafct-keras', 'of that time')}, "
            f"or give its {MODEL_FILE} alone"
        )
    return card


def _from_format_1(card, file):
    """Converts a card of version 0.1, whose options were in no groups and held what the optimizer did not use."""
    options = {**card.pop("options")}
    try:
        has = optimizer_arguments(options["optimizer"])
        options |= {name: None for name in ("momentum", "weight_decay") if name not in has}
        options["augmentation"] = Augmentation(**options["augmentation"])
        card["config"] = FitConfig.from_options(**options).to_dict()
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{file}: has options that this version does not know ({error}); train again") from error
    # Layers have moved since; a resumed run's variables are compared in any case.
    card.pop("network", None)
    return {**card, "format": RUN_FORMAT}


def new_card(config, source, parts, model):
    """The card of a run that begins.

    Args:
        config: resolved `FitConfig`.
        source: of the data.
        parts: their slices, by part.
        model: the network.

    Returns:
        A dictionary for JSON.
    """
    return {
        "format": RUN_FORMAT,
        "status": "running",
        **session(),
        "config": config.to_dict(),
        "schedule_epochs": config.optimizer.epochs,
        "parameters": sum(int(np.prod(v.shape)) for v in model.trainable_variables),
        "network": hashlib.sha256(model.to_json().encode()).hexdigest(),
        "data": {
            "layout": source.layout,
            "intensity": source.intensity,
            "orientation": source.orientation,
            "fingerprint": source.fingerprint(),
            "notes": list(source.notes),
            "targets": list(parts["train"].targets),
            "sampled_per_epoch": sampled_counts(
                parts["train"],
                batch_size=config.optimizer.batch_size,
                seed=config.seed,
                foreground_fraction=config.data.foreground_fraction,
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


def session():
    """The command and the time at which it was given."""
    return {
        "command": shlex.join(["cafct-keras", *sys.argv[1:]]),
        "started": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
    }


def write_card(folder, card):
    """Writes `run.json`."""
    atomic_write_text(pathlib.Path(folder) / RUN_FILE, json.dumps(card, indent=2) + "\n")


def write_split(parts, path):
    """Lists every slice with its patient and its part, as a paired folder's index does."""
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "patient", "split"])
        for name, part in parts.items():
            table.writerows((*slice_, name) for slice_ in zip(part.names, part.patients, strict=True))
