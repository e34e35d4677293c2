"""Progress on the terminal: a bar where there is one, plain lines elsewhere."""

import time

import keras
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class TrainingProgress(keras.callbacks.Callback):
    """One line an epoch, and on a terminal a bar with the time left, loss and Dice.

    Args:
        epochs: of the run.
        counter: of steps, a `StepCounter`.
        dice: name of the metric that is shown beside the loss.
        console: where to write.
        quiet: no bar, even on a terminal.
        started: `time.perf_counter()` at the start of the command, from which the first step's time counts.

    Attributes:
        first_step_s: seconds from `started` to the end of the first step.
    """

    async_safe = True

    def __init__(self, *, epochs, counter, dice, console=None, quiet=False, started=None):
        super().__init__()
        self._console = console or Console()
        self._epochs = epochs
        self._counter = counter
        self._dice = dice
        self._started = time.perf_counter() if started is None else started
        self._bar = None
        self._show_bar = self._console.is_terminal and not quiet
        self.first_step_s = None
        self._training_since = time.perf_counter()

    def on_train_begin(self, logs=None):
        if self._show_bar and self._bar is None:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                console=self._console,
            )
            self._task = self._bar.add_task("compiling", total=self._counter.step(self._epochs, 0))
            self._bar.start()

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.first_step_s is None:
            self.first_step_s = time.perf_counter() - self._started
        if self._bar:
            text = f"epoch {self._epoch + 1}/{self._epochs}  loss {logs['loss']:.3f}  dice {logs[self._dice]:.3f}"
            self._bar.update(self._task, completed=self._counter.step(self._epoch, batch) + 1, description=text)

    def on_epoch_end(self, epoch, logs=None):
        elapsed = time.perf_counter() - self._training_since
        done = epoch + 1 - self._counter.first_step / self._counter.steps_per_epoch
        left = elapsed / done * (self._epochs - epoch - 1) if done else 0.0
        waited = f"{logs['data_wait']:.0%} waiting for data, " if "data_wait" in logs else ""
        validation = ""
        if "val_loss" in logs:
            validation = f"validation: loss {logs['val_loss']:.4f}  dice {logs['val_' + self._dice]:.4f}  "
        self._console.print(
            f"epoch {epoch + 1:3d}/{self._epochs}  loss {logs['loss']:.4f}  dice {logs[self._dice]:.4f}  {validation}"
            f"{waited}{duration(elapsed)}, {duration(left)} left",
            highlight=False,
            soft_wrap=True,
        )

    def close(self):
        """Takes the bar away; needed where training ended with an exception too."""
        if self._bar:
            self._bar.stop()


def duration(seconds):
    """Seconds as `45 s`, `12 min` or `3.4 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
