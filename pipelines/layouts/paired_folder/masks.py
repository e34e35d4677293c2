"""Masks of a paired folder: of one target each, or of labels."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from pipelines.errors import DataError
from pipelines.files.labels import levels
from pipelines.files.png import NAME_COLORS, read_labels, read_mask
from pipelines.findings import Findings, Report, listed
from pipelines.masks.labels import MaskLabels
from pipelines.targets import LESION, LIVER

USUAL = ("liver=1,2", "lesion=2")  # labels that nobody named
_STRIDE = 64  # files are looked through in steps, since neighbouring slices show the same labels


class FolderMasks:
    """Reads the masks of a folder.

    Without names for their labels, masks of two values, 0 and 1 or 0 and 255, show one target. If the masks of a folder
    have the labels 1 and 2, these are what they are in LiTS: the liver, and its lesions.

    Args:
        paths: the masks, in an order in which neighbouring slices are neighbours.
        target: what masks of two values show, `"liver"` or `"lesion"`.
        labels: names of labels, see `MaskLabels`; names other than liver and lesion are background. Empty to look
            into the masks, which are read until one of them tells.
        findings: takes labels that no mask has.

    Attributes:
        targets: what the masks show.
        binary: whether they have two values that nobody named.
        note: what the labels are taken for, as a line for the user; None for masks of two values.
    """

    def __init__(self, paths: Sequence[Path], *, target: str, labels: Sequence[str], findings: Findings) -> None:
        self._findings, self._target, self._labels = findings, target, MaskLabels(labels)
        self.binary = False
        if labels:
            self._expect_all(paths)
        elif _have_labels(paths):
            self._labels = MaskLabels(USUAL)
        else:
            self.binary = True
        known = [name for name in (LIVER, LESION) if name in self._labels.labels]
        if labels and not known:
            raise DataError(f"`labels` {listed(labels)}: neither liver nor lesion; name the labels of one of them")
        self.targets = (target,) if self.binary else tuple(known)
        shown = ", ".join(f"{name} {'+'.join(each)}" for name, each in self._labels.shown.items())
        guessed = "" if labels else ", as in LiTS; name others by `labels`"
        self.note = None if self.binary else f"masks: labels {shown}{guessed}"

    def read(self, path: Path) -> dict[str, np.ndarray] | None:
        """Reads a mask; safe to call from several threads.

        Returns:
            Target to `(H, W)` bool; a liver includes its lesions. None for what could not be read, which `findings`
            took.
        """
        if self.binary:
            fix = "save it with 0 and 255 only, or name them by `labels`"
            mask = read_mask(path, self._findings, fix=fix, colored=NAME_COLORS)
            return None if mask is None else {self._target: mask}
        plane = read_labels(path, self._findings, self._labels.colors)
        if plane is None:
            return None
        masks, unnamed, _ = self._labels.masks([plane[..., None]], path)
        if unnamed:
            shown = listed(sorted(unnamed))
            fix = f"name them by `labels`, such as other={shown.replace(' ', '')} for background"
            self._findings.error("mask-values", path, f"labels {shown}, which have no name; {fix}")
            return None
        found = {name: masks[name][..., 0] for name in self.targets}
        if len(found) > 1:
            found[LIVER] |= found[LESION]
        return found

    def _expect_all(self, paths: Sequence[Path]) -> None:
        """Adds an error where a named label is in no mask; reads until all have been seen."""
        wanted = set(itertools.chain.from_iterable(self._labels.labels.values()))
        seen: set[int] = set()
        for values in _values(paths, self._labels.colors):
            seen |= values
            if wanted <= seen:
                return
        if seen:
            names = {0: "#000000", **{label: f"#{color:06x}" for color, label in self._labels.colors.items()}}
            missing, there = (
                listed(names[label] if self._labels.colors else label for label in sorted(each))
                for each in (wanted - seen, seen)
            )
            message = f"no mask has the label {missing}, only {there}; correct `labels`"
            self._findings.error("labels-missing", self._findings.root / "masks", message)


def _have_labels(paths: Sequence[Path]) -> bool:
    """Whether the masks have the labels 1 and 2, as far as they must be read to know."""
    seen: set[int] = set()
    for values in _values(paths):
        seen |= values
        if not seen <= {0, 1, 2} or {1, 2} <= seen:
            return seen <= {0, 1, 2}
    return False


def _values(paths: Sequence[Path], colors: Mapping[int, int] | None = None) -> Iterator[set[int]]:
    """Values of every mask that can be read; what cannot is reported when it is its turn."""

    def values(path: Path) -> set[int]:
        plane = read_labels(path, Report(path.parent), colors)
        return set() if plane is None else set(levels(plane[..., None]).tolist())

    return map(values, itertools.chain.from_iterable(paths[start::_STRIDE] for start in range(_STRIDE)))
