"""A small lits-png folder to read and to spoil."""

from pathlib import Path

import numpy as np
from PIL import Image

HEADER = "filepath,liver_maskpath,tumor_maskpath,study_number,instance_number,liver_mask_empty,tumor_mask_empty"
STUDIES = {2: (0, 1, 2), 10: (9, 10), 29: (0, 1), 100: (5,)}
INNER = Path("dataset_6") / "dataset_6"


def pictures(study, index):
    """An image and two masks that tell slices apart; neither mask lies in the other."""
    rng = np.random.default_rng([study, index])
    image = rng.integers(0, 256, (5, 7), np.uint8)
    return image, rng.integers(0, 2, (5, 7), np.uint8), rng.integers(0, 2, (5, 7), np.uint8)


def names(study, index):
    kinds = (f"volume-{study}", f"segmentation-{study}_livermask", f"segmentation-{study}_lesionmask")
    return [f"{kind}_{index}.png" for kind in kinds]


def save(folder, study, index):
    image, *masks = (np.repeat(pixels[..., None], 3, axis=-1) for pixels in pictures(study, index))
    for name, pixels in zip(names(study, index), (image, masks[0][..., 0], masks[1]), strict=True):
        Image.fromarray(pixels).save(folder / name)


def line(study, index, flags="False,True", prefix="../input/lits-png/dataset_6/"):
    paths = ",".join(prefix + name for name in names(study, index))
    return f"{paths},{study},{index % 256},{flags}"


def lines(*studies, **options):
    return "\n".join([HEADER, *(line(s, k, **options) for s in studies for k in STUDIES[s])]) + "\n"


def kaggle(root, inner=INNER):
    """2 and 10 train, 29 test, 100 in neither."""
    folder = root / inner
    folder.mkdir(parents=True, exist_ok=True)
    for study, indices in STUDIES.items():
        for index in indices:
            save(folder, study, index)
    tables = {"df": lines(*STUDIES), "train": lines(10, 2), "test": lines(29), "probe": lines(29)}
    for name, text in tables.items():
        (root / f"lits_{name}.csv").write_text(text)
    return root


def contents(source):
    return [
        (case.name, case.split, case.slice_names, case.images.tobytes(), *(m.tobytes() for m in case.masks.values()))
        for case in source.cases()
    ]


def parts(source):
    return {case.patient: case.split for case in source.cases()}
