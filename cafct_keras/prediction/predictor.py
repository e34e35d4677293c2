"""Prediction of a source's cases with the network of a run."""

import dataclasses
import itertools
from collections.abc import Iterable, Iterator
from typing import TypeVar

import numpy as np

from cafct_keras.prediction.cases import CasePrediction, predict_cases
from cafct_keras.runs import load_model
from cafct_keras.runs.run import Run
from pipelines import Case, DataError, Source
from pipelines.intensity import rescale_slices
from pipelines.loading.read_ahead import map_ahead, read_ahead
from pipelines.orientation import orientation_of_layout, reorient

Item = TypeVar("Item")


class Predictor:
    """Predicts cases with a run's network, which sees them as it saw its training data.

    Slices are flipped to the orientation that the network was trained on, where that and the source's are known, and
    flipped back afterwards. A network trained on slices that were each rescaled to their own range is shown scans in
    Hounsfield units rescaled in the same way.

    One thread reads cases ahead and another predicts them, while the caller works on the one before: a handful of cases
    is in memory, however many there are.

    Args:
        run: the run.
        source: of the cases, see `Run.open_data`.

    Attributes:
        trained_orientation: how the training slices lay, see `pipelines.orientation`; None if unknown.
        rescales_slices: whether Hounsfield units are rescaled slice by slice.

    Raises:
        UserError: see `load_model`.
    """

    def __init__(self, run: Run, source: Source):
        self.run, self.source = run, source
        trained_on = run.card["data"]
        # Run cards written before orientation was recorded have the layout only.
        self.trained_orientation = trained_on.get("orientation") or orientation_of_layout(trained_on.get("layout", ""))
        self.rescales_slices = trained_on["intensity"] == "minmax" and source.intensity == "hu"
        self._model = load_model(run.path)

    def names(self, split: str) -> list[str]:
        """The cases of one part of the split, or of `"all"`.

        Raises:
            DataError: there are none.
        """
        names = [name for name, part in self.source.parts.items() if split in (part, "all")]
        if not names:
            raise DataError(f"{self.source.layout}: no {split} cases; give another `split`, or all")
        return names

    def predict(self, split: str, failures: list[dict[str, str]] | None = None) -> Iterator[CasePrediction]:
        """Predicts the cases of one part of the split, in order.

        Args:
            split: see `names`.
            failures: see `read_ahead`.

        Yields:
            Predictions whose slices lie as the source's.

        Raises:
            DataError: there are no cases, the network sees neighbouring slices and a case has none, or a case cannot be
                read and `failures` is None.
        """
        config = self.run.config
        predictions = predict_cases(
            self._model,
            self._read(split, failures),
            targets=self.run.targets,
            size=config.data.size,
            window=config.data.window,
            context=config.data.context,
            batch_size=config.optimizer.batch_size,
        )
        for case in _prefetch(predictions):
            yield dataclasses.replace(
                case,
                images=self._restore(case.images),
                masks={name: self._restore(mask) for name, mask in case.masks.items()},
                probability={name: self._restore(values) for name, values in case.probability.items()},
            )

    def _restore(self, stack: np.ndarray) -> np.ndarray:
        return reorient(stack, self.trained_orientation, self.source.orientation)

    def _read(self, split: str, failures: list[dict[str, str]] | None) -> Iterator[Case]:
        context = self.run.config.data.context
        # Some sources read fast only from one end to the other, which ends where a case fails.
        cases = self.source.cases(None if split == "all" else split)
        read = (lambda _: next(cases)) if failures is None else self.source.case
        for case in read_ahead(read, self.names(split), failures=failures):
            if context and not case.contiguous:
                raise DataError(
                    f"{case.name}: its slices are not neighbours, and this network sees {context} on either side; "
                    "give data of whole scans"
                )
            images = rescale_slices(case.images) if self.rescales_slices else case.images
            lies = self.source.orientation, self.trained_orientation
            yield dataclasses.replace(
                case,
                images=reorient(images, *lies),
                masks={name: reorient(mask, *lies) for name, mask in case.masks.items()},
                coverage=case.coverage and {name: reorient(area, *lies) for name, area in case.coverage.items()},
            )


def binarize(probability: dict[str, np.ndarray], threshold: float) -> dict[str, np.ndarray]:
    """Target to where its probability exceeds the threshold, compared in float64 as `Calibration` does."""
    return {target: values > np.float64(threshold) for target, values in probability.items()}


def _prefetch(items: Iterable[Item]) -> Iterator[Item]:
    """Yields the items while a thread makes the next one."""
    iterator = iter(items)
    for taken in map_ahead(lambda _: list(itertools.islice(iterator, 1)), itertools.count(), workers=1):
        if not taken:
            return
        yield from taken
