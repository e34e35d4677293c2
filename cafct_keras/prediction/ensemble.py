"""Prediction with several networks at once."""

import contextlib
import dataclasses
import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from cafct_keras.prediction.cases import CaseInput, CasePrediction
from cafct_keras.prediction.network import Network
from cafct_keras.prediction.seen import SeenCase
from cafct_keras.prediction.symmetries import IDENTITY, symmetries
from pipelines.loading.arrivals import Arrivals, ArrivingSlices
from pipelines.preprocessing import Preprocessing
from pipelines.probability import MeanProbability, Probability
from pipelines.targets import LESION, LIVER


class Ensemble:
    """Networks whose probabilities are averaged, each target over the networks that predict it.

    Every network sees the slices in its own way (size, window, neighbours, orientation).

    Args:
        networks: one or more.
        tta: whether to average over the symmetries of each network too, see `symmetries`.

    Attributes:
        networks: as given.
        targets: what is predicted: liver, lesion, or both in this order.

    Raises:
        UserError: see `symmetries`.
    """

    def __init__(self, networks: Sequence[Network], *, tta: bool = False) -> None:
        self.networks = tuple(networks)
        predicted = {target for network in networks for target in network.preprocessing.targets}
        self.targets = tuple(target for target in (LIVER, LESION) if target in predicted)
        self._symmetries = [symmetries(network) if tta else IDENTITY for network in networks]

    @contextlib.contextmanager
    def predict(
        self,
        cases: Sequence[CaseInput],
        *,
        on_progress: Callable[[float], None],
        rows: Sequence[np.ndarray] | None = None,
    ) -> Iterator[list[CasePrediction]]:
        """Predicts cases in a thread, in batches that they share.

        The predictions are there at once. Whoever reads one of their slices waits for it; the first slices of a case
        come first, from the last of the networks.

        Args:
            cases: the cases.
            on_progress: called with the fraction of the work that was done since the last call, in the thread.
            rows: indices of the slices to predict, per case, the others being 0; None for all.

        Yields:
            A prediction of each case. The thread is waited for at the end, or stopped where there is an error.
        """
        # Networks that see the cases alike are added up before their sum is brought back to the cases' pixels.
        counts = Counter(network.preprocessing for network in self.networks)
        sums = {
            seen: [_Sum(case, seen, None if rows is None else rows[number]) for number, case in enumerate(cases)]
            for seen in counts
        }
        predictions = []
        for number, case in enumerate(cases):
            parts: dict[str, list[tuple[Probability, int]]] = {target: [] for target in self.targets}
            for seen, of_cases in sums.items():
                for target, probability in of_cases[number].probability.items():
                    parts[target].append((probability, counts[seen]))
            predictions.append(
                CasePrediction(
                    case=case.case,
                    intensity=case.intensity,
                    masks=case.masks,
                    probability={target: _mean(of_target) for target, of_target in parts.items()},
                )
            )
        thread = threading.Thread(target=self._fill, args=(sums, counts, on_progress), name="network")
        thread.start()
        try:
            yield predictions
        except BaseException:
            for network in self.networks:
                network.stopped.set()
            raise
        finally:
            thread.join()
            for network in self.networks:
                network.stopped.clear()

    def _fill(
        self,
        sums: "dict[Preprocessing, list[_Sum]]",
        counts: Mapping[Preprocessing, int],
        on_progress: Callable[[float], None],
    ) -> None:
        """Computes sums, and divides them by the number of networks."""
        passes = [
            (network, way, len(ways))
            for network, ways in zip(self.networks, self._symmetries, strict=True)
            for way in ways
        ]
        last = {network.preprocessing: number for number, (network, _, _) in enumerate(passes)}
        work = sum(len(each.rows) for network, _, _ in passes for each in sums[network.preprocessing])
        try:
            for number, (network, way, ways) in enumerate(passes):
                seen = network.preprocessing
                cases, divisor = sums[seen], np.float32(counts[seen])
                slices = network.predict([each.shown for each in cases], [each.rows for each in cases], turn=way.apply)
                for places, found in slices:
                    found = way.undo(found) / np.float32(ways)
                    for (case, row), probability in zip(places, found, strict=True):
                        total = cases[case].total[row]
                        total += probability
                        if number == last[seen]:
                            total /= divisor
                            cases[case].arrivals.add(np.array([row]))
                    on_progress(len(places) / work)
        except BaseException as error:
            for each in itertools.chain(*sums.values()):
                each.arrivals.fail(error)


class _Sum:
    """The probabilities of a case, added up over networks that see it alike.

    Args:
        case: the case.
        seen: how they see it.
        rows: of the case, those to be predicted; None for all.

    Attributes:
        shown: what the networks see.
        rows: indices in their stack, in the order of the case's slices.
        total: float32 `(slices, size, size, targets)`.
        arrivals: which of them are complete.
    """

    def __init__(self, case: CaseInput, seen: Preprocessing, rows: np.ndarray | None) -> None:
        self.shown = SeenCase(case, seen)
        count = len(self.shown.order)
        self.rows = self.shown.order if rows is None else self.shown.order[rows]
        # One target after the other in memory, as they are used.
        stack = np.zeros((len(seen.targets), count, seen.size, seen.size), np.float32)
        self.total = np.moveaxis(stack, 0, -1)
        self.arrivals = Arrivals(count)
        self.arrivals.add(np.setdiff1d(np.arange(count), self.rows))
        restored = seen.restore(self.total, grid=seen.grid(case.case.images), orientation=case.orientation)
        self.probability = {
            target: dataclasses.replace(each, predicted=ArrivingSlices(np.asarray(each.predicted), self.arrivals))
            for target, each in restored.items()
        }


def _mean(parts: Sequence[tuple[Probability, int]]) -> Probability:
    if len(parts) == 1:
        return parts[0][0]
    total = sum(count for _, count in parts)
    return MeanProbability(
        parts=tuple(probability for probability, _ in parts), weights=tuple(count / total for _, count in parts)
    )
