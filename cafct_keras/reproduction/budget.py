"""How many epochs there is time for."""

import math
import time
from collections.abc import Sequence

from cafct_keras.errors import UserError
from cafct_keras.reproduction.costs import time_step
from cafct_keras.reproduction.systems import System
from cafct_keras.training import FitConfig
from pipelines import open_source
from pipelines.loading.slices import load_slices

_FORWARD = 1 / 3  # of a training step: what a validation image costs
_STARTING_S = 20.0  # a run's packages, data and first files
_REPEATS = 3


def epochs_within(minutes: float, systems: Sequence[System], seeds: int, recipe: FitConfig) -> int:
    """The epochs, the same for every system, that `seeds` runs of all of them take no more than so many minutes for.

    Each system's step is compiled and timed, which takes from the budget too.

    Raises:
        UserError: there is not time for one epoch.
    """
    began = time.perf_counter()
    source = open_source(
        recipe.data.path,
        layout=recipe.data.layout,
        target=recipe.data.target,
        size=recipe.data.size,
        patient_pattern=recipe.data.patient_pattern,
    )
    parts = load_slices(
        source, target=recipe.data.target, size=recipe.data.size, window=recipe.data.window, context=recipe.data.context
    )
    images = {name: len(part.names) for name, part in parts.items()}
    an_epoch = images["train"] + _FORWARD * images["validation"]
    fixed = of_an_epoch = 0.0
    for system in systems:
        report = time_step("train", system, recipe, repeats=_REPEATS)
        seconds = report["ms_per_image"] / 1000
        of_an_epoch += seeds * an_epoch * seconds
        fixed += seeds * (_STARTING_S + 1.5 * report["compile_s"] + _FORWARD * images["test"] * seconds)
    left = 60 * minutes - (time.perf_counter() - began) - fixed
    epochs = math.floor(left / of_an_epoch)
    if epochs < 1:
        needed = math.ceil(minutes + (of_an_epoch - left) / 60)
        raise UserError(f"--budget {minutes:g}: not enough for one epoch of every row; give {needed} or more")
    return epochs
