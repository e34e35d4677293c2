"""Progress of training on the console: a bar on a terminal, plain lines elsewhere."""

import math
import time
from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from cafct_keras.runtime.durations import duration
from cafct_keras.training.callbacks import StepCounter

Logs = dict[str, Any]


class TrainingProgress(keras.callbacks.Callback):
    """Prints a line per epoch, and on a terminal shows a bar with the time left, loss and Dice.

    Args:
        epochs: of the run.
        counter: of steps.
        dice: name of the metric that is shown beside the loss of training.
        validated: likewise beside that of validation.
        console: where to write.
        quiet: no bar, even on a terminal.
        first_epochs: number of epochs at the beginning whose steps take another time.
        first_cost: that time, relative to a step's of the other epochs.
        started: `time.perf_counter()` at the start of the command, from which the time to the first step counts.

    Attributes:
        first_step_s: seconds from `started` to the end of the first step.
    """

    async_safe = True

    def __init__(
        self,
        *,
        epochs: int,
        counter: StepCounter,
        dice: str,
        validated: str,
        console: Console,
        quiet: bool,
        first_epochs: int = 0,
        first_cost: float = 1.0,
        started: float,
    ) -> None:
        super().__init__()
        self._console = console
        self._epochs = epochs
        self._counter = counter
        self._dice, self._of_validation = dice, validated
        self._first_steps = first_epochs * counter.steps_per_epoch
        self._first_cost = first_cost
        self._started = started
        self._bar: Progress | None = None
        self._show_bar = console.is_interactive and not quiet
        self.first_step_s: float | None = None
        self._training_since = time.perf_counter()
        # The first step and the first batch of the validation are compiled.
        self._compiling_s = 0.0
        self._validated = False

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Shows the bar."""
        if self._show_bar and self._bar is None:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TaskProgressColumn(),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                console=self._console,
            )
            self._task = self._bar.add_task("compiling", total=self._counter.step(self._epochs, 0))
            self._bar.start()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Notes the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Updates the bar."""
        if self.first_step_s is None:
            now = time.perf_counter()
            self.first_step_s = now - self._started
            self._compiling_s += now - self._training_since
        if self._bar and logs:
            text = f"epoch {self._epoch + 1}/{self._epochs}  loss {logs['loss']:.3f}  dice {logs[self._dice]:.3f}"
            self._bar.update(self._task, completed=self._counter.step(self._epoch, batch) + 1, description=text)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Notes the time at which the validation starts."""
        self._validating_since = time.perf_counter()

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Measures the time that the validation compiles."""
        if not self._validated:
            self._validated = True
            self._compiling_s += time.perf_counter() - self._validating_since

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Prints the epoch's line."""
        logs = logs or {}
        elapsed = time.perf_counter() - self._training_since
        waited = f"{logs['data_wait']:.0%} waiting for data, " if "data_wait" in logs else ""
        times = f"  {waited}{duration(elapsed)}, {duration(self._left(epoch, elapsed))} left"
        start = f"epoch {epoch + 1:3d}/{self._epochs}  loss {logs['loss']:.4f}  dice {logs[self._dice]:.4f}"
        line = f"{start}{self._validation(logs, self._of_validation)}{times}"
        if self._bar and len(line) > self._console.width:  # the bar has the times, and the first lines the Dice's name
            line = f"{start}{self._validation(logs, 'dice')}"
        self._console.print(line, highlight=False, soft_wrap=True)

    def _validation(self, logs: Logs, name: str) -> str:
        """Scores of the validation, with a name for its Dice; empty if there was none."""
        if "val_loss" not in logs:
            return ""
        score = logs[f"val_{self._of_validation}"]
        shown = "undefined" if math.isnan(score) else f"{score:.4f}"  # of empty masks
        return f"  validation: loss {logs['val_loss']:.4f}  {name} {shown}"

    def close(self) -> None:
        """Removes the bar; needed after an exception too."""
        if self._bar:
            self._bar.stop()

    def _left(self, epoch: int, elapsed: float) -> float:
        """Seconds left after this epoch, by the pace since the first step, which includes compiling."""
        steps, first = (epoch + 1) * self._counter.steps_per_epoch, self._counter.first_step
        if self.first_step_s is not None and steps > first + 1:
            elapsed, first = elapsed - self._compiling_s, first + 1
        done, left = self._cost(first, steps), self._cost(steps, self._epochs * self._counter.steps_per_epoch)
        return elapsed / done * left if done else 0.0

    def _cost(self, start: int, stop: int) -> float:
        """Expected time of steps, in steps of the last epochs."""
        first = max(0, min(stop, self._first_steps) - start)
        return first * self._first_cost + stop - start - first
