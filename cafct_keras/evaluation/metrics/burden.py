"""Agreement of tumour burden and of volumes."""

import dataclasses

import numpy as np

from cafct_keras.measurement.volumes import count_liver_and_lesion
from cafct_keras.packed import Masks


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
        """Predicted minus reference, in [-1, 1]; None where the reference shows no liver.

        A missed liver has no burden, which counts as the worst error, 1, as a missed structure's distance counts as the
        volume's diagonal.
        """
        if self.reference is None:
            return None
        return 1.0 if self.predicted is None else self.predicted - self.reference


def tumour_burden(prediction: Masks, reference: Masks) -> Burden:
    """Computes the tumour burden of two pairs of masks.

    The liver includes its tumours, whether or not its mask does.

    Args:
        prediction: `"liver"` and `"lesion"` to bool masks of one shape.
        reference: likewise.
    """
    return Burden(
        predicted=count_liver_and_lesion(**prediction).burden, reference=count_liver_and_lesion(**reference).burden
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Agreement:
    """Agreement of two measurements of one quantity (Bland and Altman 1986), in its unit.

    Attributes:
        cases: how many.
        bias: mean of predicted minus reference; None without cases.
        lower: limit of agreement, the bias - 1.96 standard deviations; None for fewer than two cases.
        upper: the bias + 1.96 standard deviations, likewise. 95 % of differences are expected between the two.
    """

    cases: int
    bias: float | None
    lower: float | None
    upper: float | None


def bland_altman(predicted: np.ndarray, reference: np.ndarray) -> Agreement:
    """Computes bias and limits of agreement.

    Args:
        predicted: `(cases,)` float.
        reference: `(cases,)` float, in the same unit.
    """
    differences = np.subtract(predicted, reference)
    if not len(differences):
        return Agreement(cases=0, bias=None, lower=None, upper=None)
    bias = float(differences.mean())
    if len(differences) == 1:
        return Agreement(cases=1, bias=bias, lower=None, upper=None)
    reach = 1.96 * float(differences.std(ddof=1))
    return Agreement(cases=len(differences), bias=bias, lower=bias - reach, upper=bias + reach)
