"""Prediction with several networks at once."""

from collections.abc import Sequence

import numpy as np

from cafct_keras.prediction.cases import CaseInput, CasePrediction
from cafct_keras.prediction.network import Network
from cafct_keras.prediction.symmetries import IDENTITY, symmetries
from pipelines.orientation import reorient
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

    def predict(self, cases: Sequence[CaseInput], *, rows: Sequence[np.ndarray] | None = None) -> list[CasePrediction]:
        """Predicts cases, in batches that they share.

        Args:
            cases: the cases.
            rows: indices of the slices to predict, per case, the others being 0; None for all.
        """
        # Networks that see the cases alike are added up before their sum is brought back to the cases' pixels.
        sums: dict[Preprocessing, list[np.ndarray]] = {}
        counts: dict[Preprocessing, int] = {}
        for network, ways in zip(self.networks, self._symmetries, strict=True):
            seen = network.preprocessing
            stacks = [
                seen.pixels(each.case.images, intensity=each.intensity, orientation=each.orientation) for each in cases
            ]
            shown = [_as_seen(each, seen, None if rows is None else rows[number]) for number, each in enumerate(cases)]
            for way in ways:
                turned = [way.apply(stack) for stack in stacks]
                found = [way.undo(stack) for stack in network.predict(turned, shown)]
                if len(ways) > 1:
                    found = [stack / np.float32(len(ways)) for stack in found]
                if seen in sums:
                    for total, one in zip(sums[seen], found, strict=True):
                        total += one
                else:
                    sums[seen] = found
            counts[seen] = counts.get(seen, 0) + 1
        results = []
        for number, each in enumerate(cases):
            parts: dict[str, list[tuple[Probability, int]]] = {target: [] for target in self.targets}
            for seen, totals in sums.items():
                mean = totals[number] if counts[seen] == 1 else totals[number] / np.float32(counts[seen])
                restored = seen.restore(mean, grid=seen.grid(each.case.images), orientation=each.orientation)
                for target, probability in restored.items():
                    parts[target].append((probability, counts[seen]))
            results.append(
                CasePrediction(
                    case=each.case,
                    intensity=each.intensity,
                    masks=each.masks,
                    probability={target: _mean(of_target) for target, of_target in parts.items()},
                )
            )
        return results


def _as_seen(case: CaseInput, seen: Preprocessing, rows: np.ndarray | None) -> np.ndarray:
    """Indices, in the stack that the network sees, of rows of a case; None for all."""
    numbers = np.arange(len(case.case.images))
    order = reorient(numbers[:, None, None], case.orientation, seen.orientation).ravel()
    return numbers if rows is None else np.flatnonzero(np.isin(order, rows))


def _mean(parts: Sequence[tuple[Probability, int]]) -> Probability:
    if len(parts) == 1:
        return parts[0][0]
    total = sum(count for _, count in parts)
    return MeanProbability(
        parts=tuple(probability for probability, _ in parts), weights=tuple(count / total for _, count in parts)
    )
