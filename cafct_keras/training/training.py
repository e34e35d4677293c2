"""The steps of a run, from where it stands to its last epoch."""

import functools
import pathlib

import keras

from cafct_keras.models import logits_model
from cafct_keras.runs import load_model
from cafct_keras.runs.checkpoints import CheckpointStore
from cafct_keras.runs.files import CHECKPOINTS
from cafct_keras.runs.history import History, HistoryWriter
from cafct_keras.training.callbacks import (
    Checkpoints,
    HistoryFiles,
    KeptNetworks,
    NonFiniteGuard,
    StepCounter,
    Validation,
)
from cafct_keras.training.compiling import compile_for_training
from cafct_keras.training.data_wait import DataWait
from cafct_keras.training.devices import Team
from cafct_keras.training.durations import Interval, seconds
from cafct_keras.training.progress import TrainingProgress
from cafct_keras.training.resume import restore_best
from cafct_keras.training.state import build_state, metrics_of, put_state
from cafct_keras.training.stopping import StopRequest
from pipelines.loading.stream import evaluation_stream, training_stream


class Training:
    """Trains a network.

    Args:
        model: the network, ending in a sigmoid.
        config: of the run.
        parts: slices by part.
        schedule_epochs: see `compile_for_training`.
        team: the processes that train together; only the chief writes.

    Attributes:
        trained: the same network to logits, compiled.
        dice: name of the metric that counts.
        history, data_wait, progress: of the run and of this process, once it is prepared.

    Raises:
        UserError: the optimiser cannot be made.
    """

    def __init__(self, model, config, parts, *, schedule_epochs, team):
        self._model = model
        self._config = config
        self._folder = pathlib.Path(config.out)
        self._schedule_epochs = schedule_epochs
        self._parts = parts
        self._team = team
        self._slices = parts["train"]
        self._steps_per_epoch = len(self._slices.names) // config.optimizer.batch_size
        self._compile()

    def prepare(self, *, console, quiet, started):
        """Goes to the newest checkpoint in the run folder, where there is one.

        Args:
            console: a `rich.console.Console`.
            quiet: plain lines even on a terminal.
            started: `time.perf_counter()` at the start of the command.

        Raises:
            UserError: the checkpoint is of another network, or all are damaged.
        """
        config, team = self._config, self._team
        checkpoint = self._restore(console)
        counter = StepCounter(
            steps_per_epoch=self._steps_per_epoch,
            first_epoch=self.history.epoch,
            first_batch=self.history.batch,
        )
        limit = config.session.time_limit and seconds("time_limit", config.session.time_limit)
        self._stop = StopRequest(team=team, time_limit=limit, started=started)
        self._guard = NonFiniteGuard(self.trained, counter=counter)
        self._checkpoints = Checkpoints(
            store=self._store if team.chief else None,
            history=self.history,
            folder=self._folder,
            counter=counter,
            interval=Interval("checkpoint_every", config.session.checkpoint_every),
            stop=self._stop,
            metrics=metrics_of(checkpoint.state) if checkpoint else None,
            started=started,
        )
        self.data_wait = DataWait()
        self.progress = TrainingProgress(
            epochs=config.optimizer.epochs,
            counter=counter,
            dice=self.dice,
            console=console,
            quiet=quiet,
            started=started,
        )
        # In this order: the first ones write an epoch's logs, the others read them.
        self._callbacks = [
            self.data_wait,
            self._guard,
            self._checkpoints,
        ]
        if config.data.validation:
            evaluate = functools.partial(self.evaluate, "validation")
            self._callbacks.append(Validation(evaluate, checkpoints=self._checkpoints))
        self._files = None
        if team.chief:
            restore_best(self._folder, checkpoint)
            self._files = HistoryWriter(self.history, self._folder)
            kept = {"folder": self._folder, "history": self.history, "monitor": f"val_{self.dice}"}
            self._callbacks += [
                KeptNetworks(self._model, guard=self._guard, **kept),
                HistoryFiles(self._files),
                self.progress,
            ]

    @property
    def bad_step(self):
        """The step whose loss was not finite; None while all is well."""
        return self._guard.step

    def run(self):
        """Trains to the last epoch, with a checkpoint at its end; does nothing where that is there already.

        Raises:
            RunStoppedError: it was to stop before; there is a checkpoint of where it stands.
        """
        try:
            if self.history.epoch < self._config.optimizer.epochs:
                with self._stop.listening():
                    self._steps()
                if self.bad_step is None:
                    self.history.epoch, self.history.batch = self._config.optimizer.epochs, 0
                    self._checkpoints.save()
        finally:
            self.progress.close()
            if self._files:
                self._files.close()
            self._store.wait()

    def evaluate(self, part, callbacks=None):
        """Scores by name, of one part of the data."""
        stream = evaluation_stream(
            self._parts[part], batch_size=self._config.optimizer.batch_size, shard=self._team.share
        )
        scores = self.trained.evaluate(stream, callbacks=callbacks, return_dict=True, verbose=0)
        return {name: float(value) for name, value in scores.items()}

    def take_best(self):
        """Goes over from the last network to the best, which this process scores by itself; returns it."""
        if self._team.count == 1:
            self._model.set_weights(load_model(self._folder).get_weights())
        else:
            keras.distribution.set_distribution(None)
            self._team = Team()
            self._model = load_model(self._folder)
            self._compile()
        return self._model

    def _compile(self):
        self.trained = logits_model(self._model)
        self.dice = compile_for_training(
            self.trained,
            self._config,
            targets=self._slices.targets,
            steps_per_epoch=self._steps_per_epoch,
            schedule_epochs=self._schedule_epochs,
        )

    def _restore(self, console):
        build_state(self.trained, classes=len(self._slices.targets))
        say = functools.partial(console.print, highlight=False, soft_wrap=True)
        with self._team.chief_first("checkpoints are looked through"):
            self._store = CheckpointStore(self._folder / CHECKPOINTS)
            checkpoint = self._store.latest(warn=say)
        self._team.meet("checkpoints are read")
        self.history = History()
        if checkpoint:
            put_state(self.trained, checkpoint.state)
            self.history = History(**checkpoint.progress)
            say(f"goes on after {self.history.batch} steps of epoch {self.history.epoch + 1}")
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
        if epoch < self._config.optimizer.epochs and self.bad_step is None:
            self._fit(epoch, self._config.optimizer.epochs)

    def _fit(self, epoch, last_epoch, *, from_batch=0):
        config, steps = self._config, self._steps_per_epoch
        stream = training_stream(
            self._slices,
            batch_size=config.optimizer.batch_size,
            steps=last_epoch * steps,
            start_step=epoch * steps + from_batch,
            seed=config.seed,
            augmentation=config.data.augmentation,
            foreground_fraction=config.data.foreground_fraction,
            shard=self._team.share,
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
