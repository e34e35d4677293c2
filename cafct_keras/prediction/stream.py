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

    def predict(self, cases: Sequence[CaseInput]) -> list[CasePrediction]:
        """Predicts cases, in batches that they share."""


def predict_cases(
    predictor: CasePredictor, cases: Iterable[CaseInput], work: Callable[[CasePrediction], Result]
) -> Generator[Result, None, None]:
    """Predicts cases in their order.

    Cases of a few slices are predicted together until their batches are nearly full; larger ones one by one. A thread
    predicts the next ones while the caller works on the one before: a handful of cases is in memory. Where the caller
    wants no more, or is interrupted, that thread ends with its batch.

    Args:
        predictor: the networks.
        cases: the cases.
        work: what to make of each prediction, in the predicting thread, which then lets go of it.

    Yields:
        What `work` returned.
    """
    stopped = [network.stopped for network in predictor.networks]

    def stop() -> None:
        for each in stopped:
            each.set()

    results = map(work, _predictions(predictor, cases))
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


def _predictions(predictor: CasePredictor, cases: Iterable[CaseInput]) -> Iterator[CasePrediction]:
    together: list[CaseInput] = []
    for case in cases:
        together.append(case)
        del case  # it is not to be kept while its successor is awaited
        slices = sum(len(each.case.images) for each in together)
        if all(network.padding(slices) <= PADDING * slices for network in predictor.networks):
            yield from _let_go(predictor.predict(together), together)
    if together:
        yield from _let_go(predictor.predict(together), together)


def _let_go(predictions: list[CasePrediction], cases: list[CaseInput]) -> Iterator[CasePrediction]:
    """Yields the predictions and keeps neither them nor their cases."""
    cases.clear()
    predictions.reverse()
    while predictions:
        yield predictions.pop()
