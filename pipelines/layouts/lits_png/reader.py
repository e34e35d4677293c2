"""The LiTS slices as Kaggle has them (`andrewmvd/lits-png`): PNG, two masks a slice, the official split as CSV."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from pipelines.case import SPLITS, Case, Source
from pipelines.errors import DataError
from pipelines.files.png import read_image, read_mask
from pipelines.findings import Strict
from pipelines.fingerprint import fingerprint
from pipelines.layouts.lits_png.listing import (
    ALL,
    TEST,
    TRAIN,
    find_parts,
    find_slices,
    find_tables,
    probe_note,
    read_csv,
)
from pipelines.orientation import SPINE_UP

__all__ = ["LitsPng", "read_csv"]


class LitsPng(Source):
    """Reads Kaggle's `lits-png`, one case for each study.

    `lits_train.csv` and `lits_test.csv` give the split; studies in neither are validation. With neither file, studies
    are split 70:15:15 by a hash of their numbers. Construction lists files and reads the CSVs; pixels are read, and
    checked, one study at a time. Whether a slice shows a target is what its pixels say, never what the CSVs say.

    Example:
        >>> source = LitsPng("lits-png")  # the folder with lits_train.csv and dataset_6/, or a dataset_6/ itself
        >>> image, masks = source.read_slice("volume-29_0")

    Args:
        directory: the folder with the CSVs and the PNGs, these in it or in `dataset_6/` or `dataset_6/dataset_6/`; or
            such a `dataset_6/` itself, whose CSVs lie above it.

    Raises:
        DataError: something is missing, unpaired or ambiguous; one line with the file and the mend.

    Attributes:
        layout: `"lits_png"`.
        intensity: `"minmax"`.
        targets: `("liver", "lesion")`.
        notes: where the split comes from and what of the folder is not used.
        slice_names: part of the split to the names of its slices, in the order of `cases()`.
    """

    layout = "lits_png"
    intensity = "minmax"
    orientation = SPINE_UP
    targets = ("liver", "lesion")

    def __init__(self, directory: str | Path):
        directory, tables = find_tables(Path(directory))
        self._findings = Strict(directory)
        self._folder, slices = find_slices(directory)
        self._files = {files["image"][:-4]: files for files in slices.values()}
        studies: dict[int, dict[int, str]] = {}  # by number, slices too
        for study, index in sorted(slices):
            studies.setdefault(study, {})[index] = slices[study, index]["image"][:-4]
        self._used = [tables / name for name in (ALL, TRAIN, TEST) if (tables / name).exists()]
        # Without CSVs the same slices are the same data, however deep the folder that was given.
        self._root = tables if self._used else self._folder
        listed = {path.name: read_csv(path) for path in self._used}
        for name, rows in listed.items():
            if absent := [row.image for row in rows if (row.study, row.index) not in slices]:
                more = f" and {len(absent) - 1} more" if absent[1:] else ""
                raise DataError(
                    f"{tables / name}: {absent[0]}{more} listed, but not in {self._folder}; "
                    "unpack lits-png again or delete the lines"
                )
        parts, split_note = find_parts(studies, listed, tables)
        self._studies = {f"study-{study}": numbered for study, numbered in studies.items()}
        self.parts = {f"study-{study}": parts[study] for study in studies}
        self.notes = [split_note, "intensity: every slice stretched from its own least to its own greatest value"]
        if self._used:
            self.notes.append("masks: pixels counted; the CSVs' *_mask_empty flags are inverted and not used")
        self.notes += probe_note(tables)
        self.slice_names = {
            part: tuple(
                slice_name
                for name, numbered in self._studies.items()
                if self.parts[name] == part
                for slice_name in numbered.values()
            )
            for part in SPLITS
        }

    def read_slice(self, name: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Reads one slice; safe to call from several threads.

        Args:
            name: one of `slice_names`, such as `"volume-29_0"`.

        Returns:
            The image, `(H, W)` uint8, and target to mask, `(H, W)` bool; liver includes lesion.

        Raises:
            DataError: a file cannot be read, is no grey image or two-level mask, or has another size than its image.
            KeyError: there is no such slice.
        """
        paths = {kind: self._folder / file for kind, file in self._files[name].items()}
        image = read_image(paths["image"], self._findings)
        masks = {}
        for target in self.targets:
            masks[target] = read_mask(paths[target], self._findings)
            if masks[target].shape != image.shape:
                sizes = "{1}x{0} against {3}x{2}".format(*masks[target].shape, *image.shape)
                raise DataError(f"{paths[target]}: width and height differ from its image's, {sizes}; copy both again")
        masks["liver"] |= masks["lesion"]
        return image, masks

    def fingerprint(self) -> str:
        """SHA-256, in hex, over the PNGs and the CSVs, as `pipelines.fingerprint` takes it."""
        images = (self._folder / file for files in self._files.values() for file in files.values())
        return fingerprint([*images, *self._used], self._root)

    def case(self, name: str) -> Case:
        """Reads one study, its slices by number.

        Raises:
            DataError: as `read_slice` does, or slices of the study differ in size.
        """
        numbers, names = zip(*self._studies[name].items(), strict=True)
        shape = self.read_slice(names[0])[0].shape
        images = np.empty((len(names), *shape), np.uint8)
        stacks = {target: np.empty(images.shape, bool) for target in self.targets}

        def fill(row: int) -> None:
            image, masks = self.read_slice(names[row])
            if image.shape != shape:
                path, sizes = self._folder / self._files[names[row]]["image"], (*image.shape[::-1], *shape[::-1])
                differ = "{}x{} pixels, the study's first slice {}x{}".format(*sizes)
                raise DataError(f"{path}: {differ}; copy the study again")
            images[row] = image
            for target, mask in masks.items():
                stacks[target][row] = mask

        with ThreadPoolExecutor() as pool:  # Pillow decodes outside the interpreter's lock
            for _ in pool.map(fill, range(len(names))):
                pass  # asked for, so that an error comes up here
        return Case(
            name=name,
            patient=name.removeprefix("study-"),
            split=self.parts[name],
            images=images,
            masks=stacks,
            slice_names=names,
            contiguous=numbers[-1] - numbers[0] == len(numbers) - 1,
        )
