"""Meaning of the labels of masks."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from pipelines.errors import DataError
from pipelines.files.labels import levels
from pipelines.findings import listed
from pipelines.targets import LESION, LIVER, Naming, target_of

UNNAMED = "foreground"
_BINARY = ({0, 1}, {0, 255}, {0, 65535})
_MOST = 16  # labels of a mask whose labels nobody named; more are grey values, or labels that must be named


class MaskLabels:
    """Converts labels to one mask per target.

    Args:
        texts: one `NAME=LABEL,...` per target, such as `"liver=1,2"` and `"lesion=2"`, or for colored PNG files
            `"liver=#00ff00,#ff0000"` and `"lesion=#ff0000"`; a label may belong to several targets. Known names, such
            as "tumour" or "Liver", stand for `"liver"` and `"lesion"`, see `pipelines.targets`. If empty, masks have
            two values, 0 and 1, 255 or 65535, and their target is called `"foreground"`.

    Raises:
        DataError: a text has another form, or names a target twice.

    Attributes:
        labels: target to its labels; empty if none were named.
        colors: color, `0xrrggbb`, to the label that stands for it; empty if labels are numbers. Black is background.
        shown: target to its labels as they were given.
        targets: names of the targets.
        notes: lines about names that are not known, and what they lose.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self.labels: dict[str, tuple[int, ...]] = {}
        self.shown: dict[str, tuple[str, ...]] = {}
        self.colors: dict[int, int] = {}
        kinds = set()
        for text in texts:
            given, _, numbers = (part.strip() for part in text.partition("="))
            values = [number.strip() for number in numbers.split(",")]
            kinds |= {value.startswith("#") for value in values}
            if not given or not all(map(_is_label, values)):
                examples = "such as liver=1,2, or colors, such as lesion=#ff0000"
                raise DataError(f"`labels` {text}: give NAME=LABEL,... with labels of 1 to 65535, {examples}")
            if len(kinds) > 1:
                raise DataError(f"`labels` {text}: give either numbers or colors")
            name = target_of(given) or given
            if name in self.labels:
                raise DataError(f"`labels` {text}: {name} is named twice; give all its labels at once")
            self.labels[name] = tuple(map(self._number, values))
            self.shown[name] = tuple(values)
        self.targets = tuple(self.labels) or (UNNAMED,)
        unknown = [name for name in self.labels if name not in (LIVER, LESION)]
        self.notes: list[str] = []
        if unknown:
            what = "no tumour burden, which needs liver and lesion" if len(self.labels) > 1 else "scored like lesions"
            self.notes.append(f"targets: {listed(unknown)}: neither liver nor lesion by name; {what}")

    def _number(self, value: str) -> int:
        return self.colors.setdefault(int(value[1:], 16), len(self.colors) + 1) if value[0] == "#" else int(value)

    def masks(
        self, layers: Sequence[np.ndarray], path: Path, segments: Mapping[tuple[int, int], str] | None = None
    ) -> tuple[dict[str, np.ndarray], set[int], set[str]]:
        """Converts labels to masks.

        Names of segments count before their numbers. A target that no segment is named after is empty, unless a segment
        has a name that says nothing, such as "Segment_1": then numbers count.

        Args:
            layers: one or more, each `(i, j, k)` uint8 or uint16.
            path: the file of the labels, for messages.
            segments: (layer, label) to its name, if the file has names.

        Returns:
            Target to its mask, bool, of the shape of a layer; the labels that belong to no target, but 0; and the
            targets that no segment is named after.

        Raises:
            DataError: no label was named, and the layers are not binary; or numbers contradict the names of segments.
        """
        found = {(at, int(label)) for at, layer in enumerate(layers) for label in levels(layer) if label}
        absent: set[str] = set()
        if not self.labels:
            self._check_binary(found, path)
            members: dict[str, set[tuple[int, int]]] = {UNNAMED: found}
        elif (named := self._by_name(segments or {}, path)) is not None:
            members, absent = named, {name for name, keys in named.items() if not keys}
            if set(self.labels.get(LESION, (0,))) <= set(self.labels.get(LIVER, ())):
                members[LIVER] |= members[LESION]
        else:
            members = {
                name: {(at, label) for at in range(len(layers)) for label in labels}
                for name, labels in self.labels.items()
            }
        masks = {}
        for name, keys in members.items():
            parts = [_isin(layer, {label for at, label in keys if at == index}) for index, layer in enumerate(layers)]
            masks[name] = parts[0]
            for part in parts[1:]:
                masks[name] |= part
        return masks, {label for _, label in found - set().union(*members.values())}, absent

    def _by_name(self, segments: Mapping[tuple[int, int], str], path: Path) -> dict[str, set[tuple[int, int]]] | None:
        """Target to its segments by their names; None if these tell nothing, or not enough and numbers agree."""
        named: dict[str, set[tuple[int, int]]] = {name: set() for name in self.labels}
        naming, silent = Naming(), False
        for key, text in segments.items():
            words = naming.targets_in(text)
            name = LESION if LESION in (words or ()) else LIVER if words else text
            if name in named:
                named[name].add(key)
            silent |= name not in named and words == frozenset()
        if not any(named.values()):
            return None
        if silent and not all(named.values()):
            for name, keys in named.items():
                for _, label in keys:
                    if label not in self.labels[name]:
                        raise DataError(
                            f"{path}: segment {label} is called {name}, but `labels` has {name}="
                            f"{','.join(self.shown[name])}; give the numbers of its segments, or name them all"
                        )
            return None
        return named

    def _check_binary(self, found: set[tuple[int, int]], path: Path) -> None:
        labels = {0, *(label for _, label in found)}
        if any(labels <= values for values in _BINARY):
            return
        if len(labels) > _MOST:
            raise DataError(
                f"{path}: {len(labels)} levels, so probabilities or grey values, which need a threshold, or labels, "
                "which need `labels`, such as liver=5"
            )
        shown = ", ".join(map(str, sorted(labels)))
        raise DataError(
            f"{path}: labels {shown}, not 0 and 1 or 0 and 255; name them by `labels`, such as liver=1,2 and lesion=2"
        )


def _is_label(value: str) -> bool:
    if re.fullmatch("#[0-9a-fA-F]{6}", value):
        return int(value[1:], 16) > 0
    return value.isdecimal() and 0 < int(value) < 65536


def _isin(layer: np.ndarray, labels: set[int]) -> np.ndarray:
    row = np.zeros(np.iinfo(layer.dtype).max + 1, bool)
    row[[label for label in labels if label < len(row)]] = True
    return row[layer]
