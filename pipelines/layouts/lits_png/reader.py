"""Reader of Kaggle's `lits-png` (`andrewmvd/lits-png`)."""

import itertools
from pathlib import Path

import numpy as np

from pipelines.case import SPLITS, Case, Source
from pipelines.checks.slices import check_sizes
from pipelines.files.png import read_image, read_mask
from pipelines.findings import Findings, Strict
from pipelines.fingerprint import fingerprint
from pipelines.layouts.lits_png.listing import MASKS, file_name, find_tables, is_png, list_slices
from pipelines.layouts.lits_png.tables import PROBE, TABLES, TEST, find_parts, read_csv, read_tables
from pipelines.orientation import SPINE_UP

__all__ = ["LitsPng", "read_csv"]


class LitsPng(Source):
    """Reads Kaggle's `lits-png`, one case per study.

    `lits_train.csv` and `lits_test.csv` give the split; studies in neither are validation. With neither file, an
    `index.csv` (`id` `volume-N`, `split`) gives it, or else studies are split 70:15:15 by a hash of their numbers.
    The constructor lists files and reads the CSVs; pixels are read, and checked, one study at a time. Whether a
    slice contains a target is decided by its pixels, not by the CSVs.

    Example:
        >>> source = LitsPng("lits-png")  # the folder with lits_train.csv and dataset_6/, or a dataset_6/ itself
        >>> image, masks = source.read_slice("volume-29_0")

    Args:
        directory: the folder with the CSVs, and the PNG files in it or in `dataset_6/` or `dataset_6/dataset_6/`; or
            such a `dataset_6/` itself, with the CSVs above it.
        findings: takes what is wrong; None to raise the first error.

    Raises:
        DataError: something is missing, unpaired or ambiguous, and `findings` is None.

    Attributes:
        layout: `"lits_png"`.
        intensity: `"minmax"`.
        targets: `("liver", "lesion")`.
        notes: where the split comes from and what of the folder is not used.
        slice_names: part of the split to the names of its slices, in the order of `cases()`.
        studies: name of each case to its slices: slice number to slice name, in order.
        tables: name of each usable CSV to its rows.
        tables_folder: where the CSVs lie.
    """

    layout = "lits_png"
    intensity = "minmax"
    orientation = SPINE_UP
    targets = MASKS

    def __init__(self, directory: str | Path, *, findings: Findings | None = None) -> None:
        directory, self.tables_folder = find_tables(Path(directory), TABLES)
        self._findings = findings or Strict(directory)
        folder, slices = list_slices(directory, self._findings)
        self.studies: dict[str, dict[int, str]] = {}
        self._files: dict[str, dict[str, Path]] = {}
        for (study, index), files in slices.items():
            name = files["image"].stem if "image" in files else file_name("image", study, index)[:-4]
            self.studies.setdefault(f"study-{study}", {})[index] = name
            self._files[name] = files
        self.tables = read_tables(self.tables_folder, slices, self._findings)
        numbers = list(dict.fromkeys(study for study, _ in slices))
        parts, split_note, others = find_parts(numbers, self.tables, self.tables_folder, self._findings)
        self._used = [*(self.tables_folder / name for name in self.tables), *others]
        # Without CSVs the same slices are the same data, however deep the folder that was given.
        self._root = self.tables_folder if self._used else folder
        self.parts = {f"study-{study}": parts[study] for study in numbers}
        self.slice_names = {
            part: tuple(n for name, p in self.parts.items() if p == part for n in self.studies[name].values())
            for part in SPLITS
        }
        self._notes = [split_note, "intensity: every slice rescaled from its own minimum and maximum"]
        if self.tables:
            self._notes.append("masks: pixels counted; the CSVs' *_mask_empty flags are inverted and not used")
        if (self.tables_folder / PROBE).exists():
            copy = "a copy" if self.probe_is_copy() else "not a copy"
            self._notes.append(f"{PROBE}: {copy} of {TEST}, ignored")

    @property
    def notes(self) -> list[str]:
        """See `LitsPng`."""
        return [*self._notes, *self._findings.notes]

    def probe_is_copy(self) -> bool:
        """Whether `lits_probe.csv` has the bytes of `lits_test.csv`, as in the genuine set."""
        probe, test = self.tables_folder / PROBE, self.tables_folder / TEST
        return probe.is_file() and test.is_file() and probe.read_bytes() == test.read_bytes()

    def path(self, name: str, kind: str = "image") -> Path | None:
        """The `"image"`, `"liver"` or `"lesion"` file of a slice; None if there is none."""
        return self._files[name].get(kind)

    def read_files(self, name: str) -> tuple[np.ndarray | None, dict[str, np.ndarray]]:
        """Reads the files of one slice as they are; safe to call from several threads.

        Args:
            name: name of the slice.

        Returns:
            The image, `(H, W)` uint8, and target to mask, `(H, W)` bool; without those that could not be read, which
            `findings` took.
        """
        files = {kind: path for kind, path in self._files[name].items() if is_png(path)}
        image = read_image(files["image"], self._findings) if "image" in files else None
        masks = {}
        for target in (target for target in MASKS if target in files):
            mask = read_mask(files[target], self._findings)
            if check_sizes(self._findings, files[target], mask, image) and mask is not None:
                masks[target] = mask
        return image, masks

    def read_slice(self, name: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Reads one slice; safe to call from several threads.

        Args:
            name: one of `slice_names`, such as `"volume-29_0"`.

        Returns:
            The image, `(H, W)` uint8, and target to mask, `(H, W)` bool; liver includes lesion.

        Raises:
            DataError: a file cannot be read, is not an 8-bit grey image or two-level mask, or differs in size.
            KeyError: there is no such slice.
        """
        image, masks = self.read_files(name)
        if image is None or len(masks) < len(MASKS):
            raise ValueError(f"{name}: cannot be read")  # only where findings are collected
        masks["liver"] |= masks["lesion"]
        return image, masks

    def has_shape(self, name: str, shape: tuple[int, ...], first: tuple[int, ...]) -> bool:
        """Whether a slice has the shape of the first slice of its study; adds an error if not."""
        if shape == first:
            return True
        sizes = "{1}x{0} pixels, the study's first slice {3}x{2}".format(*shape, *first)
        self._findings.error("size-mismatch", self.path(name) or name, f"{sizes}; copy the study again")
        return False

    def fingerprint(self) -> str:
        """SHA-256, in hex, of the PNG files and the CSVs; see `pipelines.fingerprint`."""
        images = (path for files in self._files.values() for path in files.values())
        return fingerprint([*images, *self._used], self._root)

    def case(self, name: str) -> Case:
        """Reads one study, its slices in order.

        Raises:
            DataError: see `read_slice`; or slices of the study differ in size.
        """
        numbers, names = zip(*self.studies[name].items(), strict=True)
        slices = map(self.read_slice, names)
        first, _ = ahead = next(slices)
        images = np.empty((len(names), *first.shape), np.uint8)
        masks = {target: np.empty(images.shape, bool) for target in self.targets}
        for row, (image, planes) in enumerate(itertools.chain([ahead], slices)):
            if self.has_shape(names[row], image.shape, first.shape):
                images[row] = image
                for target, mask in planes.items():
                    masks[target][row] = mask
        return Case(
            name=name,
            patient=name.removeprefix("study-"),
            split=self.parts[name],
            images=images,
            masks=masks,
            slice_names=names,
            contiguous=numbers[-1] - numbers[0] == len(numbers) - 1,
        )
