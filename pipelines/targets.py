"""The vocabulary of targets: which words stand for the liver and for its lesions."""

import re
from collections.abc import Iterable

from pipelines.errors import DataError

LIVER, LESION = "liver", "lesion"
WORDS = {
    LIVER: re.compile("liver", re.IGNORECASE),
    LESION: re.compile(r"lesion|tumou?r|neoplasm|\bmass(es)?\b", re.IGNORECASE),
}
_LESION = re.compile(r"(lesion|tumou?r|neoplasm|mass|metastas[ei]|hcc|cancer)(s|es)?")
_LIVER = re.compile(r"(liver|hepatic|hepar|hepatic parenchyma)s?")
_FILLER = ("the", "of", "and", "whole", "mask", "label", "segmentation", "seg", "roi", "organ")

_LABEL_MAPS = ("labels", "label", "seg", "segmentation", "segmentations", "mask", "masks", "gt")
# What a name says not to be in it: "non-tumor liver", "tumor-free liver", "liver without tumor and vessels".
_ABSENT = re.compile(
    r"(?<![a-z])(without|minus|w/?o|excluding|excl\.?|except|free of|ohne|sans)[\s_.-][^/]*"
    r"|(?<![a-z])(non|no|not)[\s_.-]*(lesion|tumou?r|neoplas|cancer|liver)\w*"
    r"|(lesion|tumou?r)s?[\s_-]*free",
    re.IGNORECASE,
)
# Of structures other than the liver and its lesions, whose names speak of them all the same.
_ELSEWHERE = re.compile(
    r"vessel|liver[_ -]*segments?[_ -]?\d|lobe|couinaud|vein|arter(y|ies)|[ck]yst|gall.?bladder|\bbile|duct"
    r"|surr?e[nt]|adrenal|lung|kidney|renal|pancrea|spleen|bone|colon|stomach|prostate|breast|brain|bladder"
    r"|aorta|vena cava|spine|vertebra|heart|muscle",
    re.IGNORECASE,
)


def targets_in(text: str) -> frozenset[str]:
    """The targets that a text, such as the name of a file, speaks of; "liver without tumor" is of the liver."""
    text = _present(text)
    return frozenset(target for target, word in WORDS.items() if word.search(text))


def target_of(name: str) -> str | None:
    """The target that a user's name for one stands for, None if it is neither.

    Example:
        >>> target_of("hepatic tumor"), target_of("Liver"), target_of("liver vessels")
        ('lesion', 'liver', None)
    """
    words = [word for word in re.findall(r"[a-z]+", _present(name).lower()) if word not in _FILLER]
    if not words or not all(_LESION.fullmatch(word) or _LIVER.fullmatch(word) for word in words):
        return None
    return LESION if any(_LESION.fullmatch(word) for word in words) else LIVER


def names_another(text: str) -> bool:
    """Whether a text speaks of another structure, and neither of the liver nor of its lesions."""
    return bool(_ELSEWHERE.search(_present(text))) and not targets_in(text)


def _present(text: str) -> str:
    """A text without what it says not to be there."""
    return _ABSENT.sub(" ", text)


class Naming:
    """What the names of mask files and segments stand for, and the labels of label maps.

    Args:
        texts: what a user adds to the usual words, one `NAME=WORD,...` or `NAME=LABEL,...` per target, such as
            `"liver=Leber"` or `"lesion=2,3"`. A word may be anywhere in the name of a file or segment, in any case.

    Raises:
        DataError: a text has another form, or none is about liver or lesion.

    Attributes:
        labels: label to its target, None for what is background; empty if no labels were given.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._words: dict[str, str | None] = {}
        self.labels: dict[int, str | None] = {}
        known: set[str | None] = {None}
        for text in texts:
            name, _, values = (part.strip() for part in text.partition("="))
            words = [word.strip() for word in values.split(",")]
            if not name or not all(words) or any(word.startswith("#") for word in words):
                raise DataError(f"`labels` {text}: give NAME=WORD,... or NAME=LABEL,..., such as lesion=Metastase")
            target = target_of(name)
            known.add(target)
            for word in words:
                if not word.isdecimal():
                    self._words[word.casefold()] = target
                elif self.labels.get(int(word)) != LESION:  # a liver's labels may include those of its lesions
                    self.labels[int(word)] = target
        if texts and known == {None}:
            raise DataError(f"`labels` {', '.join(texts)}: neither liver nor lesion; name one of them")

    def states(self, text: str) -> bool:
        """Whether one of the words that a user gave is in a text."""
        return any(word in text.casefold() for word in self._words)

    def targets_in(self, text: str) -> frozenset[str] | None:
        """The targets that a name speaks of; none if it is silent, and None if it names another structure."""
        given = {target for word, target in self._words.items() if word in text.casefold()}
        if given:
            return frozenset(target for target in given if target) or None
        if _ELSEWHERE.search(_present(text)):
            return None
        whole = target_of(text)
        found = targets_in(text) or frozenset([whole] if whole else [])
        return found | {LIVER} if found and re.search("hepat|hepar", text, re.IGNORECASE) else found

    def role(self, stem: str) -> str | None:
        """What a mask shows by its name without suffix: `"liver"`, `"lesion"`, `"labels"`, or nothing that is known."""
        targets = self.targets_in(stem)
        if targets:
            return LESION if LESION in targets else LIVER
        return "labels" if targets is not None and stem.lower() in _LABEL_MAPS else None
