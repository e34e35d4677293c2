"""The training loop of a run, from where it stands to its last epoch."""

import functools
import math
import pathlib
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from cafct_keras.errors import UserError
from cafct_keras.runs.checkpoints import Checkpoint, CheckpointStore
from cafct_keras.runs.config import FitConfig
from cafct_keras.runs.files import CHECKPOINTS
from cafct_keras.runs.history import History, HistoryWriter
from cafct_keras.runs.loading import load_model
from cafct_keras.training.averaging import AveragedModel, with_average
from cafct_keras.training.callbacks import (
    BestModelCheckpoint,
    Checkpoints,
    HistoryFiles,
    StepCounter,
    TerminateOnNonFinite,
    Validation,
)
from cafct_keras.training.compiling import compile_for_training
from cafct_keras.training.data_wait import DataWait
from cafct_keras.training.devices import ProcessGroup
from cafct_keras.training.durations import Interval, seconds
from cafct_keras.training.progress import TrainingProgress
from cafct_keras.training.reporting import Report
from cafct_keras.training.resume import restore_best
from cafct_keras.training.selection import Selection, dice_per_case, of_shown, score_name
from cafct_keras.training.stages import Stages
from cafct_keras.training.state import build_state, metrics_of, set_state
from cafct_keras.training.stopping import StopRequest
from pipelines.loading.sampling import Sampler
from pipelines.loading.slices import Slices
from pipelines.loading.stream import evaluation_stream, training_stream


class TrainingLoop:
    """Trains a model.

    Args:
        model: ends in a sigmoid.
        config: of the run.
        parts: slices by part.
        schedule_epochs: see `compile_for_training`.
        selection: by what the best epoch is chosen.
        group: the processes that train together; only the main one writes.

    Attributes:
        trained: the same model ending in logits, compiled.
        dice: name of the metric that is shown of training.
        history, data_wait, progress: of the run and of this process, after `restore`.

    Raises:
        UserError: the optimizer cannot be created.
    """

    def __init__(
        self,
        model: keras.Model,
        config: FitConfig,
        parts: dict[str, Slices],
        *,
        schedule_epochs: int,
        selection: Selection,
        group: ProcessGroup,
    ) -> None:
        self._model = model
        self._config = config
        self._folder = pathlib.Path(str(config.out))
        self._schedule_epochs = schedule_epochs
        self._parts = parts
        self._selection = selection
        targets = parts["train"].preprocessing.targets
        self.dice = score_name(targets, targets[-1], "dice_pooled")
        self._group = group
        self._stages = Stages(config, parts)
        self._steps_per_epoch = len(parts["train"].names) // config.optimizer.batch_size
        self._compile()

    @property
    def bad_step(self) -> int | None:
        """The step whose loss was not finite; None while every loss is."""
        return self._guard.step

    def restore(self, report: Report, *, run: str) -> None:
        """Restores the newest checkpoint in the run folder, if there is one.

        Args:
            report: where to say so.
            run: `id` of the run's card, which its checkpoints name.

        Raises:
            UserError: the checkpoint is of another run or model, or all are damaged.
        """
        config, group = self._config, self._group
        self._report = report
        checkpoint = self._restore_state(report, run)
        counter = StepCounter(
            steps_per_epoch=self._steps_per_epoch, first_epoch=self.history.epoch, first_batch=self.history.batch
        )
        limit = config.session.time_limit and seconds("time_limit", config.session.time_limit)
        self._stop = StopRequest(group=group, time_limit=limit or None, started=report.started)
        self._guard = TerminateOnNonFinite(self.trained, counter=counter)
        self._checkpoints = Checkpoints(
            store=self._store if group.is_main else None,
            history=self.history,
            folder=self._folder,
            counter=counter,
            interval=Interval("checkpoint_every", config.session.checkpoint_every),
            stop=self._stop,
            metrics=metrics_of(checkpoint.state) if checkpoint else None,
            started=report.started,
        )
        self.data_wait = DataWait()
        self.progress = TrainingProgress(
            epochs=config.optimizer.epochs,
            counter=counter,
            dice=self.dice,
            validated=self._selection.score or self.dice,
            console=report.console,
            quiet=report.quiet,
            first_epochs=config.data.first_epochs or 0,
            first_cost=((config.data.first_size or 0) / config.data.size) ** 2,
            started=report.started,
        )
        # In this order: the first ones write an epoch's logs, the others read them.
        callbacks: list[keras.callbacks.Callback] = []
        if config.data.validation:
            evaluate = functools.partial(self.evaluate, "validation")
            callbacks.append(Validation(evaluate, callbacks=[self._checkpoints, self.progress]))
        self._files = None
        if group.is_main:
            restore_best(self._folder, checkpoint)
            self._files = HistoryWriter(self.history, self._folder)
            best = BestModelCheckpoint(
                self._model,
                folder=self._folder,
                history=self.history,
                selection=self._selection,
                guard=self._guard,
            )
            callbacks += [best, HistoryFiles(self._files), self.progress]
        self._callbacks = [self.data_wait, self._guard, self._checkpoints, *with_average(self.trained, callbacks)]

    def run(self) -> None:
        """Trains to the last epoch and saves a checkpoint at its end; does nothing if that is there already.

        Raises:
            RunStoppedError: it was to stop before; there is a checkpoint of where it stands.
        """
        try:
            if self.history.epoch < self._config.optimizer.epochs:
                with self._stop.listening():
                    self._train()
                if self.bad_step is None:
                    self.history.epoch, self.history.batch = self._config.optimizer.epochs, 0
                    self._checkpoints.save()
        finally:
            self.progress.close()
            if self._files:
                self._files.close()
            self._store.wait()

    def evaluate(self, part: str, callbacks: Sequence[keras.callbacks.Callback] = ()) -> dict[str, float]:
        """Loss and metrics of one part of the data, at the size that is trained at, by name.

        Scores of targets that the part does not show at that size are NaN, and there is no Dice per case of them:
        whoever predicts nothing would have the best.
        """
        slices = self._stages[part]
        scores, counts = self._evaluate(slices, np.arange(len(slices.names)), callbacks)
        return of_shown(scores, counts, slices) | dice_per_case(counts, slices)

    def drawn(self, step: int) -> list[str]:
        """Names of the training slices of a step of the present stage."""
        train = self._stages["train"]
        return [train.names[index] for index in Sampler(train, **self._sampling()).batch(step)[1]]

    def use_best(self) -> keras.Model:
        """Replaces the last model by the best one, which this process then scores by itself; returns it."""
        if self._group.count == 1:
            self._model.set_weights(load_model(self._folder).get_weights())
        else:
            keras.distribution.set_distribution(None)
            self._group = ProcessGroup()
            self._model = load_model(self._folder)
            self._compile()
        return self._model

    def _compile(self) -> None:
        optimizer = self._config.optimizer
        self.trained = AveragedModel(self._model, decay=optimizer.ema_decay, accumulate=optimizer.accumulate)
        searches = self._config.data.sampling.has_hard_negatives
        self._counts = compile_for_training(
            self.trained,
            self._config,
            targets=self._parts["train"].preprocessing.targets,
            steps_per_epoch=self._steps_per_epoch,
            schedule_epochs=self._schedule_epochs,
            evaluated=max(len(slices.names) for part, slices in self._parts.items() if part != "train" or searches),
        )

    def _restore_state(self, report: Report, run: str) -> Checkpoint | None:
        build_state(self.trained, classes=len(self._parts["train"].preprocessing.targets))
        with self._group.main_first("damaged checkpoints are renamed"):
            self._store = CheckpointStore(self._folder / CHECKPOINTS, run=run)
            checkpoint = self._store.latest(warn=report.say)
        self._group.barrier("checkpoints are read")
        self.history = History()
        if checkpoint:
            set_state(self.trained, checkpoint.state)
            try:
                self.history = History(**checkpoint.progress)
            except TypeError as error:
                raise UserError(f"{checkpoint.folder}: of another version ({error}); start another run") from error
            report.say(f"resuming after {self.history.batch} steps of epoch {self.history.epoch + 1}")
        return checkpoint

    def _train(self) -> None:
        epoch, batch = self.history.epoch, self.history.batch
        self._stages.enter(epoch)
        if 0 < batch < self._steps_per_epoch:
            self._fit(epoch, epoch + 1, from_batch=batch)
        elif batch:
            # Trained, but not validated yet.
            logs = self.trained.get_metrics_result()
            keras.callbacks.CallbackList(self._callbacks, model=self.trained).on_epoch_end(epoch, logs)
        epoch += bool(batch)
        while epoch < self._config.optimizer.epochs and self.bad_step is None:
            self._stages.enter(epoch)
            if self._stages.begins_with_search(epoch):
                self._find_hard_negatives(epoch)
            last = self._stages.end(epoch)
            self._fit(epoch, last)
            epoch = last

    def _find_hard_negatives(self, epoch: int) -> None:
        """Finds the training slices without the (last) target in which the model sees it.

        Searched for again where a run is resumed at the start of an epoch, with the same result.
        """
        self.history.epoch, self.history.batch = epoch, 0
        train = self._stages["train"]
        negatives = np.flatnonzero(~train.foreground[:, -1])
        _, counts = self._evaluate(train, negatives, [self._checkpoints])
        hard = negatives[counts[:, -1, 2] > 0]
        self.history.hard_negatives = hard.tolist()
        self._report.say(
            f"hard negatives: {len(hard)} of {len(negatives)} training slices without "
            f"{train.preprocessing.targets[-1]} have false positives"
        )

    def _evaluate(
        self, slices: Slices, indices: np.ndarray, callbacks: Sequence[keras.callbacks.Callback]
    ) -> tuple[dict[str, float], np.ndarray]:
        """Loss and metrics of some slices by name, and their pixel counts, see `SliceCounts`."""
        batch_size = self._config.optimizer.batch_size
        stream = evaluation_stream(slices, indices=indices, batch_size=batch_size, shard=self._group.shard)
        scores = self.trained.evaluate(stream, callbacks=list(callbacks), return_dict=True, verbose=0)
        padded = -(-len(indices) // batch_size) * batch_size
        counts = keras.ops.convert_to_numpy(self._counts.counts)[-padded:][: len(indices)]
        return {name: float(value) for name, value in scores.items()}, counts

    def _sampling(self) -> dict[str, Any]:
        """Arguments of `Sampler` and `training_stream` besides the slices."""
        return {
            "sampling": self._config.data.sampling,
            "batch_size": self._config.optimizer.batch_size,
            "seed": self._config.seed,
            "hard_negatives": self.history.hard_negatives,
        }

    def _fit(self, epoch: int, last_epoch: int, *, from_batch: int = 0) -> None:
        config, steps, train = self._config, self._steps_per_epoch, self._stages["train"]
        stream = training_stream(
            train,
            **self._sampling(),
            steps=last_epoch * steps,
            start_step=epoch * steps + from_batch,
            augmentation=config.data.augmentation,
            shard=self._group.shard,
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


def finite(scores: dict[str, float]) -> dict[str, float | None]:
    """Scores as JSON holds them: None for one that is not finite."""
    return {name: value if math.isfinite(value) else None for name, value in scores.items()}
