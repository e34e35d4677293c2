"""Checks of slices that are one file each."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipelines.findings import Findings, listed


def check_blank(findings: Findings, path: Path, image: np.ndarray) -> None:
    """Notes a slice, `(H, W)`, of one value."""
    if (image == image.flat[0]).all():
        findings.note("image-blank", path, f"every pixel is {image.flat[0]}; copy the slice again if it should be more")


def check_sizes(findings: Findings, path: Path, mask: np.ndarray | None, image: np.ndarray | None) -> bool:
    """Whether a mask has the size of its image, which is an error if not.

    Args:
        findings: takes the error.
        path: of the mask.
        mask: `(H, W)`, None if it could not be read.
        image: `(H, W)`, None if it could not be read, and then the mask passes.
    """
    if mask is None or image is None or mask.shape == image.shape:
        return mask is not None
    sizes = "{1}x{0} against {3}x{2}".format(*mask.shape, *image.shape)
    findings.error("size-mismatch", path, f"width and height differ from its image's, {sizes}; export the pair again")
    return False


def check_gaps(findings: Findings, case: str, numbers: Sequence[int], *, step: int = 1) -> None:
    """Warns of slice numbers missing between the first and the last, of those that are `step` apart."""
    there = set(numbers)
    missing = [number for number in range(min(there), max(there), step) if number not in there] if there else []
    if missing:
        findings.warning(
            "slice-gap", case, f"slices {listed(missing)} are missing in the middle; copy them too, if they exist"
        )
