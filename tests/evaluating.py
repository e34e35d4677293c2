"""Scans and networks for the tests of `evaluate`: every grey value is known, and a network is two thresholds."""

import json

import keras
import nibabel
import numpy as np
import pytest

from cafct_keras.runs.card import RUN_FORMAT
from cafct_keras.training import FitConfig
from cafct_keras.training.config import resolve
from pipelines import open_source
from tests.cli import run
from tests.evaluation.schema import valid

SIZE, SLICES = 32, 6
SPACING = (5.0, 0.8, 0.8)
BACKGROUND, LIVER, LESION = -100, 100, 200  # HU
PARTS = ("train", "validation", "test", "test", "validation", "test")


def labels_of(number):
    """Labels `(slices, H, W)` of a scan: a liver box, and in it a lesion, in slices 2 and 3, of its own size."""
    labels = np.zeros((SLICES, SIZE, SIZE), np.uint8)
    labels[1:5, 6:26, 5:25] = 1
    labels[2:4, 10 : 14 + number % 4, 9:14] = 2
    return labels


def hounsfield(labels):
    """What a scanner without noise makes of labels: `(slices, H, W)` int16."""
    return np.array([BACKGROUND, LIVER, LESION], np.int16)[labels]


def save_nifti(path, slices, *, spacing=SPACING):
    """Writes `(slices, H, W)` as scans of LiTS lie: columns, rows, slices."""
    affine = np.diag([-spacing[2], -spacing[1], spacing[0], 1.0])
    nibabel.save(nibabel.Nifti1Image(np.ascontiguousarray(slices.transpose(2, 1, 0)), affine), path)


def write_scans(folder, *, parts=PARTS, spoil=lambda number, hu: None):
    """Writes LiTS's `volume-N` and `segmentation-N`; `spoil` changes what of a scan the network sees."""
    folder.mkdir(parents=True)
    rows = ["id,split"]
    for number, part in enumerate(parts):
        labels = labels_of(number)
        hu = hounsfield(labels)
        spoil(number, hu)
        save_nifti(folder / f"volume-{number}.nii.gz", hu)
        save_nifti(folder / f"segmentation-{number}.nii.gz", labels)
        rows.append(f"volume-{number},{part}")
    (folder / "index.csv").write_text("\n".join(rows) + "\n")
    return folder


def make_run(folder, data, *, cuts=(0.45, 0.78), target="both", intensity=None, context=0, size=SIZE, **options):
    """A run folder whose network says what lies above a grey value, or below a negative one.

    0.45 and 0.78 tell liver and lesion of `write_scans` apart.
    """
    source = open_source(data, target=target, size=size)
    targets = {"both": ("liver", "lesion")}.get(target, (target,))
    channels = 2 * context + 1 if context else 3
    inputs = keras.Input((None, None, channels))
    layer = keras.layers.Conv2D(len(targets), 1, activation="sigmoid", name="probability")
    model = keras.Model(inputs, layer(inputs))
    kernel = np.zeros((1, 1, channels, len(targets)), np.float32)
    steepness = 40.0
    kernel[:, :, context] = steepness * np.sign(cuts[: len(targets)])
    layer.set_weights([kernel, -steepness * np.array(cuts[: len(targets)], np.float32)])
    chosen = FitConfig.from_options(
        data=str(data), target=target, size=size, context=context, out=str(folder), **options
    )
    chosen = resolve(chosen)  # checks that the folder is free
    folder.mkdir(parents=True)
    model.save(folder / "model.keras")
    patients = {part: set() for part in ("train", "validation", "test")}
    for case in source.cases():
        patients[case.split].add(case.patient)
    card = {
        "format": RUN_FORMAT,
        "status": "finished",
        "config": chosen.to_dict(),
        "data": {
            "layout": source.layout,
            "intensity": intensity or source.intensity,
            "fingerprint": source.fingerprint(),
            "targets": list(targets),
            "split": {part: {"patients": sorted(names)} for part, names in patients.items()},
        },
        "versions": {},
    }
    (folder / "run.json").write_text(json.dumps(card))
    return folder


def specks(number, hu):
    """Bright specks outside the liver, in every scan: false positives of liver and lesion."""
    hu[1, 1:3, 1:3] = LESION


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    return write_scans(tmp_path_factory.mktemp("scans") / "clean")


@pytest.fixture(scope="module")
def speckled(tmp_path_factory):
    return write_scans(tmp_path_factory.mktemp("scans") / "speckled", spoil=specks)


@pytest.fixture(scope="module")
def perfect(scans, tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("runs") / "perfect", scans)


@pytest.fixture(scope="module")
def blind(scans, tmp_path_factory):
    """Predicts nothing at all."""
    return make_run(tmp_path_factory.mktemp("runs") / "blind", scans, cuts=(2.0, 2.0))


def evaluated(*arguments, code=0):
    result = run("evaluate", *arguments, "--json")
    assert result.code == code, result
    for document in result.json if isinstance(result.json, list) else [result.json]:
        valid(document)
    return result
