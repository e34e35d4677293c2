"""Progress of training on the console."""

import io
from unittest import mock

import pytest
from rich.console import Console

from cafct_keras.training import progress
from cafct_keras.training.callbacks import StepCounter


@pytest.mark.parametrize(
    ("first", "expected"),
    [({}, 48), ({"first_epochs": 4, "first_cost": 4}, 39), ({"first_epochs": 1, "first_cost": 2}, 24)],
    ids=["one size", "four epochs at twice the size", "one epoch at 1.4 times the size"],
)
def test_the_first_epoch_s_time_left_does_not_count_compiling(first, expected):
    """Ten steps of a second and two of validation per epoch, after a minute of compiling before each."""
    clock = mock.Mock(return_value=0.0)
    console = Console(file=io.StringIO(), width=200)

    def passes(seconds):
        clock.return_value += seconds

    with mock.patch.object(progress.time, "perf_counter", clock):
        shown = progress.TrainingProgress(
            epochs=5,
            counter=StepCounter(steps_per_epoch=10),
            dice="dice",
            validated="dice",
            console=console,
            quiet=True,
            started=0.0,
            **first,
        )
        logs = {"loss": 0.5, "dice": 0.5}
        shown.on_epoch_begin(0)
        passes(60)
        for step in range(10):
            passes(1)
            shown.on_train_batch_end(step, logs)
        shown.on_test_begin()
        passes(60)
        for batch in range(2):
            passes(1)
            shown.on_test_batch_end(batch)
        shown.on_epoch_end(0, logs)
    # Four epochs of 12 seconds, or the last of them in a quarter of that time, or all in half of it.
    left = float(console.file.getvalue().split(", ")[-1].split()[0])
    assert expected / 1.2 < left < expected * 1.2, console.file.getvalue()
