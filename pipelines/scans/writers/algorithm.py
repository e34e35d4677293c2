"""What made a mask."""

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True, kw_only=True)
class Algorithm:
    """The algorithm that made a mask, as a DICOM segmentation records it.

    Attributes:
        name: such as the network's.
        version: of the software.
        parameters: what else determines the mask, such as the threshold.
    """

    name: str
    version: str
    parameters: Mapping[str, str] = dataclasses.field(default_factory=dict)
