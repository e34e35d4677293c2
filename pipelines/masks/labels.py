"""Meaning of the labels of masks."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from pipelines.errors import DataError
from pipelines.files.labels import levels

UNNAMED = "foreground"
_BINARY = ({0, 1}, {0, 255})
_MOST = 16  # labels of a mask; more are grey values


class MaskLabels:
    """Converts labels to one mask per target.

    Args:
        texts: one `NAME=LABEL,...` per target, such as `"liver=1,2"` and `"lesion=2"`; a label may belong to several
            targets. If empty, masks have the values 0 and 1 or 0 and 255, and their target is called `"foreground"`.

    Raises:
        DataError: a text has another form, or names a target twice.

    Attributes:
        labels: target to its labels; empty if none were named.
        targets: names of the targets.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self.labels: dict[str, tuple[int, ...]] = {}
        for text in texts:
            name, _, numbers = (part.strip() for part in text.partition("="))
            values = [number.strip() for number in numbers.split(",")]
            if not name or not all(value.isdecimal() and 0 < int(value) < 256 for value in values):
                raise DataError(f"`labels` {text}: give NAME=LABEL,... with labels of 1 to 255, such as liver=1,2")
            if name in self.labels:
                raise DataError(f"`labels` {text}: {name} is named twice; give all its labels at once")
            self.labels[name] = tuple(map(int, values))
        self.targets = tuple(self.labels) or (UNNAMED,)

    def masks(self, values: np.ndarray, path: Path) -> dict[str, np.ndarray]:
        """Converts labels to masks.

        Args:
            values: `(i, j, k)` uint8.
            path: the file of the labels, for messages.

        Returns:
            Target to its mask, bool, of the shape of `values`.

        Raises:
            DataError: a label belongs to no target.
        """
        self._check(set(map(int, levels(values))), path)
        if not self.labels:
            return {UNNAMED: values != 0}
        members = np.zeros((len(self.labels), 256), bool)
        for row, labels in zip(members, self.labels.values(), strict=True):
            row[list(labels)] = True
        return {name: row[values] for name, row in zip(self.labels, members, strict=True)}

    def _check(self, found: set[int], path: Path) -> None:
        if self.labels:
            unknown = found - {0}.union(*self.labels.values())
        else:
            unknown = set() if any(found <= values for values in _BINARY) else found
        if not unknown:
            return
        if len(found) > _MOST:
            raise DataError(f"{path}: {len(found)} levels, so probabilities or grey values; threshold them to a mask")
        shown = ", ".join(map(str, sorted(unknown)))
        if self.labels:
            raise DataError(f"{path}: label {shown} belongs to no target; name it in `labels` or relabel the file")
        raise DataError(
            f"{path}: labels {shown}, not 0 and 1 or 0 and 255; name them by `labels`, such as liver=1,2 and lesion=2"
        )
