"""Costs of a system: parameters, multiply-adds and time per image."""

import json
import pathlib
from typing import Any

from cafct_keras.benchmark import benchmark
from cafct_keras.training import FitConfig
from pipelines.atomic import atomic_write_text
from pipelines.documents import parse_json

_COLUMNS = ("parameters", "macs_per_image", "ms_per_image")


class Costs:
    """Costs of a network: those of its prediction as `benchmark predict` times it, or as an earlier start did.

    Args:
        config: resolved configuration of the row.
        file: where `keep` writes the measurement.

    Attributes:
        columns: `parameters` (trainable), `macs_per_image` and `ms_per_image`.
    """

    def __init__(self, config: FitConfig, file: pathlib.Path) -> None:
        self._file = file
        self._report = _read(file)
        # Version 0.1 measured three channels whatever the context was.
        self._kept = bool(self._report) and self._report.get("context", 0) == config.data.context
        if not self._kept:
            self._report = time_step("predict", config, repeats=5)
        self.columns = {name: self._report[name] for name in _COLUMNS}

    def keep(self) -> None:
        """Writes the measurement, unless it was read."""
        if not self._kept:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            atomic_write_text(self._file, json.dumps(self._report, indent=2) + "\n")
            self._kept = True


def _read(file: pathlib.Path) -> dict[str, Any]:
    """The measurement of an earlier start; empty where there is none, or a damaged one, which is made again."""
    try:
        report = parse_json(file.read_bytes())
        return report if all(isinstance(report[name], int | float | None) for name in _COLUMNS) else {}
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return {}


def time_step(task: str, config: FitConfig, *, repeats: int) -> dict[str, Any]:
    """Times a network's step, see `benchmark`; in training on crops, if the configuration says so."""
    crop = config.data.augmentation.crop if task == "train" else 0
    return benchmark(
        task,
        model=config.model.name,
        preset=config.model.preset,
        model_options=config.model.options,
        batch_size=config.optimizer.batch_size,
        size=crop or config.data.size,
        context=config.data.context,
        precision=config.model.precision,
        repeats=repeats,
    )
