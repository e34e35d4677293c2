"""What the labels of a mask stand for."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from pipelines.errors import DataError
from pipelines.files.nifti import levels

UNNAMED = "foreground"
_BINARY = ({0, 1}, {0, 255})
_MOST = 16  # labels that a mask may have; what has more shows grey values


class MaskLabels:
    """Turns labels into one mask a target.

    Args:
        texts: one `NAME=LABEL,...` a target, such as `"liver=1,2"` and `"lesion=2"`; a label may belong to several.
            With none, masks hold 0 and 1 or 0 and 255, and their target is called `"foreground"`.

    Raises:
        DataError: a text is no such thing, or names a target twice.

    Attributes:
        labels: target to its labels; empty if none were named.
        targets: their names.
    """

    def __init__(self, texts: Iterable[str] = ()):
        self.labels: dict[str, tuple[int, ...]] = {}
        for text in texts:
            name, _, numbers = (part.strip() for part in text.partition("="))
            values = [number.strip() for number in numbers.split(",")]
            if not name or not all(value.isdecimal() and 0 < int(value) < 256 for value in values):
                raise DataError(f"--label {text}: give NAME=LABEL,... with labels of 1 to 255, such as liver=1,2")
            if name in self.labels:
                raise DataError(f"--label {text}: {name} is named twice; give all its labels at once")
            self.labels[name] = tuple(map(int, values))
        self.targets = tuple(self.labels) or (UNNAMED,)

    def masks(self, values: np.ndarray, path: Path) -> dict[str, np.ndarray]:
        """Target to its mask.

        Args:
            values: `(i, j, k)` uint8.
            path: where they come from, for messages.

        Returns:
            bool masks of the same shape.

        Raises:
            DataError: there are labels that nobody named.
        """
        there = set(map(int, levels(values)))
        self._check(there, path)
        if not self.labels:
            return {UNNAMED: values != 0}
        wanted = np.zeros((len(self.labels), 256), bool)
        for row, labels in zip(wanted, self.labels.values(), strict=True):
            row[list(labels)] = True
        return {name: row[values] for name, row in zip(self.labels, wanted, strict=True)}

    def _check(self, there: set[int], path: Path) -> None:
        if self.labels:
            odd = there - {0}.union(*self.labels.values())
        else:
            odd = set() if any(there <= levels for levels in _BINARY) else there
        if len(there) > _MOST and odd:
            raise DataError(f"{path}: {len(there)} levels, so probabilities or grey values; threshold them to a mask")
        if not odd:
            return
        shown = ", ".join(map(str, sorted(odd)))
        if self.labels:
            raise DataError(f"{path}: label {shown} belongs to no --label; name it by one or relabel the file")
        raise DataError(
            f"{path}: labels {shown}, not 0 and 1 or 0 and 255; name them, as by --label liver=1,2 --label lesion=2"
        )
