"""The vocabulary of targets: which words stand for the liver and for its lesions."""

import re

LIVER, LESION = "liver", "lesion"
WORDS = {
    LIVER: re.compile("liver", re.IGNORECASE),
    LESION: re.compile(r"lesion|tumou?r|neoplasm|\bmass(es)?\b", re.IGNORECASE),
}
_LESION = re.compile(r"(lesion|tumou?r|neoplasm|mass|metastas[ei]|hcc|cancer)(s|es)?")
_LIVER = re.compile(r"(liver|hepatic|hepar|hepatic parenchyma)s?")
_FILLER = ("the", "of", "and", "whole", "mask", "label", "segmentation", "seg", "roi", "organ")


def targets_in(text: str) -> frozenset[str]:
    """The targets that a text, such as the name of a file, speaks of."""
    return frozenset(target for target, word in WORDS.items() if word.search(text))


def target_of(name: str) -> str | None:
    """The target that a user's name for one stands for, None if it is neither.

    Example:
        >>> target_of("hepatic tumor"), target_of("Liver"), target_of("liver vessels")
        ('lesion', 'liver', None)
    """
    words = [word for word in re.findall(r"[a-z]+", name.lower()) if word not in _FILLER]
    if not words or not all(_LESION.fullmatch(word) or _LIVER.fullmatch(word) for word in words):
        return None
    return LESION if any(_LESION.fullmatch(word) for word in words) else LIVER
