import io
import shutil

import numpy as np
import pytest
from PIL import Image

from pipelines.errors import DataError
from tests.pipelines.layouts.agreement import agree
from tests.pipelines.layouts.paired_folder.folders import IDS, index, picture, read


def write(name, pixels, mode=None):
    return lambda folder: Image.fromarray(pixels, mode).save(folder / name)


def truncate(name, keep):
    def act(folder):
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)).save(folder / name)
        (folder / name).write_bytes((folder / name).read_bytes()[:keep])

    return act


def jpeg(folder):
    stream = io.BytesIO()
    Image.fromarray(picture("b_1", scale=100)).save(stream, "JPEG")
    (folder / "images" / "b_1.png").write_bytes(stream.getvalue())


def only(kind):
    """Leaves the folder of this kind without PNG."""
    return lambda folder: [path.unlink() for path in (folder / kind).iterdir()]


def table(*lines):
    return lambda folder: index(folder, *lines)


ALL = [f"{name},{name[0]},train" for name in IDS]
RED = np.zeros((8, 8, 3), np.uint8) + np.array([9, 0, 0], np.uint8)
LEVELS = np.arange(64, dtype=np.uint8).reshape(8, 8)
BAD = {
    "no folder": (shutil.rmtree, "", "no such folder"),
    "no images": (lambda f: shutil.rmtree(f / "images"), "images", "no such folder"),
    "no masks": (lambda f: shutil.rmtree(f / "masks"), "masks", "no such folder"),
    "images empty": (only("images"), "images", "no PNG"),
    "masks empty": (only("masks"), "masks", "no PNG"),
    "no mask": (lambda f: (f / "masks/c_1.png").unlink(), "images/c_1.png", "no masks/c_1.png"),
    "no image": (lambda f: (f / "images/c_1.png").unlink(), "masks/c_1.png", "no images/c_1.png"),
    "twice": (write("images/b_1.PNG", LEVELS), "images/b_1.png", "same name"),
    "sizes": (write("masks/b_1.png", picture("b_1", 9)), "masks/b_1.png", "9x9 against 8x8"),
    "truncated image": (truncate("images/b_1.png", 900), "images/b_1.png", "truncated"),
    "header only": (truncate("masks/b_1.png", 20), "masks/b_1.png", "PNG"),
    "no image file": (lambda f: (f / "images/b_1.png").write_text("hello"), "images/b_1.png", "not a PNG"),
    "empty file": (lambda f: (f / "masks/b_1.png").write_bytes(b""), "masks/b_1.png", "not a PNG"),
    "jpeg": (jpeg, "images/b_1.png", "not a PNG"),
    "folder for a file": (
        lambda f: [(f / "images/b_1.png").unlink(), (f / "images/b_1.png").mkdir()],
        "images/b_1.png",
        "cannot be read",
    ),
    "many levels": (write("masks/b_1.png", LEVELS), "masks/b_1.png", "levels 0, 1, 2, 3, 4, 5, ...; save it with 0"),
    "two labels": (write("masks/b_1.png", LEVELS % 3), "masks/b_1.png", "levels 0, 1, 2; "),
    "odd level": (write("masks/b_1.png", picture("b_1", scale=7)), "masks/b_1.png", "levels 0, 7; "),
    "1 and 255": (write("masks/b_1.png", 1 + 254 * (LEVELS % 2)), "masks/b_1.png", "levels 1, 255; "),
    "red mask": (write("masks/b_1.png", RED), "masks/b_1.png", "colored"),
    "red image": (write("images/b_1.png", RED), "images/b_1.png", "colored"),
    "16 bits": (write("images/b_1.png", LEVELS.astype(np.uint16) * 9), "images/b_1.png", "more than 8 bits"),
    "16-bit mask": (write("masks/b_1.png", LEVELS.astype(np.uint16)), "masks/b_1.png", "more than 8 bits"),
    "transparent": (write("images/b_1.png", np.dstack([RED, LEVELS])), "images/b_1.png", "without transparency"),
    "index without file": (table("id,patient,split", *ALL, "z_1,z,train"), "index.csv", "z_1 is not in the folder"),
    "file not in index": (table("id,patient,split", *ALL[:-1]), "index.csv", "d_7 is not listed"),
    "listed twice": (table("id,patient,split", *ALL, ALL[0]), "index.csv", "a_2_f is listed twice"),
    "no id column": (table("name,patient", *ALL), "index.csv", "no column called id"),
    "unknown split": (table("id,patient,split", *ALL[:-1], "d_7,d,dev"), "index.csv", "(d_7) has split 'dev'"),
    "no patient": (table("id,patient,split", *ALL[:-1], "d_7,,train"), "index.csv", "(d_7) has no patient"),
    "short line": (table("id,patient,split", *ALL[:-1], "d_7,d"), "index.csv", "(d_7) has no split"),
    "on two sides": (table("id,patient,split", *ALL[:-1], "d_7,a,test"), "index.csv", "patient a is in test and train"),
    "not text": (lambda f: (f / "index.csv").write_bytes(b"id,\x81\x8d\n"), "index.csv", "cannot be read"),
    "empty index": (lambda f: (f / "index.csv").write_bytes(b""), "index.csv", "no column called id"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_folder_is_one_line_with_the_file(folder, name):
    spoil, file, message = BAD[name]
    read(folder)  # it was fine before
    spoil(folder)
    with pytest.raises(DataError) as caught:
        read(folder)
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(str(folder / file))
    assert message in text
    assert ";" in text  # the fix stands behind it
    agree(folder, "paired_folder")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "both"}, "`target` both"),
        ({"size": 0}, "`size` 0"),
        ({"patient_pattern": "("}, "not a regular expression"),
        ({"patient_pattern": "a_"}, "no group"),
        ({"patient_pattern": "^(a)_"}, "finds no patient in b_1;"),
        ({"patient_pattern": "(_)"}, "1 patient"),
    ],
)
def test_bad_options_are_one_line(folder, options, message):
    with pytest.raises(DataError, match=message.replace("(", r"\(")) as caught:
        read(folder, **options)
    assert "\n" not in str(caught.value)
