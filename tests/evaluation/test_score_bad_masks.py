"""`cafct-keras score` of masks that cannot be scored."""

import json

import nibabel
import numpy as np
import pytest

from cafct_keras.cli import cli
from cafct_keras.cli.errors import as_options
from tests.cli import fails, run
from tests.evaluating import save_nifti
from tests.evaluation.mask_folders import LABELS, folders, save_png, scored


def nothing(*names):
    return lambda root: [(root / name).unlink() for name in names]


def array(name, change, dtype=None, affine=None):
    """Rewrites a volume with other values or another affine."""

    def act(root):
        image = nibabel.load(root / name)
        values = change(np.asarray(image.dataobj).astype(dtype or np.uint8))
        nibabel.save(nibabel.Nifti1Image(values, image.affine if affine is None else affine(image.affine)), root / name)

    return act


def same(values):
    return values


def with_value(value):
    def change(values):
        values[0, 0, 0] = value
        return values

    return change


def shift(affine):
    affine = affine.copy()
    affine[0, 3] += 2
    return affine


VOLUME = "prediction/liver_2.nii.gz"
BAD_VOLUMES = {
    "no prediction": (nothing(VOLUME), "reference/liver_2.nii.gz: no prediction of this name"),
    "no reference": (nothing("reference/liver_2.nii.gz"), "prediction/liver_2.nii.gz: no reference of this name"),
    "shape": (array(VOLUME, lambda values: values[:-1]), "prediction/liver_2.nii.gz: shape differs"),
    "affine": (array(VOLUME, same, affine=shift), "prediction/liver_2.nii.gz: lies elsewhere"),
    "spacing": (array(VOLUME, same, affine=lambda a: a * [[1.05], [1], [1], [1]]), "lies elsewhere"),
    "probabilities": (
        array(VOLUME, lambda values: values / 3, np.float32),
        "prediction/liver_2.nii.gz: labels 0.333333; a mask has whole numbers of 0 to 65535: threshold",
    ),
    "NaN": (array(VOLUME, with_value(np.nan), np.float32), "prediction/liver_2.nii.gz: labels nan"),
    "negative": (array(VOLUME, with_value(-1), np.int16), "prediction/liver_2.nii.gz: labels -1"),
    "damaged": (lambda root: (root / VOLUME).write_bytes(b"\0" * 99), "prediction/liver_2.nii.gz: not a NIfTI file"),
    "twice": (
        lambda root: save_png(root / "prediction" / "liver_2.png", np.zeros((4, 4))),
        "prediction/liver_2.png: liver_2.nii.gz has the same name; keep one",
    ),
    "other kind": (
        lambda root: (nothing(VOLUME)(root), save_png(root / "prediction" / "liver_2.png", np.zeros((4, 4)))),
        "prediction/liver_2.png: PNG, but ",
    ),
}


@pytest.mark.parametrize("name", BAD_VOLUMES)
def test_bad_volumes(name, volumes):
    spoil, expected = BAD_VOLUMES[name]
    spoil(volumes)
    message = fails("score", *folders(volumes), *LABELS, "--out", volumes / "out")
    assert expected in message
    assert not (volumes / "out").exists()
    assert not list(volumes.glob(".out-*"))
    result = run("score", *folders(volumes), *LABELS, "--out", volumes / "out", "--keep-going")
    assert result.code == 1
    document = json.loads((volumes / "out" / "evaluation.json").read_text())
    assert [failure["case"] for failure in document["failures"]] == ["liver_2"]
    assert expected in document["failures"][0]["message"]
    assert {row["case"] for row in document["results"][0]["cases"]} == {"liver_1", "liver_10"}
    assert f"not scored: {as_options(document['failures'][0]['message'], cli)}" in result.error


SLICE = "prediction/a_10.png"
GRADED = np.arange(24 * 30).reshape(24, 30) % 200
BAD_SLICES = {
    "no prediction": (nothing(SLICE), "reference/a_10.png: no prediction of this name"),
    "shape": (lambda root: save_png(root / SLICE, np.zeros((24, 31))), "a_10.png: shape differs"),
    "probabilities": (lambda root: save_png(root / SLICE, GRADED), "a_10.png: 200 levels, so probabilities"),
    "labels": (lambda root: save_png(root / SLICE, GRADED % 3), "a_10.png: labels 0, 1, 2, not 0 and 1 or 0 and 255"),
    "damaged": (lambda root: (root / SLICE).write_bytes(b"no"), "a_10.png: not a PNG"),
    "twice": (
        lambda root: save_nifti(root / "prediction" / "a_10.nii.gz", np.zeros((2, 4, 4), np.uint8)),
        "a_10.png: a_10.nii.gz has the same name",
    ),
}


@pytest.mark.parametrize("name", BAD_SLICES)
@pytest.mark.parametrize("pattern", ["(.+)", "^(.)_", None])
def test_bad_slices(name, pattern, slices):
    spoil, expected = BAD_SLICES[name]
    spoil(slices)
    options = () if pattern is None else ("--patient-pattern", pattern)
    assert expected in fails("score", *folders(slices), *options)
    document = scored(*folders(slices), *options, "--keep-going", code=1)
    assert [failure["case"] for failure in document["failures"]] == ["a_10" if pattern == "(.+)" else "a"]
    assert document["results"][0]["summary"]["cases"] == (5 if pattern == "(.+)" else 1)


def test_what_is_not_scored_names_options(slices):
    BAD_SLICES["labels"][0](slices)
    result = run("score", *folders(slices), "--keep-going")
    assert "name them by --label, such as liver=1,2" in result.error
