"""The run card, `run.json`: everything that a run was made with and what came of it; and its lines on the terminal."""

import csv
import dataclasses
import datetime as dt
import hashlib
import json
import os
import pathlib
import shlex
import sys

import numpy as np

from cafct_keras.environment import environment
from cafct_keras.models.saving import MODEL_FILE, RUN_FILE, RUN_FORMAT
from cafct_keras.training.checkpoints import flush
from cafct_keras.training.progress import duration
from pipelines.loading.slices import foreground_counts
from pipelines.loading.stream import sampled_counts


def new_card(options, source, parts, model):
    """The card of a run that begins.

    Args:
        options: resolved `FitOptions`.
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
        "options": dataclasses.asdict(options),
        "schedule_epochs": options.epochs,
        "parameters": sum(int(np.prod(v.shape)) for v in model.trainable_variables),
        "network": hashlib.sha256(model.to_json().encode()).hexdigest(),
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


def session():
    """The command and the time at which it was given."""
    return {
        "command": shlex.join(["cafct-keras", *sys.argv[1:]]),
        "started": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
    }


def write_card(folder, card):
    """Writes `run.json` aside and renames it."""
    aside = pathlib.Path(folder) / f".{RUN_FILE}"
    aside.write_text(json.dumps(card, indent=2) + "\n")
    flush(aside)
    os.replace(aside, pathlib.Path(folder) / RUN_FILE)


def write_split(parts, path):
    """Lists every slice with its patient and its part, as a paired folder's index does."""
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "patient", "split"])
        for name, part in parts.items():
            table.writerows((*slice_, name) for slice_ in zip(part.names, part.patients, strict=True))


def headline(options, card, folder):
    """What is about to be trained, on what and where."""
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


def summary(card, folder):
    """What came of it."""
    kept = "best" if card["options"].get("validation", True) else "last"
    lines = [f"{kept} epoch {card['best_epoch']}, {duration(card['seconds']['total'])} in all"]
    for part in ("validation", "test"):
        scores = {name: value for name, value in card.get(part, {}).items() if name != "loss"}
        if scores:
            lines.append(f"{part:10s} " + "  ".join(f"{name} {value:.4f}" for name, value in scores.items()))
    return "\n".join([*lines, f"{folder / MODEL_FILE} is ready: cafct_keras.load_model({str(folder)!r})"])
