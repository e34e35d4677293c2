"""MetaImage files on the grid of a scan."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pipelines.atomic import atomic_write
from pipelines.case import Case
from pipelines.frame import LPS_TO_RAS
from pipelines.optional import optional
from pipelines.scans.scan import Scan
from pipelines.scans.writers.algorithm import Algorithm
from pipelines.scans.writers.planes import ZLIB, compressed, frame_of


def write_labels(
    labels: np.ndarray, path: Path, *, scan: Scan, case: Case, labels_of: Mapping[str, int], algorithm: Algorithm
) -> list[Path]:
    """Writes uint8 labels; see `write_mask`."""
    return _write(labels, np.dtype(np.uint8), path, scan, case)


def write_values(values: np.ndarray, path: Path, *, scan: Scan, case: Case) -> list[Path]:
    """Writes float16 as float32; see `write_probability`."""
    return _write(values, np.dtype("<f4"), path, scan, case)


def _write(slices: np.ndarray, dtype: np.dtype, path: Path, scan: Scan, case: Case) -> list[Path]:
    frame = frame_of(case)
    affine = LPS_TO_RAS @ frame.affine
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    origin, direction = affine[:3, 3], affine[:3, :3] / spacing
    if scan.format == "metaimage":  # as its file says, without the rounding of a product
        origin, spacing, direction = _grid(scan.path)
    file = path.with_name(f"{path.name}.mha")
    with atomic_write(file) as temporary, temporary.open("wb") as stream:
        fields = {
            "ObjectType": "Image",
            "NDims": "3",
            "BinaryData": "True",
            "BinaryDataByteOrderMSB": "False",
            "CompressedData": "True",
            "CompressedDataSize": f"{0:020d}",
            "TransformMatrix": _numbers(direction.T),
            "Offset": _numbers(origin),
            "CenterOfRotation": "0 0 0",
            "ElementSpacing": _numbers(spacing),
            "DimSize": " ".join(map(str, frame.shape)),
            "ElementType": "MET_UCHAR" if dtype == np.uint8 else "MET_FLOAT",
            "ElementDataFile": "LOCAL",
        }
        head = "".join(f"{key} = {value}\n" for key, value in fields.items()).encode("ascii")
        stream.write(head)
        stream.writelines(compressed(frame.from_slices(slices), dtype, ZLIB))
        size = f"{stream.tell() - len(head):020d}"
        stream.seek(head.index(f"{0:020d}".encode()))
        stream.write(size.encode("ascii"))
    return [file]


def _grid(file: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Origin, spacing and direction of a file."""
    with optional("reading MetaImage files", extra="mha"):
        import SimpleITK as sitk  # noqa: N813  (its own convention)

    reader = sitk.ImageFileReader()
    reader.SetFileName(str(file))
    reader.ReadImageInformation()
    return (
        np.array(reader.GetOrigin()[:3]),
        np.array(reader.GetSpacing()[:3]),
        np.reshape(reader.GetDirection(), (reader.GetDimension(),) * 2)[:3, :3],
    )


def _numbers(values: np.ndarray) -> str:
    return " ".join(map(repr, np.ravel(values).tolist()))
