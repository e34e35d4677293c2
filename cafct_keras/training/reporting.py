"""What a run reports on the console besides its progress."""

import dataclasses
import pathlib
from typing import Any

from rich.console import Console

from cafct_keras.pages.wording import counted
from cafct_keras.runs.config import FitConfig
from cafct_keras.runs.files import MODEL_FILE
from cafct_keras.runtime.durations import duration
from pipelines.printable import printable


@dataclasses.dataclass(frozen=True)
class Report:
    """Where and since when a run reports.

    Attributes:
        console: where to write.
        quiet: no progress bar, even on a terminal.
        started: `time.perf_counter()` at the start of the command.
    """

    console: Console
    quiet: bool
    started: float

    def say(self, text: str) -> None:
        """Prints a line without wrapping it."""
        self.console.print(printable(text), highlight=False, markup=False, emoji=False, soft_wrap=True)


def headline(config: FitConfig, card: dict[str, Any]) -> str:
    """What is about to be trained, on what and where."""
    data, model, optimizer = config.data, config.model, config.optimizer
    parts = card["data"]["split"]
    counts = ", ".join(
        f"{name} {counted(part['slices'], 'slice')} of {counted(len(part['patients']), 'patient')}"
        for name, part in parts.items()
        if part["slices"]
    )
    if absent := [name for name, part in parts.items() if not part["slices"]]:
        counts += f"; no {' and no '.join(absent)} slices"
        counts += "" if data.validation else ", validation patients are trained on"
    first = f"{data.first_size}x{data.first_size} for {data.first_epochs} epochs, then " if data.first_size else ""
    return (
        f"{model.name} {model.preset or 'base'} ({card['parameters']:,} parameters) on {card['data']['layout']}, "
        f"{data.target}, {first}{data.size}x{data.size}: {counts}\n"
        f"{optimizer.name} {optimizer.learning_rate:g}, batch {optimizer.batch_size}, "
        f"{counted(optimizer.epochs, 'epoch')}, {card['backend']} on {card['devices'][0]}; run folder {config.out}"
    )


def summary(card: dict[str, Any], folder: pathlib.Path) -> str:
    """What a finished run achieved."""
    # Cards of older versions do not say by what it was chosen.
    validated = card["config"]["data"]["validation"]
    selection = card.get("selection", {"score": validated or None, "value": card.get("validation", {}).get("loss")})
    best = selection["value"] is not None
    lines = [f"{'best' if best else 'last'} epoch {card['best_epoch']}, {duration(card['seconds']['total'])} in total"]
    if selection["score"] and not best:
        lines.insert(0, "no epoch had a finite validation loss: the last one is kept")
    for part in ("validation", "test"):
        scores = {name: value for name, value in card.get(part, {}).items() if name != "loss"}
        if scores:
            shown = (f"{name} {'undefined' if value is None else f'{value:.4f}'}" for name, value in scores.items())
            lines.append(f"{part:10s} " + "  ".join(shown))
    return "\n".join([*lines, f"{folder / MODEL_FILE} is ready: cafct_keras.load_model({str(folder)!r})"])
