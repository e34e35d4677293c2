"""The steps of a run, from where it stands to its last epoch."""

import functools
import pathlib

import keras

from cafct_keras.models import logits_model
from cafct_keras.training.beginning import begin
from cafct_keras.training.callbacks import (
    CHECKPOINTS,
    Checkpoints,
    KeptNetworks,
    NonFiniteGuard,
    StepCounter,
    Validation,
)
from cafct_keras.training.checkpoints import CheckpointStore
from cafct_keras.training.compiling import compile_for_training
from cafct_keras.training.data_wait import DataWait
from cafct_keras.training.history import History, HistoryFiles
from cafct_keras.training.intervals import Interval, seconds
from cafct_keras.training.progress import TrainingProgress
from cafct_keras.training.resume import restore_best
from cafct_keras.training.state import build_state, metrics_of, put_state
from cafct_keras.training.stopping import StopRequest
from pipelines.stream import evaluation_stream, training_stream


class Training:
    """Trains a network, beginning with the newest checkpoint in the run folder where there is one.

    Args:
        model: the network, ending in a sigmoid.
        options: of the run.
        parts: slices by part.
        schedule_epochs: see `compile_for_training`.
        folder: of the run.
        console: a `rich.console.Console`.
        quiet: plain lines even on a terminal.
        started: `time.perf_counter()` at the start of the command.

    Attributes:
        trained: the same network to logits, compiled.
        dice: name of the metric that counts.
        history: of the run so far.
        data_wait: of this process.
        progress: of this process.
    """

    def __init__(self, model, options, parts, *, schedule_epochs, folder, console, quiet, started):
        self._options = options
        self._parts = parts
        self._slices = parts["train"]
        self._steps_per_epoch = len(self._slices.names) // options.batch_size
        self.trained = logits_model(model)
        self.dice = compile_for_training(
            self.trained,
            options,
            targets=self._slices.targets,
            steps_per_epoch=self._steps_per_epoch,
            schedule_epochs=schedule_epochs,
        )
        self._store = CheckpointStore(pathlib.Path(folder) / CHECKPOINTS)
        checkpoint = self._restore(model, folder, console)
        counter = StepCounter(
            steps_per_epoch=self._steps_per_epoch,
            first_epoch=self.history.epoch,
            first_batch=self.history.batch,
        )
        limit = options.time_limit and seconds("--time-limit", options.time_limit)
        self._stop = StopRequest(time_limit=limit, started=started)
        self._guard = NonFiniteGuard(self.trained, counter=counter)
        self._checkpoints = Checkpoints(
            store=self._store,
            history=self.history,
            folder=folder,
            counter=counter,
            interval=Interval("--checkpoint-every", options.checkpoint_every),
            stop=self._stop,
            metrics=metrics_of(checkpoint.state) if checkpoint else None,
            started=started,
        )
        self.data_wait = DataWait()
        self.progress = TrainingProgress(
            epochs=options.epochs, counter=counter, dice=self.dice, console=console, quiet=quiet, started=started
        )
        self._files = HistoryFiles(self.history, folder)
        validation = Validation(self._evaluate_validation, checkpoints=self._checkpoints)
        networks = KeptNetworks(
            model, folder=folder, history=self.history, monitor=f"val_{self.dice}", guard=self._guard
        )
        # In this order: the first ones write an epoch's logs, the others read them.
        self._callbacks = [
            self.data_wait,
            self._guard,
            self._checkpoints,
            validation,
            networks,
            self._files,
            self.progress,
        ]

    @property
    def bad_step(self):
        """The step whose loss was not finite; None while all is well."""
        return self._guard.step

    def run(self):
        """Trains to the last epoch, with a checkpoint at its end.

        Raises:
            RunStoppedError: it was to stop before; there is a checkpoint of where it stands.
        """
        try:
            with self._stop.listening():
                self._steps()
            if self.bad_step is None:
                self.history.epoch, self.history.batch = self._options.epochs, 0
                self._checkpoints.save()
        finally:
            self.progress.close()
            self._files.close()
            self._store.wait()

    def evaluate(self, part, callbacks=None):
        """Scores by name, of one part of the data."""
        stream = evaluation_stream(self._parts[part], batch_size=self._options.batch_size)
        scores = self.trained.evaluate(stream, callbacks=callbacks, return_dict=True, verbose=0)
        return {name: float(value) for name, value in scores.items()}

    def _evaluate_validation(self, callbacks):
        return self.evaluate("validation", callbacks)

    def _restore(self, model, folder, console):
        build_state(self.trained, classes=len(self._slices.targets))
        say = functools.partial(console.print, highlight=False, soft_wrap=True)
        checkpoint = self._store.latest(warn=say)
        self.history = History()
        if checkpoint:
            put_state(self.trained, checkpoint.state)
            self.history = History(**checkpoint.progress)
            say(f"goes on after {self.history.batch} steps of epoch {self.history.epoch + 1}")
        else:
            begin(model, self._options)
        restore_best(folder, checkpoint)
        return checkpoint

    def _steps(self):
        epoch, batch = self.history.epoch, self.history.batch
        if 0 < batch < self._steps_per_epoch:
            self._fit(epoch, epoch + 1, from_batch=batch)
        elif batch:
            # Trained, but not validated yet.
            logs = self.trained.get_metrics_result()
            keras.callbacks.CallbackList(self._callbacks, model=self.trained).on_epoch_end(epoch, logs)
        epoch += bool(batch)
        if epoch < self._options.epochs and self.bad_step is None:
            self._fit(epoch, self._options.epochs)

    def _fit(self, epoch, last_epoch, *, from_batch=0):
        options, steps = self._options, self._steps_per_epoch
        stream = training_stream(
            self._slices,
            batch_size=options.batch_size,
            steps=last_epoch * steps,
            start_step=epoch * steps + from_batch,
            seed=options.seed,
            augmentation=options.augmentation,
            foreground_fraction=options.foreground_fraction,
        )
        self.trained.fit(
            self.data_wait.timed(stream),
            initial_epoch=epoch,
            epochs=last_epoch,
            steps_per_epoch=steps - from_batch,
            callbacks=self._callbacks,
            shuffle=False,
            verbose=0,
        )
