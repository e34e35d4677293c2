"""Whether a network can be shown a scan: what it was trained on, and what the scan holds."""

from pathlib import Path

import numpy as np

from pipelines.case import Case
from pipelines.checks.content import check_hu, check_spacing
from pipelines.errors import DataError
from pipelines.findings import Findings
from pipelines.frame import Frame, steps_of_one
from pipelines.preprocessing import Preprocessing
from pipelines.scans.scan import Scan

_TILT = 0.5  # degrees, less than which is rounding


def check_suitable(scan: Scan, case: Case, preprocessing: Preprocessing) -> tuple[str, ...]:
    """Compares a scan with what a network was trained on.

    What certainly is wrong is an error: grey values of an unknown window for a network of Hounsfield units, and slices
    without neighbours for a network that sees them. What probably is wrong is a warning: Hounsfield units without their
    intercept, another kind of grey values than the training slices', or a narrower window, an unknown orientation, a
    tilted gantry, a header that nobody filled in.

    Args:
        scan: the scan.
        case: what was read from it.
        preprocessing: of the network.

    Returns:
        Warnings, each a line without the scan's name, so that equal ones of several scans are shown once.

    Raises:
        DataError: the network would be shown something else than it was trained on.
    """
    warnings = _Warnings(scan.path.parent)
    check_intensity(scan, preprocessing)
    _compare_intensity(scan, preprocessing, warnings)
    check_neighbours(case, preprocessing)
    _check_orientation(scan, preprocessing, warnings)
    if scan.intensity == "hu":
        low, high = int(case.images.min()), int(case.images.max())
        if low >= 0 and high <= 255 and preprocessing.intensity == "hu":
            raise DataError(
                f"{scan.path}: values from {low} to {high}, not Hounsfield units; export the CT again in HU"
            )
        check_hu(warnings, scan.path, low, high)
    if case.frame is not None and case.spacing is not None:
        check_spacing(warnings, scan.path, case.spacing)
        _check_frame(scan.path, case.frame, warnings)
    return (*scan.doubts, *warnings.lines)


def check_intensity(scan: Scan, preprocessing: Preprocessing) -> None:
    """Refuses a scan of grey values of an unknown window for a network of Hounsfield units, before it is read.

    Raises:
        DataError: it is one; or it is none at all, such as a mask.
    """
    if preprocessing.intensity == "hu" and scan.intensity != "hu" and scan.grey_window is None:
        scan.read()  # whose error is the better one
        raise DataError(
            f"{scan.path}: 8-bit grey values, and the network was trained on Hounsfield units; give the CT itself, "
            "a network that was trained on grey slices, or what the slices show, `grey_window`"
        )


def check_neighbours(case: Case, preprocessing: Preprocessing) -> None:
    """Refuses a case that lacks the neighbouring slices which a network sees.

    Raises:
        DataError: its slices are not neighbours.
    """
    if preprocessing.context and case.runs is None:
        raise DataError(
            f"{case.name}: its slices are not neighbours, and this network sees {preprocessing.context} on either "
            "side; give data of whole scans"
        )


def _compare_intensity(scan: Scan, preprocessing: Preprocessing, warnings: Findings) -> None:
    trained, given = preprocessing.intensity, scan.intensity
    if trained == "grey" and given == "hu" and not preprocessing.window_known:
        low, high = preprocessing.window
        warnings.warning(
            "window-unknown",
            scan.path,
            f"shown with a window of {low:g} to {high:g} HU, and the window of the grey slices that the network was "
            "trained on is not known; check that they look alike",
        )
    if scan.grey_window is not None and preprocessing.shares_window:
        (low, high), (black, white) = scan.grey_window, preprocessing.window
        if low > black or high < white:
            warnings.warning(
                "window-differs",
                scan.path,
                f"its slices show {low:g} to {high:g} HU, the network was trained on {black:g} to {white:g}; what lies "
                "beyond is lost, so the mask may be worse than on CT",
            )
    if {trained, given} == {"grey", "minmax"}:
        rescaled, windowed = ("it", "the training slices") if given == "minmax" else ("the training slices", "it")
        warnings.warning(
            "intensity-differs",
            scan.path,
            f"each slice of {rescaled} was rescaled to its own range, {windowed} not; check that they look alike",
        )


def _check_orientation(scan: Scan, preprocessing: Preprocessing, warnings: Findings) -> None:
    if not scan.files:  # an array, of which the caller says that it lies as the training slices do
        return
    if preprocessing.orientation and not scan.orientation:
        warnings.warning(
            "orientation-unknown",
            scan.path,
            f"how its slices lie is not known, those of the training lie {preprocessing.orientation}; check that they "
            "look alike, and give the scan as a volume if they do not",
        )
    if scan.orientation and not preprocessing.orientation:
        warnings.warning(
            "orientation-unknown",
            scan.path,
            f"shown lying {scan.orientation}, and how the training slices lay is not known; check that they look alike",
        )


def _check_frame(path: Path, frame: Frame, warnings: Findings) -> None:
    steps = frame.slices_affine[:3, :3]
    normal = np.cross(steps[:, 1], steps[:, 2])
    cosine = abs(normal @ steps[:, 0]) / np.linalg.norm(normal) / np.linalg.norm(steps[:, 0])
    tilt = float(np.degrees(np.arccos(min(1.0, cosine))))
    if tilt > _TILT:
        warnings.warning(
            "tilted",
            path,
            f"tilted gantry, its stack stands {tilt:.1f} degrees off the slices' normal; other tools may show it "
            "sheared, so resample it upright for these",
        )
    if steps_of_one(frame) and not frame.affine[:3, 3].any():
        warnings.warning(
            "header-unfilled", path, "steps of 1 mm and no origin: sides and millimeters may be wrong; export it again"
        )


class _Warnings(Findings):
    """Collects the messages of warnings."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.lines: list[str] = []

    def add(self, severity: str, code: str, file: Path | str, message: str) -> None:
        """Adds the message of a warning to `lines`; notes are of no use here."""
        if severity == "warning":
            self.lines.append(message)
