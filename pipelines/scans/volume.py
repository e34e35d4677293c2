"""Cases of volumes."""

import numpy as np

from pipelines.case import Case
from pipelines.frame import Frame
from pipelines.scans.scan import Scan


def volume_case(scan: Scan, values: np.ndarray, frame: Frame) -> Case:
    """The case of a volume.

    Args:
        scan: where it was read from.
        values: `(i, j, k)` as the file orders them: int16 in Hounsfield units or uint8 grey.
        frame: of `values`.
    """
    images = np.ascontiguousarray(frame.to_slices(values))
    return Case(
        name=scan.name,
        patient=scan.patient or scan.name,
        split="test",
        images=images,
        masks={},
        slice_names=tuple(f"{scan.name}_{k:03d}" for k in range(len(images))),
        spacing=frame.spacing,
        frame=frame,
    )
