"""Numbers of epochs that fit a time budget."""

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


def epochs_within(
    minutes: float,
    configs: Sequence[FitConfig],
    seeds: int,
    *,
    equal_time: bool,
    more_than: dict[str, float],
) -> list[int]:
    """The largest numbers of epochs for which all runs fit the budget.

    Each row's training step is compiled and timed, which takes from the budget too.

    Args:
        minutes: the budget.
        configs: resolved configurations of the rows, all on the same data.
        seeds: runs per row.
        equal_time: whether every row has the same part of the budget, and so epochs of its own, or the same epochs.
        more_than: options that every row needs more epochs than, and their values.

    Returns:
        The epochs of each row.

    Raises:
        UserError: there is not enough time for one epoch, or for more than `more_than`.
    """
    started = time.perf_counter()
    data = configs[0].data
    source = open_source(data.path, target=data.target, size=data.size, **data.reading)
    parts = load_slices(
        source, target=data.target, size=data.size, window=data.window, context=data.context, cache=data.cache
    )
    images = {name: len(part.names) for name, part in parts.items()}
    # Crops are trained on, whole slices predicted.
    whole = _FORWARD * (data.size / (data.augmentation.crop or data.size)) ** 2
    per_epoch = images["train"] + whole * images["validation"]
    first_epochs = data.first_epochs or 0
    cheaper = 1 - ((data.first_size or data.size) / data.size) ** 2
    # Crops have the same size in all epochs.
    saved = cheaper * ((0 if data.augmentation.crop else images["train"]) + whole * images["validation"])
    fixed_s, epoch_s = [], []
    for config in configs:
        report = time_step("train", config, repeats=_REPEATS)
        seconds = report["ms_per_image"] / 1000
        compiling = (2.5 if first_epochs else 1.5) * report["compile_s"]
        of_run = _STARTUP_S + compiling + (whole * images["test"] - first_epochs * saved) * seconds
        epoch_s.append(seeds * per_epoch * seconds)
        fixed_s.append(seeds * of_run)
    left = 60 * minutes - (time.perf_counter() - started)
    longest, value = max(more_than.items(), key=lambda each: each[1], default=(None, 0))
    fewest = math.floor(value) + 1
    if equal_time:
        epochs = [(left / len(configs) - fixed) / each for fixed, each in zip(fixed_s, epoch_s, strict=True)]
        needed = len(configs) * max(fixed + fewest * each for fixed, each in zip(fixed_s, epoch_s, strict=True))
    else:
        epochs = [(left - sum(fixed_s)) / sum(epoch_s)] * len(configs)
        needed = sum(fixed_s) + fewest * sum(epoch_s)
    if min(epochs) < fewest:
        enough = math.ceil(minutes + (needed - left) / 60)
        what = f"more than `{longest}` {value:g}" if longest else "one epoch"
        raise UserError(f"`budget` {minutes:g}: not enough for {what} of every row; give {enough} or more")
    return [math.floor(each) for each in epochs]
