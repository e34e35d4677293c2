"""The overlap of two public data sets, 3D-IRCADb and LiTS."""

import os
import re
from pathlib import Path

from pipelines.findings import Findings

_IRCAD = re.compile(r"3d-?_?ircad", re.IGNORECASE)
_LITS = re.compile(r"(?:volume-|liver_)(\d+)(?:_\d+)?\.(?:nii|nii\.gz|png)", re.IGNORECASE)
# 3D-IRCADb's twenty are 28-44 and 46-48; other lists say 28-47, so 45 counts too.
_SHARED = range(28, 49)


def check_overlap(directory: Path, findings: Findings) -> None:
    """Warns where scans of 3D-IRCADb lie beside the LiTS volumes that are the same scans. Looks at names only."""
    ircad, numbers = None, set()
    for folder, folders, names in os.walk(directory):
        for name in sorted((*folders, *names)):
            if _IRCAD.search(name):
                ircad = ircad or Path(folder, name)
            elif (match := _LITS.fullmatch(name)) and int(match[1]) in _SHARED:
                numbers.add(int(match[1]))
    if ircad and numbers:
        findings.warning(
            "ircad-overlap",
            ircad,
            f"3D-IRCADb is part of LiTS (28 to 48), of which {len(numbers)} volumes are here too, the first "
            f"{min(numbers)}; keep one of the two, or the same patients are trained and tested on",
        )
