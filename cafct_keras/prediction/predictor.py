"""Prediction of a source's cases with the network of a run."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from cafct_keras.prediction.cases import CaseInput, CasePrediction, case_input, predict_cases
from cafct_keras.prediction.view import NetworkView
from cafct_keras.runs import load_model
from cafct_keras.runs.run import Run
from pipelines import DataError, Source
from pipelines.loading.read_ahead import map_ahead, read_ahead
from pipelines.orientation import orientation_of_layout

Item = TypeVar("Item")
Result = TypeVar("Result")


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
        view: how the network sees the cases.

    Raises:
        UserError: see `load_model`.
    """

    def __init__(self, run: Run, source: Source):
        self.run, self.source = run, source
        trained_on, data = run.card["data"], run.config.data
        self.view = NetworkView(
            targets=run.targets,
            size=data.size,
            window=data.window,
            context=data.context,
            rescales=trained_on["intensity"] == "minmax" and source.intensity == "hu",
            orientation=source.orientation,
            # Run cards written before orientation was recorded have the layout only.
            seen=trained_on.get("orientation") or orientation_of_layout(trained_on.get("layout", "")),
        )
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

    def predict(
        self,
        split: str,
        work: Callable[[CasePrediction], Result],
        *,
        grid: str = "native",
        failures: list[dict[str, str]] | None = None,
    ) -> Iterator[Result]:
        """Predicts the cases of one part of the split, in order.

        Args:
            split: see `names`.
            work: what to make of each prediction, in the predicting thread, which then lets go of it.
            grid: see `case_input`.
            failures: see `read_ahead`.

        Yields:
            What `work` returned.

        Raises:
            DataError: there are no cases; or, unless there is a list of `failures`, a case cannot be read, or the
                network sees neighbouring slices and a case has none.
        """
        context = self.view.context
        # Some sources read fast only from one end to the other, which ends where a case fails.
        cases = self.source.cases(None if split == "all" else split)

        def read(name: str) -> CaseInput:
            case = next(cases) if failures is None else self.source.case(name)
            if context and not case.contiguous:
                raise DataError(
                    f"{case.name}: its slices are not neighbours, and this network sees {context} on either side; "
                    "give data of whole scans"
                )
            return case_input(case, self.view, grid=grid)

        predictions = predict_cases(
            self._model,
            read_ahead(read, self.names(split), failures=failures),
            context=context,
            batch_size=self.run.config.optimizer.batch_size,
        )
        return _prefetch(map(work, predictions))


def _prefetch(items: Iterable[Item]) -> Iterator[Item]:
    """Yields the items while a thread makes the next one."""
    iterator = iter(items)
    for taken in map_ahead(lambda _: list(itertools.islice(iterator, 1)), itertools.count(), workers=1):
        if not taken:
            return
        yield taken.pop()
