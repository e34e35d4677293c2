"""What the pixels and names of a paired folder do not say: stated by the user, or in a file of the folder."""

import dataclasses
import math
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from pipelines.errors import DataError
from pipelines.findings import Findings
from pipelines.orientation import is_axial

NAME = "paired_folder.toml"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """How a paired folder is read.

    Attributes:
        patient_pattern: regular expression searched for in each ID; its first group is the patient. None to take the
            patients of `index.csv`, or else to guess them.
        labels: names of the labels of the masks, see `FolderMasks`.
        slice_step: difference of the numbers of neighbouring slices, 1 or more; None for 1.
        grey_window: Hounsfield units that grey 0 and 255 stand for; None where unknown.
        orientation: of the slices, in the order of their numbers, see `pipelines.orientation`; None where unknown.

    Raises:
        DataError: a value is out of range.
    """

    patient_pattern: str | None = None
    labels: tuple[str, ...] = ()
    slice_step: int | None = None
    grey_window: tuple[float, float] | None = None
    orientation: str | None = None

    def __post_init__(self) -> None:
        for name in ("labels", "grey_window"):
            if isinstance(value := getattr(self, name), list):
                object.__setattr__(self, name, tuple(value))
        step, window = self.slice_step, self.grey_window
        if not _all_are(str, self.labels):
            raise DataError('`labels`: give a list of texts, such as "liver=1,2"')
        if not (self.patient_pattern is None or isinstance(self.patient_pattern, str)):
            raise DataError(f"`patient_pattern` {self.patient_pattern}: give a text")
        if step is not None and not (_all_are(int, (step,)) and step > 0):
            raise DataError(f"`slice_step` {step}: give 1 or more")
        if window is not None and not (_all_are(int | float, window) and len(window) == 2 and window[0] < window[1]):
            shown = " ".join(map(str, window)) if isinstance(window, tuple) else window
            raise DataError(f"`grey_window` {shown}: give the HU of grey 0 and of grey 255, the lower one first")
        if not (self.orientation is None or is_axial(self.orientation)):
            raise DataError(
                f"`orientation` {self.orientation}: give the directions in which slices, rows and columns run, S or I, "
                "P or A and L or R, as in SPL"
            )

    def neighbours(self, numbers: Sequence[int]) -> tuple[bool, np.ndarray | None]:
        """Whether slices are neighbours, and where some are missing: `contiguous` and `gaps` of `Case`.

        Args:
            numbers: of the slices of a scan, in order; empty if they have none.
        """
        gaps = np.diff(numbers) != (self.slice_step or 1)
        return bool(numbers) and not gaps.any(), gaps if numbers and self.slice_step else None


def read_settings(directory: Path, given: dict[str, Any], findings: Findings) -> tuple[Settings, Path | None]:
    """Joins what the user states with the file `paired_folder.toml` of a folder.

    Args:
        directory: the folder.
        given: fields of `Settings`, which win over the file.
        findings: takes what is wrong with the file.

    Returns:
        The settings, and the file; None if the folder has none.

    Raises:
        DataError: a given value is out of range.
    """
    settings = Settings(**given)
    path = directory / NAME
    if not path.is_file():
        return settings, None
    findings.count("files")
    known = [field.name for field in dataclasses.fields(Settings)]
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        if unknown := [name for name in values if name not in known]:
            raise DataError(f"{unknown[0]}: unknown; choose {', '.join(known)}")
        Settings(**values)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        findings.error("settings", path, f"cannot be read as TOML ({error}); correct it")
    except DataError as error:
        findings.error("settings", path, str(error).replace("`", ""))
    else:
        settings = Settings(**{**values, **given})
    return settings, path


def settings_text(**values: Any) -> str:
    """The file `paired_folder.toml` of fields of `Settings`; those that are None are left out."""
    return tomli_w.dumps({name: value for name, value in values.items() if value is not None})


def _all_are(kind: Any, values: Any) -> bool:
    return isinstance(values, tuple) and all(
        isinstance(value, kind) and not isinstance(value, bool) and (isinstance(value, str) or math.isfinite(value))
        for value in values
    )
