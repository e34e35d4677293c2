"""What a system costs: parameters, multiply-adds, milliseconds an image."""

import json
import os
import pathlib

from cafct_keras.benchmark import benchmark
from cafct_keras.reproduction.systems import System
from cafct_keras.training import FitConfig

_KEPT = ("parameters", "macs_per_image", "ms_per_image")


def measured(system: System, recipe: FitConfig, file: pathlib.Path) -> dict:
    """Times a system's prediction as `benchmark predict` does, once; later starts read what was found.

    Args:
        system: which.
        recipe: its preset, size, precision and batch size count.
        file: where the figures are kept.

    Returns:
        `parameters` (trainable), `macs_per_image` and `ms_per_image`.
    """
    if not file.is_file():
        report = time_step("predict", system, recipe, repeats=5)
        file.parent.mkdir(parents=True, exist_ok=True)
        aside = file.with_name(f".{file.name}")
        aside.write_text(json.dumps(report, indent=2) + "\n")
        os.replace(aside, file)
    report = json.loads(file.read_text())
    return {name: report[name] for name in _KEPT}


def time_step(task: str, system: System, recipe: FitConfig, *, repeats: int) -> dict:
    """See `benchmark`."""
    return benchmark(
        task,
        model=system.model,
        preset=recipe.model.preset,
        model_options={**recipe.model.options, **system.options},
        batch_size=recipe.optimizer.batch_size,
        size=recipe.data.size,
        precision=recipe.model.precision,
        repeats=repeats,
    )
