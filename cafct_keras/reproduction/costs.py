"""Costs of a system: parameters, multiply-adds and time per image."""

import json
import pathlib
from typing import Any

from cafct_keras.benchmark import benchmark
from cafct_keras.training import FitConfig
from pipelines.atomic import atomic_write_text

_COLUMNS = ("parameters", "macs_per_image", "ms_per_image")


def measure(config: FitConfig, file: pathlib.Path) -> dict[str, Any]:
    """Times a network's prediction as `benchmark predict` does, or reads what an earlier start measured.

    Args:
        config: resolved configuration of the row.
        file: where the measurement is kept.

    Returns:
        `parameters` (trainable), `macs_per_image` and `ms_per_image`.
    """
    report = json.loads(file.read_text()) if file.is_file() else None
    # Version 0.1 measured three channels whatever the context was.
    if report is None or report.get("context", 0) != config.data.context:
        report = time_step("predict", config, repeats=5)
        file.parent.mkdir(parents=True, exist_ok=True)
        atomic_write_text(file, json.dumps(report, indent=2) + "\n")
    return {name: report[name] for name in _COLUMNS}


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
