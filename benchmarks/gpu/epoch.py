"""Trains on as many synthetic slices as LiTS has, and says what fraction of an epoch is spent waiting for data.

    python -m benchmarks.gpu.epoch epoch.json

This is `cafct-keras fit` with its data in memory, a few slices of the phantom over and over, and without validation.
The first epoch compiles; the second is measured. Without TensorFlow, batches come from a pool of Python threads instead
of tf.data, made by the same function and as many at a time.
"""

import collections
import concurrent.futures
import contextlib
import dataclasses
import importlib.util
import pathlib
import tempfile
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import cafct_keras  # noqa: F401  (chooses the backend, so before Keras)

# isort: split
import numpy as np

from benchmarks.gpu.campaign import Campaign, Result, parser
from cafct_keras.runtime.devices import environment
from cafct_keras.training import FitConfig, fit
from cafct_keras.training.data_wait import DataWait
from pipelines.layouts.phantom import Phantom
from pipelines.loading import stream
from pipelines.loading.augmentation import Augmentation
from pipelines.loading.benchmark import FULL
from pipelines.loading.slices import Slices, load_slices

SLICES = 38_523  # training slices of LiTS in `lits-png`
AUGMENTATIONS = {"none": Augmentation(), "full": FULL}


def threads(make: Callable, numbers: range, shapes: object) -> Iterator[tuple[np.ndarray, ...]]:
    """In place of `pipelines.loading.stream._to_dataset`: the same batches in the same order."""
    with concurrent.futures.ThreadPoolExecutor(stream._PARALLEL) as pool:
        waiting: collections.deque[concurrent.futures.Future] = collections.deque()
        try:
            for number in numbers:
                waiting.append(pool.submit(make, number))
                if len(waiting) >= stream._PARALLEL + stream._PREFETCHED:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def repeated(slices: Slices, count: int) -> Slices:
    """As many slices, over and over."""
    rows = np.arange(count) % len(slices.names)
    return dataclasses.replace(
        slices,
        images=slices.images[rows],
        masks=slices.masks[rows],
        names=tuple(f"slice-{row}" for row in range(count)),
        patients=tuple(slices.patients[row] for row in rows),
        cases=np.arange(count) // 8,
        runs=None,
    )


class Timed(DataWait):
    """Notes the training time of every epoch."""

    epochs: list[Result] = []  # noqa: RUF012  (of the process: the loop makes its own instance)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Appends to `epochs`."""
        super().on_epoch_end(epoch, logs)
        self.epochs.append({"seconds": self._last - self._began, "waiting": (logs or {})["data_wait"]})


def unscored(loop: object, card: dict[str, Any], *arguments: object, **named: object) -> None:
    """In place of scoring the network, for which others would be compiled."""
    card["best_epoch"] = 2


def train(slices: int, *, size: int, tf_data: bool, **options: Any) -> Result:
    """Trains two epochs; returns seconds and waiting of the second.

    Args:
        slices: training slices.
        size: height and width.
        tf_data: take batches from tf.data, not from `threads`.
        options: of `fit`, by their names on the command line.
    """

    def load(source: Phantom, **reading: Any) -> dict[str, Slices]:
        parts = load_slices(source, **reading)
        return {**parts, "train": repeated(parts["train"], slices)}

    Timed.epochs.clear()
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        few = mock.Mock(return_value=Phantom(cases=3, slices=8, size=size))
        replaced = {"run.open_source": few, "run.load_slices": load, "loop.DataWait": Timed, "run._finish": unscored}
        for name, value in replaced.items():
            stack.enter_context(mock.patch(f"cafct_keras.training.{name}", value))
        if not tf_data:
            stack.enter_context(mock.patch.object(stream, "_to_dataset", threads))
        card = fit(
            FitConfig.from_options(size=size, epochs=2, validation=False, out=str(folder / "run"), **options),
            quiet=True,
        )
    epoch = Timed.epochs[-1]
    trained = slices // card["config"]["optimizer"]["batch_size"] * card["config"]["optimizer"]["batch_size"]
    return {
        **{name: value for name, value in options.items() if name != "augmentation" and value is not None},
        "size": size,
        "slices": trained,
        "epoch_s": round(epoch["seconds"], 3),
        "ms_per_image": round(1000 * epoch["seconds"] / trained, 4),
        "waiting": round(epoch["waiting"], 4),
        "first_step_s": card["seconds"]["first_step"],  # None but in the first of several processes
        "stream": "tf.data" if tf_data else "threads",
        **environment(),
    }


def main(arguments: list[str] | None = None) -> None:
    """Trains without augmentation and with all of it."""
    options = parser(__doc__)
    options.add_argument("--model", default="cafct_net")
    options.add_argument("--preset", default="base")
    options.add_argument("--precision", default="mixed_bfloat16")
    options.add_argument("--batch-size", type=int, default=32)
    options.add_argument("--size", type=int, default=256)
    options.add_argument("--slices", type=int, default=SLICES)
    options.add_argument("--augment", choices=AUGMENTATIONS, action="append", help="default: none, then full")
    options.add_argument("--stream", choices=("tf.data", "threads"), help="default: tf.data where there is TensorFlow")
    options.add_argument("--devices", type=int, default=1, help="of this process, as in `fit`")
    for name, kind in (("coordinator", str), ("processes", int), ("process-id", int)):
        options.add_argument(f"--{name}", type=kind, help="as in `fit`")
    given = options.parse_args(arguments)
    tf_data = given.stream == "tf.data" or (not given.stream and importlib.util.find_spec("tensorflow") is not None)
    names = ("model", "preset", "precision", "batch_size", "devices", "coordinator", "processes", "process_id")
    chosen = {name: getattr(given, name) for name in names}
    campaign = Campaign(given.out, seconds=given.seconds)
    for augment in given.augment or AUGMENTATIONS:
        chosen["augmentation"] = AUGMENTATIONS[augment]
        campaign.measure(
            f"{given.preset}, {given.precision}, {given.batch_size}, augmentation {augment}",
            lambda: train(given.slices, size=given.size, tf_data=tf_data, **chosen),
            required=min(240, 0.4 * given.seconds),
        )
    campaign.close()


if __name__ == "__main__":
    main()
