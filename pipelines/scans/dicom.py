"""Scans in folders of DICOM files: each folder's axial CT series is one."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipelines.case import Case
from pipelines.findings import Findings
from pipelines.optional import optional
from pipelines.scans.scan import Scan
from pipelines.scans.volume import volume_case


def find(folder: Path, paths: Sequence[Path], findings: Findings) -> Scan | None:
    """The axial CT series among the DICOM files of a folder, by their headers; None if there is none.

    Args:
        folder: after which the scan is named.
        paths: the files, one or more.
        findings: raises errors, and takes what is not a slice of such a series, see
            `pipelines.layouts.dicom.contents.sort_files`.

    Raises:
        DataError: there are several such series, or one with missing or different slices; or a file is damaged.
    """
    with optional("reading DICOM files", extra="dicom"):
        from pipelines.layouts.dicom.contents import shows_masks, sort_files
        from pipelines.layouts.dicom.series import choose_series

    contents = sort_files(folder, paths, findings)
    contents.leave_multiframe(findings)
    findings.skip("segmentations", contents.segs)
    findings.skip("slices that are not axial", [one.path for one in contents.off_axial])
    if shows_masks(contents.slices, folder.absolute().parts[-2:]):
        findings.skip("masks", [folder])
        return None
    if not contents.slices:
        return None
    found = choose_series(folder, contents.slices, findings)
    assert found is not None  # or an error was raised
    # The slices from the feet up, as the case has them.
    order = found.frame.to_slices(np.broadcast_to(np.arange(len(found.slices)), found.frame.shape))[:, 0, 0]
    return Scan(
        name=folder.resolve().name,
        path=folder,
        files=tuple(found.slices[k].path for k in order),
        format="dicom",
        patient=found.patient,
    )


def read(scan: Scan) -> Case:
    """Reads a scan, see `Scan.read`."""
    with optional("reading DICOM files", extra="dicom"):
        from pipelines.layouts.dicom.series import read_series

    return volume_case(scan, *read_series(scan.files))
