"""Scans in NRRD files."""

from pathlib import Path

from pipelines.case import Case
from pipelines.errors import DataError
from pipelines.frame import Frame
from pipelines.optional import optional
from pipelines.scans.checks import NotAnImageError
from pipelines.scans.scan import Scan
from pipelines.scans.volume import translate_errors, volume_case

SUFFIXES = (".nrrd", ".nhdr")


def find(path: Path, name: str) -> Scan:
    """The scan of a file, by its header; see `pipelines.scans.nifti.find`."""
    with optional("reading NRRD files", extra="dicom"):
        from pipelines.files.nrrd import nrrd_segments, read_header

    with translate_errors(path):
        if nrrd_segments(path) is not None:
            raise NotAnImageError(f"{path}: a segmentation of 3D Slicer; give the image that it was drawn on")
        header = read_header(path)
    intensity = "grey" if header.dtype == "uint8" else "hu"
    return Scan(name=name, path=path, files=header.files, format="nrrd", intensity=intensity)


def read(scan: Scan) -> Case:
    """Reads a scan, see `Scan.read`."""
    with optional("reading NRRD files", extra="dicom"):
        from pipelines.files.nrrd import read_nrrd

    with translate_errors(scan.path):
        layers, affine = read_nrrd(scan.path)
        if len(layers) != 1:
            raise DataError(f"{scan.path}: 4-D ({len(layers)} layers); save one 3-D volume without further axes")
        return volume_case(scan, layers[0], Frame(shape=layers.shape[1:], affine=affine))
