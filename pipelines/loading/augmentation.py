"""What augmentation is wanted, in plain numbers; `pipelines.loading.augment` carries it out."""

import dataclasses

from pipelines.errors import DataError

_HIGHEST = {"rotation": 180.0, "scale": 0.9, "shift": 1.0, "brightness": 1.0, "contrast": 1.0, "noise": 1.0}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Random changes to training slices; every default is off. Image and mask move together.

    Attributes:
        flip: mirrors left-right and top-bottom, each with probability 1/2. One of the two alone makes a patient with
            the liver on the other side, which costs a network the side as a mark of it; quarter turns keep that.
        quarter_turns: turns by 0, 90, 180 or 270 degrees; by 0 or 180 where a slice is not square.
        rotation: degrees, 0..180; turns by up to so much either way.
        scale: fraction, 0..0.9; magnifies by a factor in 1 - scale..1 + scale.
        shift: fraction of the side, 0..1; moves along each axis by up to so much either way.
        brightness: 0..1, where 1 is the whole range of grey; adds up to so much either way.
        contrast: fraction, 0..1; stretches grey about its middle by a factor in 1 - contrast..1 + contrast.
        noise: 0..1, where 1 is the whole range of grey; adds Gaussian noise with a deviation of up to so much.

    Raises:
        DataError: a number is out of its range.
    """

    flip: bool = False
    quarter_turns: bool = False
    rotation: float = 0.0
    scale: float = 0.0
    shift: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    noise: float = 0.0

    def __post_init__(self):
        for name, highest in _HIGHEST.items():
            if not 0 <= getattr(self, name) <= highest:
                raise DataError(f"augmentation {name} {getattr(self, name)}: give a number in 0..{highest:g}")

    @property
    def resamples(self) -> bool:
        """Whether slices land between pixels, so that they have to be interpolated."""
        return bool(self.rotation or self.scale or self.shift)
