"""Scans in MetaImage files."""

from pathlib import Path

from pipelines.case import Case
from pipelines.frame import Frame
from pipelines.optional import optional
from pipelines.scans.scan import Scan
from pipelines.scans.volume import translate_errors, volume_case

SUFFIXES = (".mha", ".mhd")


def find(path: Path, name: str) -> Scan:
    """The scan of a file, by its header; see `pipelines.scans.nifti.find`."""
    with optional("reading MetaImage files", extra="mha"):
        import SimpleITK as sitk  # noqa: N813  (its own convention)

        from pipelines.files.metaimage import metaimage_files, open_metaimage

    with translate_errors(path):
        grey = open_metaimage(path).GetPixelID() == sitk.sitkUInt8
        files = metaimage_files(path)
    return Scan(name=name, path=path, files=files, format="metaimage", intensity="grey" if grey else "hu")


def read(scan: Scan) -> Case:
    """Reads a scan, see `Scan.read`."""
    with optional("reading MetaImage files", extra="mha"):
        from pipelines.files.metaimage import read_metaimage

    with translate_errors(scan.path):
        values, affine = read_metaimage(scan.path)
        return volume_case(scan, values, Frame(shape=values.shape, affine=affine))
