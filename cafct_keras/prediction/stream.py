"""Prediction of cases that stream by."""

import contextlib
import itertools
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

from cafct_keras.prediction.cases import CaseInput, CasePrediction
from cafct_keras.prediction.network import Network
from pipelines.loading.read_ahead import map_ahead

PADDING = 1 / 8  # of the slices that are predicted together, at most

Result = TypeVar("Result")


class CasePredictor(Protocol):
    """One or several networks, such as `Ensemble`."""

    networks: tuple[Network, ...]
    targets: tuple[str, ...]

    def predict(
        self, cases: Sequence[CaseInput], *, on_progress: Callable[[float], None]
    ) -> contextlib.AbstractContextManager[list[CasePrediction]]:
        """Predicts cases, in batches that they share, see `Ensemble.predict`."""


def predict_cases(
    predictor: CasePredictor,
    cases: Iterable[CaseInput],
    work: Callable[[CasePrediction], Result],
    *,
    on_progress: Callable[[float], None] | None = None,
) -> Generator[Result, None, None]:
    """Predicts cases in their order.

    Cases of a few slices are predicted together until their batches are nearly full; larger ones one by one. Threads
    predict the next ones, and `work` on their slices as these are predicted, while the caller works on the one before:
    a handful of cases is in memory. Where the caller wants no more, or is interrupted, they end with their batch.

    Args:
        predictor: the networks.
        cases: the cases.
        work: what to make of each prediction, in another thread, which then lets go of it. It waits for slices that it
            reads before they are predicted.
        on_progress: called with the number of cases predicted since the last call, such as 0.02, in another thread.

    Yields:
        What `work` returned.
    """
    stopped = [network.stopped for network in predictor.networks]

    def stop() -> None:
        for each in stopped:
            each.set()

    results = _results(predictor, cases, work, on_progress or (lambda cases: None))
    ahead = map_ahead(lambda _: list(itertools.islice(results, 1)), itertools.count(), workers=1, stop=stop)
    try:
        with contextlib.closing(ahead):
            for taken in ahead:
                if not taken:
                    return
                yield taken.pop()
    finally:
        for each in stopped:
            each.clear()


def _results(
    predictor: CasePredictor,
    cases: Iterable[CaseInput],
    work: Callable[[CasePrediction], Result],
    on_progress: Callable[[float], None],
) -> Iterator[Result]:
    together: list[CaseInput] = []
    for case in cases:
        together.append(case)
        del case  # it is not to be kept while its successor is awaited
        slices = sum(len(each.case.images) for each in together)
        if all(network.padding(slices) <= PADDING * slices for network in predictor.networks):
            yield from _work_on(predictor, together, work, on_progress)
    if together:
        yield from _work_on(predictor, together, work, on_progress)


def _work_on(
    predictor: CasePredictor,
    cases: list[CaseInput],
    work: Callable[[CasePrediction], Result],
    on_progress: Callable[[float], None],
) -> Iterator[Result]:
    """Yields the results of cases that are predicted together, and keeps neither them nor the cases."""
    count = len(cases)
    with predictor.predict(cases, on_progress=lambda fraction: on_progress(fraction * count)) as predictions:
        cases.clear()
        predictions.reverse()
        results = [work(predictions.pop()) for _ in range(count)]
    results.reverse()
    while results:
        yield results.pop()
