"""Progress of training on the console."""

import io
import re
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


@pytest.mark.parametrize(
    ("width", "shown"), [(80, "dice 0.4000"), (200, "dice_per_case_positive 0.4000  2% waiting for data, ")]
)
def test_lines_of_epochs_fit_the_terminal(width, shown):
    console = Console(file=io.StringIO(), force_terminal=True, width=width, _environ={"TERM": "xterm"})
    reported = progress.TrainingProgress(
        epochs=100,
        counter=StepCounter(steps_per_epoch=4815),
        dice="dice",
        validated="dice_per_case_positive",
        console=console,
        quiet=False,
        started=0.0,
    )
    reported.on_train_begin()
    reported.on_epoch_begin(11)
    reported.on_train_batch_end(1200, {"loss": 0.5, "dice": 0.5})
    scores = {"val_loss": 0.3, "val_dice_per_case_positive": 0.4, "data_wait": 0.02}
    reported.on_epoch_end(11, {"loss": 0.5, "dice": 0.5, **scores})
    reported.close()
    lines = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", console.file.getvalue()).replace("\r", "\n").splitlines()
    (line,) = (line for line in lines if line.startswith("epoch  12/100"))
    assert f"validation: loss 0.3000  {shown}" in line
    assert max(map(len, lines)) <= width
    assert "11%" in lines[-1]
    assert "\N{HORIZONTAL ELLIPSIS}" not in lines[-1]
