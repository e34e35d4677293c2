"""Scans in files and folders."""

import dataclasses
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pipelines.errors import DataError
from pipelines.files.kinds import is_dicom
from pipelines.files.mask_likeness import MASK_NAME
from pipelines.files.png import JPEG_SUFFIXES
from pipelines.findings import Strict
from pipelines.layouts.dicom.listing import dicom_among
from pipelines.layouts.lits_png.listing import parse_name
from pipelines.layouts.nifti.forms import is_mask
from pipelines.layouts.prepared.listing import MARK as PREPARED
from pipelines.natural import natural_sort_key
from pipelines.scans import dicom, metaimage, nifti, nrrd, png
from pipelines.scans.checks import NotAnImageError
from pipelines.scans.names import with_unique_names
from pipelines.scans.scan import Scan
from pipelines.walk import report_rest, walk

_FILES: dict[str, Callable[..., Scan]] = {
    suffix: module.find for module in (nifti, nrrd, metaimage, png) for suffix in module.SUFFIXES
}
_KINDS = "NIfTI, NRRD, MetaImage, DICOM or PNG"


@dataclasses.dataclass(frozen=True, kw_only=True)
class FoundScans:
    """What was found in files and folders.

    Attributes:
        scans: in natural order of their names.
        notes: a line about what was skipped, if anything was.
        failures: `{"case": name, "message": line}` of each scan that cannot be read, where it was not raised.
    """

    scans: tuple[Scan, ...]
    notes: tuple[str, ...]
    failures: tuple[dict[str, str], ...]


def find_scans(inputs: Sequence[str | Path], *, keep_going: bool = False, **stated: Any) -> FoundScans:
    """Finds scans by their headers and names: files, and whatever is in folders at any depth.

    A NIfTI, NRRD or MetaImage file is a scan. So is the axial CT series of every folder of DICOM files, and the PNG
    slices of one patient in a folder, see `pipelines.scans.png.find_stacks`. Masks in folders are skipped: those of
    the layouts that `pipelines.layouts` knows by their names, others by their content, which is looked at where voxels
    of 8 bits or the name suggest it.

    Args:
        inputs: files and folders; links are followed.
        keep_going: list what cannot be read in `FoundScans.failures`, rather than raise it.
        **stated: `slice_step`, `grey_window` and `orientation` of PNG slices, see `Settings` of a paired folder; they
            win over the file in the folder. None where nothing is stated.

    Returns:
        The scans, with names that are unique regardless of capitals: that of the file or the folder, after those of the
        folders above where several have the same.

    Raises:
        DataError: there is no scan at all, or no PNG slice of which something is stated; or, unless `keep_going`, one
            of the inputs has none, or a scan cannot be read. One line with the file and the fix.
    """
    stated = {name: value for name, value in stated.items() if value is not None}
    search = _Search(keep_going, stated)
    for given in map(Path, inputs):
        search.guard(given, given.name, search.add)
    scans = {os.path.realpath(scan.files[0]): scan for scan in search.scans}  # a file may be given twice
    if not scans:
        message = search.failures[0]["message"] if search.failures else "no `inputs`; give a scan, or a folder of scans"
        raise DataError(message)
    if stated and all(scan.format != "png" for scan in search.scans):
        raise DataError(f"`{next(iter(stated))}`: is about PNG slices, and these scans are none; leave it out")
    return FoundScans(
        scans=tuple(sorted(with_unique_names(list(scans.values())), key=lambda scan: natural_sort_key(scan.name))),
        notes=tuple(search.findings.notes),
        failures=tuple(search.failures),
    )


class _Search:
    """The search for scans, and what came of it so far."""

    def __init__(self, keep_going: bool, stated: dict[str, Any]) -> None:
        self._keep_going, self._stated = keep_going, stated
        self.scans: list[Scan] = []
        self.findings = Strict(Path())
        self.failures: list[dict[str, str]] = []

    def guard(self, path: Path, name: str, work: Callable[[Path], None]) -> None:
        """Does something, and keeps its error as a failure if errors are to be kept."""
        try:
            work(path)
        except DataError as error:
            if not self._keep_going:
                raise
            self.failures.append({"case": name, "message": str(error)})

    def add(self, given: Path) -> None:
        """Finds the scans of an input."""
        before = len(self.scans) + len(self.failures)
        if given.is_dir():
            for folder, files in walk(given, self.findings):
                self._add_folder(folder, files)
        elif given.is_file():
            self._add_file(given)
        elif given.exists():
            raise DataError(f"{given}: a pipe or device, not a regular file; give a scan, or a folder of scans")
        else:
            raise DataError(f"{given}: no such file or folder; give a scan, or a folder of scans")
        if len(self.scans) + len(self.failures) == before:
            skipped = "".join(f"; {line}" for line in self.findings.skipped_lines(given))
            raise DataError(f"{given}: no axial CT scan in it{skipped}; give {_KINDS} files of one")

    def _add_file(self, path: Path) -> None:
        """The scan of a file that was given by name, whatever it is called."""
        if suffix := _suffix(path):
            stated = self._stated if suffix in png.SUFFIXES else {}
            self.scans.append(_FILES[suffix](path, _name(path, suffix), **stated))
        elif path.suffix.lower() in JPEG_SUFFIXES:
            raise DataError(f"{path}: JPEG, which is lossy; export the slice as PNG from the original")
        elif not is_dicom(path):
            raise DataError(f"{path}: not a scan; give {_KINDS}")
        elif scan := dicom.find(path.parent, [path], self.findings):
            self.scans.append(dataclasses.replace(scan, name=path.stem, path=path))

    def _add_folder(self, folder: Path, files: Sequence[Path]) -> None:
        """The scans of the files of one folder."""
        if folder / PREPARED in files:
            self.findings.skip("prepared datasets, which keep no scans", [folder])
            return
        slices, others = [], []
        for path in files:
            suffix = _suffix(path)
            if suffix and _is_mask_of_layout(path):
                self.findings.skip("masks", [path])
            elif suffix in png.SUFFIXES:
                slices.append(path)
            elif suffix:
                self.guard(path, _name(path, suffix), self._add_volume)
            elif path.suffix.lower() in JPEG_SUFFIXES:
                self.findings.skip("JPEG files, which are lossy", [path])
            else:
                others.append(path)
        before = len(self.scans) + len(self.failures)
        if others:
            self.guard(folder, folder.name, lambda folder: self._add_series(folder, others))
        if len(self.scans) + len(self.failures) > before:
            self.findings.skip("pictures beside DICOM files", slices)
            return
        slices = [path for path in slices if not self._is_mask(png.find(path, path.stem))]
        self.scans += png.find_stacks(folder, slices, **self._stated)

    def _add_volume(self, path: Path) -> None:
        suffix = _suffix(path)
        assert suffix is not None
        name = _name(path, suffix)
        try:
            scan = _FILES[suffix](path, Path(os.path.abspath(path.parent)).name if name.lower() == "ct" else name)
        except NotAnImageError:
            self.findings.skip("masks", [path])
            return
        if not self._is_mask(scan):
            self.scans.append(scan)

    def _add_series(self, folder: Path, files: Sequence[Path]) -> None:
        paths = dicom_among(files, self.findings)
        known = set(paths)
        report_rest((path for path in files if path not in known), self.findings)
        if paths and (scan := dicom.find(folder, paths, self.findings)):
            self.scans.append(scan)

    def _is_mask(self, scan: Scan) -> bool:
        """Whether a file that may be a mask is one by its values; skips it then."""
        doubtful = any(MASK_NAME.search(name) for name in scan.path.absolute().parts[-2:])
        if not doubtful and (scan.format == "png" or scan.intensity == "hu"):
            return False
        try:
            images = scan.read().images
            mask = images.min() == images.max()  # of nothing
        except NotAnImageError:
            mask = True
        except DataError:  # which is reported when the scan is read
            mask = False
        if mask:
            self.findings.skip("masks", [scan.path])
        return mask


def _suffix(path: Path) -> str | None:
    return next((suffix for suffix in _FILES if path.name.lower().endswith(suffix)), None)


def _name(path: Path, suffix: str) -> str:
    """Of a volume without the number that nnU-Net gives the only channel."""
    name = path.name[: -len(suffix)]
    return name if suffix in png.SUFFIXES else name.removesuffix("_0000")


def _is_mask_of_layout(path: Path) -> bool:
    if parsed := parse_name(path.name):
        return parsed[0] != "image"
    return any(map(_is_folder_of_masks, path.parents[:3])) or is_mask(path)


def _is_folder_of_masks(folder: Path) -> bool:
    """Whether a folder is the `masks/` of a paired folder."""
    if folder.name.lower() != "masks":
        return False
    return any(other.name.lower() == "images" for other in folder.parent.iterdir() if other.is_dir())
