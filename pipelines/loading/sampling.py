"""Sampling of training slices: how often slices of each kind, patient and lesion size are drawn."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pipelines.errors import DataError
from pipelines.loading.order import batch_indices, interleave, weighted_order

if TYPE_CHECKING:
    from pipelines.loading.slices import Slices

_TOLERANCE = 1e-9  # of fractions that add up to 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sampling:
    """How often training slices are drawn; by default each once per epoch.

    Slices are of two kinds, with the (last) target and without; `liver_fraction` divides the second. Within its kind a
    patient with `n` slices is drawn in proportion to `n ** patient_exponent`, and within the patient a size class with
    `m` slices in proportion to `m ** size_exponent` (Mahajan et al., ECCV 2018; Kang et al., ICLR 2020). Size classes
    are powers of four of the area that the target covers in a slice, so that diameters double.

    Attributes:
        foreground_fraction: fraction of each batch that contains the (last) target, above 0 and below 1; None as in the
            data. A third or a half are usual (Isensee et al., Nature Methods 18, 2021).
        liver_fraction: of two targets, fraction of each batch that contains liver but no lesion, above 0 and below 1;
            None as in the data.
        patient_exponent: 0..1; 1 as in the data, 0 every patient equally often.
        size_exponent: 0..1; 1 as in the data, 0 every size class of a patient equally often.
        hard_negative_weight: number of slices that a hard negative counts for, 1 or more. These are slices without the
            (last) target in which a model in training saw it: they come again, as in bootstrapping (Sung and Poggio,
            PAMI 20, 1998; Felzenszwalb et al., PAMI 32, 2010).

    Raises:
        DataError: a value is out of range.
    """

    foreground_fraction: float | None = None
    liver_fraction: float | None = None
    patient_exponent: float = 1.0
    size_exponent: float = 1.0
    hard_negative_weight: float = 1.0

    def __post_init__(self) -> None:
        for name in ("foreground_fraction", "liver_fraction"):
            fraction = getattr(self, name)
            if fraction is not None and not 0 < fraction < 1:
                raise DataError(f"`{name}` {fraction:g}: give a fraction between 0 and 1")
        for name in ("patient_exponent", "size_exponent"):
            if not 0 <= getattr(self, name) <= 1:
                raise DataError(f"`{name}` {getattr(self, name):g}: give a number in 0..1")
        if not self.hard_negative_weight >= 1:
            raise DataError(f"`hard_negative_weight` {self.hard_negative_weight:g}: give 1 or more")
        if self.liver_fraction is not None:
            if self.foreground_fraction is None:
                raise DataError(f"`liver_fraction` {self.liver_fraction:g}: needs `foreground_fraction` too")
            if self.foreground_fraction + self.liver_fraction > 1 + _TOLERANCE:
                raise DataError(f"{self._fractions()}: must add up to at most 1")

    @property
    def has_hard_negatives(self) -> bool:
        """Whether hard negatives are drawn more often."""
        return self.hard_negative_weight > 1

    def _fractions(self) -> str:
        given = ((name, getattr(self, name)) for name in ("foreground_fraction", "liver_fraction"))
        return " ".join(f"`{name}` {value:g}" for name, value in given if value is not None)

    def kinds(self, slices: "Slices") -> list[tuple[np.ndarray, float]]:
        """The kinds of slices: indices and fraction of each batch, in proportion where no slice is left for the rest.

        Raises:
            DataError: the data have no slices of a kind.
        """
        shown, target = slices.foreground[:, -1], slices.preprocessing.targets[-1]
        if self.has_hard_negatives and shown.all():
            raise DataError(
                f"`hard_negative_weight` {self.hard_negative_weight:g}: every training slice contains {target}; "
                "leave it out"
            )
        if self.foreground_fraction is None:
            return [(np.arange(len(slices.names)), 1.0)]
        if shown.all() or not shown.any():
            which = "every" if shown.all() else "no"
            raise DataError(f"{self._fractions()}: {which} training slice contains {target}; leave it out")
        kinds = [(shown, self.foreground_fraction)]
        rest, others = ~shown, 1 - self.foreground_fraction
        if self.liver_fraction is not None:
            liver = rest & slices.foreground[:, 0]
            if not liver.any():
                raise DataError(
                    f"`liver_fraction` {self.liver_fraction:g}: no training slice contains liver but no {target}; "
                    "leave it out"
                )
            kinds.append((liver, self.liver_fraction))
            rest, others = rest & ~liver, others - self.liver_fraction
        if others > _TOLERANCE:
            kinds = [*kinds, (rest, others)] if rest.any() else [(kind, part / (1 - others)) for kind, part in kinds]
        return [(np.flatnonzero(members), fraction) for members, fraction in kinds]

    def notes(self, slices: "Slices") -> list[str]:
        """Lines about what the data do not have, and what is drawn instead."""
        if self.liver_fraction is None or not slices.foreground[:, 0].all():
            return []
        if (others := 1 - (self.foreground_fraction or 0) - self.liver_fraction) <= _TOLERANCE:
            return []
        return [f"sampling: every training slice contains liver, so the share of {others:g} without goes to the others"]


class Sampler:
    """Slices of every training step: a pure function of the step, so that a run resumes at any of them.

    An epoch has as many steps as without sampling: the number of slices divided by the batch size, rounded down.

    Args:
        slices: the training slices.
        sampling: how often each is drawn.
        batch_size: slices per batch, 1..number of slices.
        seed: random seed, 0..2^64 - 1.
        hard_negatives: indices of hard negatives.

    Raises:
        DataError: the data lack slices of a kind.
    """

    def __init__(
        self, slices: "Slices", sampling: Sampling, *, batch_size: int, seed: int, hard_negatives: Sequence[int] = ()
    ) -> None:
        self._count, self._batch_size, self._seed = len(slices.names), batch_size, seed
        self._steps = self._count // batch_size
        self._uniform = sampling == Sampling()
        kinds = sampling.kinds(slices)
        self._places = interleave([fraction for _, fraction in kinds], self._steps * batch_size)
        _, patients = np.unique(slices.patients, return_inverse=True)
        sizes = np.zeros(self._count, np.int64) if sampling.size_exponent == 1 else size_classes(slices)
        counted = np.ones(self._count)
        counted[list(hard_negatives)] = sampling.hard_negative_weight
        self._kinds = [
            (members, *_weights(patients[members], sizes[members], counted[members], sampling)) for members, _ in kinds
        ]
        self._epoch = functools.lru_cache(maxsize=4)(self._draw_epoch)

    def batch(self, step: int) -> tuple[int, np.ndarray, np.ndarray]:
        """Draws the batch of a global step.

        Returns:
            The epoch, `(batch_size,)` int64 slice indices, and `(batch_size,)` int64 counts of how often each was drawn
            before in this epoch.
        """
        if self._uniform:
            epoch, indices = batch_indices(step, count=self._count, batch_size=self._batch_size, seed=self._seed)
            return epoch, indices, np.zeros_like(indices)
        epoch, batch = divmod(int(step), self._steps)
        within = slice(batch * self._batch_size, (batch + 1) * self._batch_size)
        indices, rounds = self._epoch(epoch)
        return epoch, indices[within], rounds[within]

    def _draw_epoch(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        indices, rounds = np.empty((2, len(self._places)), np.int64)
        for kind, (members, strata, weights) in enumerate(self._kinds):
            places = np.flatnonzero(self._places == kind)
            order, rounds[places] = weighted_order(weights, strata, len(places), seed=self._seed, epoch=epoch, use=kind)
            indices[places] = members[order]
        return indices, rounds


def size_classes(slices: "Slices") -> np.ndarray:
    """Size class of the (last) target in each slice.

    Args:
        slices: the slices.

    Returns:
        `(N,)` int64: k where the target covers at least 4^-k of the slice and less than 4^(1-k); 0 where there is none.
    """
    areas = np.array([int(mask[..., -1].sum(dtype=np.int64)) for mask in slices.masks]) / (
        255 * slices.masks[0, ..., 0].size
    )
    return np.where(areas > 0, np.ceil(-np.log2(np.maximum(areas, 4.0**-31)) / 2), 0).astype(np.int64)


def sampled_counts(slices: "Slices", *, batch_size: int, seed: int, sampling: Sampling) -> dict[str, int]:
    """Number of slices drawn in the first epoch: `"slices"`, and for each target those that contain it."""
    sampler = Sampler(slices, sampling, batch_size=batch_size, seed=seed)
    drawn = np.concatenate([sampler.batch(step)[1] for step in range(len(slices.names) // batch_size)])
    shown = slices.foreground[drawn].sum(axis=0)
    return {
        "slices": len(drawn),
        **{name: int(count) for name, count in zip(slices.preprocessing.targets, shown, strict=True)},
    }


def _weights(
    patients: np.ndarray, sizes: np.ndarray, counted: np.ndarray, sampling: Sampling
) -> tuple[np.ndarray, np.ndarray]:
    """The stratum of each slice, which is a size class of a patient, and its weight; the weights add up to 1.

    Args:
        patients: `(n,)`, the patient of each slice.
        sizes: `(n,)`, its size class.
        counted: `(n,)`, the number of slices that it counts for.
        sampling: the exponents.
    """
    _, firsts, strata = np.unique(patients * (sizes.max() + 1) + sizes, return_index=True, return_inverse=True)
    counts = np.bincount(strata, counted)
    _, owners = np.unique(patients[firsts], return_inverse=True)
    of_patient = np.bincount(owners, counts) ** sampling.patient_exponent
    within = counts**sampling.size_exponent
    weights = of_patient[owners] / of_patient.sum() * within / np.bincount(owners, within)[owners] / counts
    return strata, weights[strata] * counted
