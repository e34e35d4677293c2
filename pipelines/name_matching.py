"""Names of cases as tables write them."""

import re
import unicodedata
from collections.abc import Iterable

_SUFFIX = re.compile(r"\.(?:png|jpe?g|dcm|nii(?:\.gz)?|(?:seg\.)?nrrd|mha|mhd)$", re.IGNORECASE)


class NameMatcher:
    """Finds the case that a table means: by its name, or that of its file, however either is encoded.

    Args:
        names: of the cases.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = set(names)
        self._plain = {_plain(name): name for name in self._names}

    def __call__(self, cell: str) -> str:
        """The name of the case; the cell itself if there is none."""
        if cell in self._names:
            return cell
        folders = re.split(r"[/\\]", cell)
        # A reader may put the folders of a file before its name.
        paths = [sign.join(folders[start:]) for start in range(len(folders)) for sign in "/_"]
        tried = (name for path in paths for name in (path, _SUFFIX.sub("", path)))
        return next((self._plain[plain] for plain in map(_plain, tried) if plain in self._plain), cell)


def _plain(name: str) -> str:
    """A name in composed letters, with bytes that are not UTF-8 as Windows reads them."""
    return unicodedata.normalize("NFC", re.sub("[\udc80-\udcff]", _from_windows, name))


def _from_windows(byte: re.Match[str]) -> str:
    return byte[0].encode(errors="surrogateescape").decode("cp1252", errors="replace")
