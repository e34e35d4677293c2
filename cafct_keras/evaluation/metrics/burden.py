"""Volumes and tumour burden: the share of the liver that is tumour."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, kw_only=True)
class Burden:
    """Tumour burden of one case, tumour volume over liver volume.

    Attributes:
        predicted: in [0, 1]; None where neither liver nor tumour is predicted.
        reference: in [0, 1]; None where the reference shows no liver.
    """

    predicted: float | None
    reference: float | None

    @property
    def error(self) -> float | None:
        """Predicted minus reference, in [-1, 1].

        A liver that is missed has no burden: that counts as the worst error, 1, as a missed structure's distance counts
        as the volume's diagonal. None where the reference shows no liver.
        """
        if self.reference is None:
            return None
        return 1.0 if self.predicted is None else self.predicted - self.reference


def tumour_burden(prediction: dict[str, np.ndarray], reference: dict[str, np.ndarray]) -> Burden:
    """Compares the burden of two pairs of masks.

    The liver includes its tumours, whether or not its mask does.

    Args:
        prediction: `"liver"` and `"lesion"` to bool masks of one shape.
        reference: likewise.
    """
    return Burden(predicted=_share(**prediction), reference=_share(**reference))


def _share(*, liver: np.ndarray, lesion: np.ndarray) -> float | None:
    whole = np.count_nonzero(liver | lesion)
    return float(np.count_nonzero(lesion) / whole) if whole else None


def millilitres(voxels: int, spacing: tuple[float, float, float]) -> float:
    """The volume of so many voxels; spacing in mm."""
    return float(voxels * np.prod(spacing) / 1000)


def bland_altman(predicted: np.ndarray, reference: np.ndarray) -> dict[str, float | int | None]:
    """Agreement of two ways to measure one thing (Bland and Altman 1986).

    Args:
        predicted: `(cases,)` float.
        reference: `(cases,)` float, in the same unit.

    Returns:
        `"cases"`, `"bias"` (mean of predicted minus reference), and `"lower"` and `"upper"`, the limits between which
        95 % of differences are expected: the bias -+ 1.96 standard deviations. None for what needs one case (the
        limits: two).
    """
    differences = np.subtract(predicted, reference)
    bias = float(differences.mean()) if len(differences) else None
    reach = 1.96 * float(differences.std(ddof=1)) if len(differences) > 1 else None
    return {
        "cases": len(differences),
        "bias": bias,
        "lower": None if reach is None else bias - reach,
        "upper": None if reach is None else bias + reach,
    }
