"""NIfTI files on the grid of a scan."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.atomic import atomic_write
from pipelines.case import Case
from pipelines.optional import optional
from pipelines.scans.scan import Scan
from pipelines.scans.writers.algorithm import Algorithm
from pipelines.scans.writers.planes import GZIP, compressed, frame_of

with optional("writing NIfTI files", extra="nifti"):
    import nibabel

    from pipelines.files.nifti import load_image

# What describes the values of the scan, or how they were made, rather than their grid.
_OF_VALUES = ("cal_max", "cal_min", "descrip", "aux_file", "intent_code", "intent_name", "slice_duration", "toffset")


def write_labels(
    labels: np.ndarray, path: Path, *, scan: Scan, case: Case, labels_of: Mapping[str, int], algorithm: Algorithm
) -> list[Path]:
    """Writes uint8 labels; see `write_mask`."""
    return _write(labels, np.dtype(np.uint8), path, scan, case)


def write_values(values: np.ndarray, path: Path, *, scan: Scan, case: Case) -> list[Path]:
    """Writes float16 as float32; see `write_probability`."""
    return _write(values, np.dtype(np.float32), path, scan, case)


def _write(slices: np.ndarray, dtype: np.dtype, path: Path, scan: Scan, case: Case) -> list[Path]:
    header = _scan_header(scan) if scan.format == "nifti" else _new_header(case)
    header.set_data_dtype(dtype)
    header.set_data_offset(header.single_vox_offset)
    header.set_slope_inter(1, 0)
    file = path.with_name(f"{path.name}.nii.gz")
    head = header.binaryblock + bytes(header.single_vox_offset - header.sizeof_hdr)
    with atomic_write(file) as temporary, temporary.open("wb") as stream:
        stream.writelines(
            compressed(frame_of(case).from_slices(slices), dtype.newbyteorder(header.endianness), GZIP, head=head)
        )
    return [file]


def _scan_header(scan: Scan) -> Any:
    """The header of the scan's own file: its grid in every detail, but nothing about its values."""
    header: Any = load_image(scan.path).header.copy()
    empty = type(header)()
    for field in _OF_VALUES:
        header[field] = empty[field]
    header.extensions.clear()
    return header


def _new_header(case: Case) -> Any:
    frame = frame_of(case)
    steps = np.linalg.norm(frame.affine[:3, :3], axis=0)
    directions = frame.affine[:3, :3] / steps
    # A quaternion cannot hold the slices of a tilted gantry, and readers that prefer it would put them elsewhere.
    upright = np.allclose(directions.T @ directions, np.eye(3), rtol=0, atol=1e-4)
    header = nibabel.Nifti1Header()
    header.set_data_shape(frame.shape)
    header.set_zooms(steps)
    header.set_sform(frame.affine, code="scanner")
    header.set_qform(frame.affine, code="scanner" if upright else "unknown")
    header.set_xyzt_units("mm")
    return header
