"""Predicting the cases of a data source with a trained model."""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

from cafct_keras.prediction.cases import predict_cases
from cafct_keras.runs import load_model
from cafct_keras.runs.run import Run
from pipelines import Case, DataError, Source
from pipelines.intensity import rescale_slices
from pipelines.loading.read_ahead import map_ahead, read_ahead


class Predictor:
    """Shows a run's network cases, and hands on what it says.

    While it looks at one case, one thread reads the next and another works on the one before: no more than a handful is
    in memory, however many there are.

    Args:
        run: the run.
        source: of the cases, see `Run.open_data`.

    Raises:
        UserError: see `load_model`.
    """

    def __init__(self, run: Run, source: Source):
        self.run, self.source = run, source
        self._model = load_model(run.path)
        self._stretched = run.card["data"]["intensity"] == "minmax" and source.intensity == "hu"

    def names(self, split: str) -> list[str]:
        """The cases of a part of the split, or `"all"`.

        Raises:
            DataError: there are none.
        """
        names = [name for name, part in self.source.parts.items() if split in (part, "all")]
        if not names:
            raise DataError(f"{self.source.layout}: no {split} cases; give another --split, or --split all")
        return names

    def each(self, work: Callable[[dict], None], split: str, failures: list[dict] | None = None) -> Iterator[None]:
        """Predicts the cases of a part, in order, and yields after `work` is done with one.

        Args:
            work: takes a dict of `case`, `patient`, `slice_names`, `contiguous`, `spacing`, `reference` (the masks),
                `probability` and `images`, see `CaseProbability`. Runs in a thread, never twice at a time.
            split: see `names`.
            failures: see `read_ahead`.

        Raises:
            DataError: there are no cases, the network needs neighbours and they have none, or one cannot be read and
                there is no list for it.
        """
        yield from map_ahead(work, self._predicted(split, failures), workers=1)

    def _predicted(self, split: str, failures: list[dict] | None) -> Iterator[dict]:
        options = self.run.options
        predicted = predict_cases(
            self._model,
            self._read(split, failures),
            targets=self.run.targets,
            size=options["size"],
            window=options["window"],
            context=options["context"],
            batch_size=options["batch_size"],
        )
        for one in predicted:
            # Without the case as it was read, whose slices may be four times as large.
            yield {
                "case": one.case.name,
                "patient": one.case.patient,
                "slice_names": one.case.slice_names,
                "contiguous": one.case.contiguous,
                "spacing": one.spacing,
                "reference": one.masks,
                "probability": one.probability,
                "images": one.images,
            }

    def _read(self, split: str, failures: list[dict] | None) -> Iterator[Case]:
        context = self.run.options["context"]
        # Some sources read fast only from one end to the other, which ends where a case fails.
        cases = self.source.cases(None if split == "all" else split)
        read = (lambda _: next(cases)) if failures is None else self.source.case
        for case in read_ahead(read, self.names(split), failures=failures):
            if context and not case.contiguous:
                raise DataError(
                    f"{case.name}: its slices are no neighbours, of which this network sees {context} on either side; "
                    "give data of whole scans"
                )
            yield dataclasses.replace(case, images=rescale_slices(case.images)) if self._stretched else case


def above(probability: dict[str, np.ndarray], threshold: float) -> dict[str, np.ndarray]:
    """Target to where its probability exceeds the threshold, compared in float64 as `Calibration` does."""
    return {target: values > np.float64(threshold) for target, values in probability.items()}
