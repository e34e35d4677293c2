"""Writer of NIfTI volumes, with the pitfalls of public data sets."""

import json
from pathlib import Path

import nibabel
import numpy as np
from nibabel import orientations

from pipelines.atomic import atomic_directory
from pipelines.case import Case, Source
from pipelines.errors import DataError
from pipelines.frame import frame_of_stack
from pipelines.index import write_index

# Folder and name of the image and of the labels of case N.
_NAMES = {
    "nifti": ("volume-{}.nii.gz", "segmentation-{}.nii.gz"),
    "msd": ("imagesTr/liver_{}.nii.gz", "labelsTr/liver_{}.nii.gz"),
}
# Orientations of the arrays, in turn: those of LiTS differ too.
_AXES = ("RAS", "LPS", "LAS", "SPL", "PIR", "ASR")


def write_nifti(source: Source, directory: str | Path, *, form: str = "nifti") -> None:
    """Writes a source as LiTS17 or as the Decathlon's Task03_Liver, with `index.csv` (id, patient, split).

    Case N, counted from 0, becomes an int16 volume and uint8 labels: 0 background, 1 liver, 2 tumor. A case with a
    frame is written as that frame orders it. One without (the phantom's) is taken as `frame_of_stack` has it, slice 0
    nearest to the head, and its axes are permuted and flipped from case to case, as the affine says.

    Args:
        source: what to write, in Hounsfield units, with masks of liver and lesion.
        directory: the folder to create, written atomically.
        form: `"nifti"` for `volume-N.nii.gz` and `segmentation-N.nii.gz`, `"msd"` for `imagesTr`, `labelsTr` and
            `dataset.json`.

    Raises:
        DataError: the folder exists, the form is unknown, or the source has no Hounsfield units or lacks masks.
    """
    if form not in _NAMES:
        raise DataError(f"`form` {form}: unknown; choose {' or '.join(_NAMES)}")
    if source.intensity != "hu" or not {"liver", "lesion"} <= set(source.targets):
        raise DataError(f"{source.layout}: has no Hounsfield units with liver and lesion masks; give a source of scans")
    rows, pairs = [], []
    with atomic_directory(directory) as folder:
        for number, case in enumerate(source.cases()):
            names = [name.format(number) for name in _NAMES[form]]
            labels = case.masks["liver"].astype(np.uint8)
            labels[case.masks["lesion"]] = 2
            for name, slices in zip(names, (case.images, labels), strict=True):
                (folder / name).parent.mkdir(exist_ok=True)
                _save(folder / name, *_to_array(case, slices, _AXES[number % len(_AXES)]))
            rows.append((Path(names[0]).name.removesuffix(".nii.gz"), case.patient, case.split))
            pairs.append({"image": f"./{names[0]}", "label": f"./{names[1]}"})
        write_index(folder, rows)
        if form == "msd":
            (folder / "dataset.json").write_text(
                json.dumps(_description(source, pairs), indent=2) + "\n", encoding="utf-8", newline="\n"
            )


def _to_array(case: Case, slices: np.ndarray, axes: str) -> tuple[np.ndarray, np.ndarray]:
    """The array of the file from `(slices, H, W)`, and its affine, `(4, 4)`."""
    if case.frame is not None:
        return case.frame.from_slices(slices), case.frame.affine
    assert case.spacing is not None  # as of every source in HU
    frame = frame_of_stack(slices.shape, case.spacing)
    turn = orientations.ornt_transform(
        orientations.io_orientation(frame.affine), orientations.axcodes2ornt(tuple(axes))
    )
    affine = frame.affine @ orientations.inv_ornt_aff(turn, frame.shape)
    return orientations.apply_orientation(slices, turn), affine


def _save(path: Path, array: np.ndarray, affine: np.ndarray) -> None:
    image = nibabel.Nifti1Image(array, affine)
    image.set_sform(affine, code="scanner")
    image.set_qform(affine, code="scanner")
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)


def _description(source: Source, pairs: list[dict[str, str]]) -> dict[str, object]:
    """The Decathlon's `dataset.json`."""
    return {
        "name": "LIVER",
        "description": f"liver and tumour segmentation, written from {source.layout}",
        "reference": "",
        "licence": "",
        "release": "1.0",
        "tensorImageSize": "3D",
        "modality": {"0": "CT"},
        "labels": {"0": "background", "1": "liver", "2": "cancer"},
        "numTraining": len(pairs),
        "numTest": 0,
        "training": pairs,
        "test": [],
    }
