"""Folders of PNG slices with one mask a slice: `images/ID.png`, `masks/ID.png`, perhaps `index.csv`."""

import hashlib
import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from pipelines.case import Case, Source
from pipelines.errors import DataError
from pipelines.natural import consecutive, natural
from pipelines.sources.folder_index import find_parts, find_patients, read_index
from pipelines.sources.png import decode_image, decode_mask


class PairedFolder(Source):
    """Reads `images/ID.png` and `masks/ID.png`, one case for each patient.

    With an `index.csv` (columns `id`, `patient`, `split`; the last two may be missing) its split is the split;
    where it has no validation part, that is carved out of the training patients. Otherwise patients are split
    70:15:15 by a hash of their names. Everything is read and checked on construction, so nothing fails later.

    Args:
        directory: the folder that holds `images/` and `masks/`.
        target: what the masks show, `"liver"` or `"lesion"`.
        size: height and width in pixels that every slice is resized to: images bilinear with anti-aliasing,
            masks to the nearest pixel centre. Slices that have that size already stay as they are.
        patient_pattern: regular expression searched for in each ID; its first group is the patient.

    Raises:
        DataError: something is missing, unpaired, unreadable or ambiguous; one line with the file and the mend.

    Attributes:
        layout: `"paired_folder"`.
        intensity: `"grey"`.
        targets: `(target,)`.
        notes: how patients were told apart, where the split comes from, what was resized.
    """

    layout = "paired_folder"
    intensity = "grey"

    def __init__(self, directory: str | Path, *, target: str, size: int = 256, patient_pattern: str | None = None):
        if target not in ("liver", "lesion"):
            raise DataError(f"target {target}: the masks of one folder show one target; give liver or lesion")
        if size < 1:
            raise DataError(f"size {size}: give a size of one pixel or more")
        self.targets = (target,)
        directory = Path(directory)
        self._files = _pairs(directory)
        index, ids = directory / "index.csv", sorted(self._files, key=natural)
        rows = read_index(index, ids) if index.exists() else {}
        patients, patients_note = find_patients(ids, rows, patient_pattern)
        parts, split_note = find_parts(ids, patients, rows, index)
        # One patient's slices stand together, so that a case is a view and costs no copy.
        self._rows = sorted(zip(patients, ids, strict=True), key=lambda row: (natural(row[0]), natural(row[1])))
        self._spans = _spans([patient for patient, _ in self._rows])
        self.parts = {patient: parts[patient] for patient in self._spans}
        self._images = np.empty((len(ids), size, size), np.uint8)
        self._masks = np.empty((len(ids), size, size), bool)
        digests = {"index.csv": hashlib.sha256(index.read_bytes()).hexdigest()} if rows else {}
        with ThreadPoolExecutor() as pool:  # Pillow decodes and hashlib hashes outside the interpreter's lock
            read = list(pool.map(self._read, range(len(ids))))
        for name_digests, _ in read:
            digests |= name_digests
        self._digests = digests
        self.notes = [patients_note, split_note]
        if resized := sum(was_resized for _, was_resized in read):
            self.notes.append(f"size: {resized} of {len(ids)} slices resized to {size}x{size}")

    def case(self, name: str) -> Case:
        """The slices of one patient, in the numeric order of their IDs; arrays are views."""
        span = self._spans[name]
        names = tuple(slice_name for _, slice_name in self._rows[span])
        return Case(
            name=name,
            patient=name,
            split=self.parts[name],
            images=self._images[span],
            masks={self.targets[0]: self._masks[span]},
            slice_names=names,
            contiguous=consecutive(names),
        )

    def fingerprint(self) -> str:
        """SHA-256, in hex, over the names and contents of all files, whatever size they are read at."""
        lines = (f"{name}\0{digest}\n" for name, digest in sorted(self._digests.items()))
        return hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()

    def _read(self, row: int) -> tuple[dict[str, str], bool]:
        """Reads one pair into its row; returns the digests of its files and whether it was resized."""
        paths = self._files[self._rows[row][1]]
        try:
            image_bytes, mask_bytes = (path.read_bytes() for path in paths)
        except OSError as error:
            raise DataError(f"{error.filename}: cannot be read ({error.strerror}); mend its permissions") from None
        image, mask = decode_image(image_bytes, paths[0]), decode_mask(mask_bytes, paths[1])
        if image.size != mask.size:
            sizes = "{}x{} against {}x{}".format(*mask.size, *image.size)
            raise DataError(f"{paths[1]}: width and height differ from its image's, {sizes}; export the pair again")
        side = self._images.shape[1:]
        self._images[row] = np.asarray(image.resize(side, Image.Resampling.BILINEAR))
        self._masks[row] = np.asarray(mask.resize(side, Image.Resampling.NEAREST)) != 0
        digests = {
            f"{path.parent.name}/{path.name}": hashlib.sha256(data).hexdigest()
            for path, data in zip(paths, (image_bytes, mask_bytes), strict=True)
        }
        return digests, image.size != side


def found(directory: str | Path) -> bool:
    """Whether a folder looks like this layout: it has `images/` or `masks/`."""
    return any((Path(directory) / kind).is_dir() for kind in ("images", "masks"))


def _pairs(directory: Path) -> dict[str, tuple[Path, Path]]:
    """ID to its image and mask file, all of them there."""
    if not directory.is_dir():
        raise DataError(f"{directory}: no such folder; give a folder with images/ and masks/")
    found = {}
    for kind in ("images", "masks"):
        folder = directory / kind
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder; put images/ID.png and masks/ID.png into {directory}")
        # Names with a leading dot are what macOS strews about on foreign disks.
        paths = [path for path in sorted(folder.iterdir()) if path.suffix.lower() == ".png" and path.name[0] != "."]
        if not paths:
            raise DataError(f"{folder}: no PNG in it; save the slices as 8-bit grey PNG")
        found[kind] = {path.stem: path for path in paths}
        for path in paths:
            if found[kind][path.stem] != path:
                raise DataError(f"{path}: another file has the same name but for .PNG; delete one of them")
    images, masks = found["images"], found["masks"]
    for name, path in images.items():
        if name not in masks:
            raise DataError(
                f"{path}: no masks/{name}.png; add the mask (all 0 if nothing is there) or delete the image"
            )
    for name, path in masks.items():
        if name not in images:
            raise DataError(f"{path}: no images/{name}.png; add the image or delete the mask")
    return {name: (path, masks[name]) for name, path in images.items()}


def _spans(patients: list[str]) -> dict[str, slice]:
    """Each patient's rows, which stand together."""
    spans, start = {}, 0
    for patient, rows in itertools.groupby(patients):
        stop = start + len(list(rows))
        spans[patient] = slice(start, stop)
        start = stop
    return spans
