"""Folders of masks, and their scoring by `cafct-keras score`."""

import numpy as np
from PIL import Image

from tests.cli import run
from tests.evaluation.schema import valid

NAMES = ("liver_1", "liver_2", "liver_10")
LABELS = ("--label", "liver=1,2", "--label", "lesion=2")


def save_png(path, mask):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(mask, np.uint8)).save(path)


def folders(root):
    return ("--prediction", root / "prediction", "--reference", root / "reference")


def scored(*arguments, code=0):
    result = run("score", *arguments, "--json")
    assert result.code == code, result
    return valid(result.json)
