"""Cases before and after networks have predicted them."""

import dataclasses

from cafct_keras.packed import PackedMask
from pipelines.case import Case
from pipelines.probability import Probability


@dataclasses.dataclass(frozen=True, kw_only=True)
class CaseInput:
    """A case to be predicted.

    Attributes:
        case: with images; its masks are not used.
        intensity: of the images, see `pipelines.case.Source`.
        orientation: of the slices, see `pipelines.orientation`; None if unknown.
        grey_window: Hounsfield units that grey 0 and 255 stand for; None if unknown, and for other intensities.
        masks: target to bool `(slices, H, W)`, what the reference says; empty without one.
    """

    case: Case
    intensity: str
    orientation: str | None
    grey_window: tuple[float, float] | None = None
    masks: dict[str, PackedMask] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class CasePrediction:
    """A case and the probabilities that were predicted for it.

    Attributes:
        case: as its source reads it, without masks; on the network's grid with the images as the network saw them.
        intensity: of the case's images, see `pipelines.case.Source`.
        masks: target to bool `(slices, H, W)`, what the reference says; empty without one.
        probability: target to `(slices, H, W)`, on the grid and in the orientation of the case's images.
        inside: the liver that lesions are kept to, bool `(slices, H, W)`; None for no such limit.
    """

    case: Case
    intensity: str
    masks: dict[str, PackedMask]
    probability: dict[str, Probability]
    inside: PackedMask | None = None
