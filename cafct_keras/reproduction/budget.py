"""Number of epochs that fits a time budget."""

import math
import time
from collections.abc import Sequence

from cafct_keras.errors import UserError
from cafct_keras.reproduction.costs import time_step
from cafct_keras.training import FitConfig
from pipelines import open_source
from pipelines.loading.slices import load_slices

_FORWARD = 1 / 3  # time of a validation image, as a fraction of a training image
_STARTUP_S = 20.0  # imports, data and first files of a run
_REPEATS = 3


def epochs_within(minutes: float, configs: Sequence[FitConfig], seeds: int) -> int:
    """The largest number of epochs, the same for every row, for which all runs fit the budget.

    Each row's training step is compiled and timed, which takes from the budget too.

    Args:
        minutes: the budget.
        configs: resolved configurations of the rows, all on the same data.
        seeds: runs per row.

    Raises:
        UserError: there is not enough time for one epoch.
    """
    started = time.perf_counter()
    data = configs[0].data
    source = open_source(data.path, target=data.target, size=data.size, **data.reading)
    parts = load_slices(
        source, target=data.target, size=data.size, window=data.window, context=data.context, cache=data.cache
    )
    images = {name: len(part.names) for name, part in parts.items()}
    per_epoch = images["train"] + _FORWARD * images["validation"]
    fixed_s = epoch_s = 0.0
    for config in configs:
        report = time_step("train", config, repeats=_REPEATS)
        seconds = report["ms_per_image"] / 1000
        epoch_s += seeds * per_epoch * seconds
        fixed_s += seeds * (_STARTUP_S + 1.5 * report["compile_s"] + _FORWARD * images["test"] * seconds)
    left = 60 * minutes - (time.perf_counter() - started) - fixed_s
    epochs = math.floor(left / epoch_s)
    if epochs < 1:
        needed = math.ceil(minutes + (epoch_s - left) / 60)
        raise UserError(f"`budget` {minutes:g}: not enough for one epoch of every row; give {needed} or more")
    return epochs
