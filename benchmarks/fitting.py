"""Cost of everything that `fit` adds to the bare training step: data, metrics, checkpoints, progress.

Times the bare step, one epoch of `cafct-keras fit` on the phantom and the bare step again, all in this process:
`GLIBC_TUNABLES=glibc.malloc.hugetlb=1 python benchmarks/fitting.py [PRESET]`; `cafct-keras`
restarts itself with this setting.
"""

import itertools
import statistics
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

import numpy as np

from cafct_keras.benchmark import benchmark
from cafct_keras.training import FitConfig, fit
from cafct_keras.training.callbacks import Checkpoints
from cafct_keras.training.data_wait import DataWait

BATCH, SIZE = 8, 256
BESIDE = 6  # steps in which a checkpoint is written


def bare(preset: str) -> float:
    """Seconds a step."""
    return benchmark("train", preset=preset, batch_size=BATCH, size=SIZE, repeats=20)["ms_per_image"] * BATCH / 1000


def fitted(preset: str) -> tuple[float, float, float]:
    """Seconds a step, from the end of one to the end of the next; seconds a checkpoint costs, and its MB."""
    ends, saves = [], []
    save = Checkpoints.save

    def noted(self, *arguments):
        np.asarray(self.model.optimizer.iterations)  # the steps under way are no part of it
        saves.append(len(ends))
        save(self, *arguments)

    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(Checkpoints, "save", noted),
        mock.patch.object(
            DataWait, "on_train_batch_end", side_effect=lambda *_, **__: ends.append(time.perf_counter())
        ),
    ):
        out = Path(folder) / "run"
        fit(
            FitConfig.from_options(
                preset=preset, size=SIZE, batch_size=BATCH, epochs=1, checkpoint_every="20", out=str(out)
            ),
            quiet=True,
        )
        size = max(sum(path.stat().st_size for path in each.iterdir()) for each in out.glob("checkpoints/step-*"))
    steps = [after - before for before, after in itertools.pairwise(ends)]
    step = statistics.median(steps)
    # What it takes by itself, and what its writing takes from the steps beside it.
    costs = [sum(steps[at - 1 : at + BESIDE - 1]) - BESIDE * step for at in saves if at + BESIDE <= len(ends)]
    return step, statistics.mean(costs), size / 1e6


if __name__ == "__main__":
    chosen = sys.argv[1] if len(sys.argv) > 1 else "small"
    before, (within, cost, size), after = bare(chosen), fitted(chosen), bare(chosen)
    print(
        f"{chosen}: bare step {before:.3f} and {after:.3f} s, in fit {within:.3f} s; "
        f"a checkpoint of {size:.0f} MB costs {cost:.2f} s, {cost / 300:.2%} at one in five minutes"
    )
