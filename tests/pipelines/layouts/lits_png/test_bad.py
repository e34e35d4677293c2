import shutil

import numpy as np
import pytest
from PIL import Image

from pipelines.errors import DataError
from pipelines.layouts.lits_png.reader import LitsPng, read_csv
from tests.pipelines.layouts.agreement import agree
from tests.pipelines.layouts.lits_png.folders import HEADER, INNER, STUDIES, line, lines, save

LEVELS = np.arange(35, dtype=np.uint8).reshape(5, 7)
RED = np.zeros((5, 7, 3), np.uint8) + np.array([1, 0, 0], np.uint8)
IMAGE, LIVER, LESION = "volume-10_9.png", "segmentation-10_livermask_9.png", "segmentation-10_lesionmask_9.png"


def table(name, text):
    return lambda root: (root / f"lits_{name}.csv").write_text(text)


def unlink(*names):
    return lambda root: [(root / name).unlink() for name in names]


def edited(old, new, name="test"):
    """Replaces in the first line below the header."""

    def act(root):
        path = root / f"lits_{name}.csv"
        head, first, *rest = path.read_text().splitlines()
        assert old in first
        path.write_text("\n".join([head, first.replace(old, new, 1), *rest, ""]))

    return act


def only(*studies):
    def act(root):
        for study in STUDIES.keys() - set(studies):
            for path in (root / INNER).glob(f"*-{study}_*"):
                path.unlink()
        (root / "lits_df.csv").unlink()

    return act


def both(*acts):
    return lambda root: [act(root) for act in acts]


LISTING = {
    "no folder": (shutil.rmtree, "", "no such folder"),
    "no slices": (lambda r: shutil.rmtree(r / INNER), "", "no volume-<study>_<slice>.png"),
    "slices in two folders": (lambda r: save(r, 2, 0), "", "slices here and in"),
    "no image": (unlink(INNER / IMAGE), INNER / "segmentation-10_l", f"no {IMAGE}"),
    "no liver mask": (unlink(INNER / LIVER), INNER, f"no {LIVER}"),
    "no lesion mask": (unlink(INNER / LESION), INNER, f"no {LESION}"),
    "one mask alone": (unlink(INNER / IMAGE, INNER / LIVER), INNER / LESION, f"no {IMAGE}"),
    "slice twice": (
        lambda r: shutil.copy(r / INNER / IMAGE, r / INNER / "volume-010_9.png"),
        INNER / "volume-",
        "the same slice as volume-",
    ),
    "row without its file": (
        lambda r: [path.unlink() for path in (r / INNER).glob("*-29_*1.png")],
        "lits_df.csv",
        "volume-29_1.png listed, but not in",
    ),
    "test rows without their files": (
        both(unlink("lits_df.csv"), lambda r: [path.unlink() for path in (r / INNER).glob("*-29_*")]),
        "lits_test.csv",
        "volume-29_0.png and 1 more listed",
    ),
    "train row without its file": (
        both(unlink("lits_df.csv"), lambda r: [path.unlink() for path in (r / INNER).glob("*-2_*2.png")]),
        "lits_train.csv",
        "volume-2_2.png listed",
    ),
    "on two sides": (table("test", lines(29, 10)), "lits_test.csv", "study 10 is in lits_train.csv too"),
    "no train table": (unlink("lits_train.csv"), "lits_train.csv", "missing, but lits_test.csv is there"),
    "no test table": (unlink("lits_test.csv"), "lits_test.csv", "missing, but lits_train.csv is there"),
    "nothing to carve from": (
        both(only(2, 29), table("train", lines(2))),
        "lits_train.csv",
        "fewer than two studies",
    ),
    "no column": (
        table("test", lines(29).replace("tumor_maskpath", "tumour")),
        "lits_test.csv",
        "no column called tumor",
    ),
    "empty table": (table("train", ""), "lits_train.csv", "cannot be read as a table"),
    "not text": (lambda r: (r / "lits_test.csv").write_bytes(b"\xff\xfe\x00"), "lits_test.csv", "cannot be read"),
    "folder for a table": (
        both(unlink("lits_test.csv"), lambda r: (r / "lits_test.csv").mkdir()),
        "lits_test.csv",
        "cannot be read",
    ),
    "cut off": (edited(",0,False,True", ",0"), "lits_test.csv", "line 2 has too few cells"),
    "no name": (edited("volume-29_0.png", "29_0.png"), "lits_test.csv", "line 2 has filepath '29_0.png'"),
    "columns swapped": (
        table("test", lines(29).replace("filepath,liver_maskpath", "liver_maskpath,filepath")),
        "lits_test.csv",
        "line 2 has filepath 'segmentation-29_livermask_0.png'",
    ),
    "mask of another slice": (
        edited("lesionmask_0", "lesionmask_1"),
        "lits_test.csv",
        "line 2 pairs volume-29_0.png with segmentation-29_lesionmask_1.png",
    ),
    "mask of another study": (edited("tion-29_liver", "tion-2_liver"), "lits_test.csv", "line 2 pairs volume-29_0"),
    "no flag": (edited("False,True", "False,1"), "lits_test.csv", "line 2 has '1' for a flag"),
    "listed twice": (
        table("test", f"{lines(29)}\n{line(29, 1)}\n"),
        "lits_test.csv",
        "line 5 lists volume-29_1.png a second time",
    ),
}


def told(root, file, message, caught):
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(str(root / file))
    assert message in text
    assert ";" in text  # the mend stands behind it


@pytest.mark.parametrize("name", LISTING)
def test_bad_folder_is_told_on_construction(root, name):
    spoil, file, message = LISTING[name]
    LitsPng(root)  # it was fine before
    spoil(root)
    with pytest.raises(DataError) as caught:
        LitsPng(root)
    told(root, file, message, caught)
    agree(root, "lits_png")


def write(name, pixels):
    return lambda root: Image.fromarray(pixels).save(root / INNER / name)


def cut(name, keep=60):
    return lambda root: (root / INNER / name).write_bytes((root / INNER / name).read_bytes()[:keep])


PIXELS = {
    "many levels": (write(LIVER, LEVELS), LIVER, "levels 0, 1, 2, 3, 4, 5, ..."),
    "labels": (write(LESION, LEVELS % 3), LESION, "levels 0, 1, 2;"),
    "1 and 255": (write(LIVER, 1 + 254 * (LEVELS % 2)), LIVER, "levels 1, 255;"),
    "red mask": (write(LESION, RED), LESION, "colored"),
    "red image": (write(IMAGE, RED), IMAGE, "colored"),
    "16 bits": (write(IMAGE, LEVELS.astype(np.uint16)), IMAGE, "more than 8 bits"),
    "liver of another size": (write(LIVER, LEVELS.T % 2), LIVER, "5x7 against 7x5"),
    "lesion of another size": (write(LESION, LEVELS[:4] % 2), LESION, "7x4 against 7x5"),
    "cut image": (cut(IMAGE), IMAGE, "damaged"),
    "empty mask file": (cut(LIVER, 0), LIVER, "not a PNG"),
    "gone": (lambda r: (r / INNER / IMAGE).unlink(), IMAGE, "cannot be read"),
}


@pytest.mark.parametrize("name", PIXELS)
def test_bad_pixels_are_told_when_read(root, name):
    spoil, file, message = PIXELS[name]
    source = LitsPng(root)
    source.read_slice("volume-10_9")  # it was fine before
    spoil(root)
    for read in (lambda: source.read_slice("volume-10_9"), lambda: list(source.cases())):
        with pytest.raises(DataError) as caught:
            read()
        told(root / INNER, file, message, caught)
    agree(root, "lits_png")


def test_slices_of_one_study_differ_in_size(root):
    for name in (IMAGE, LIVER, LESION):
        write(name.replace("9.png", "10.png"), LEVELS.T % 2)(root)
    source = LitsPng(root)
    assert source.read_slice("volume-10_10")[0].shape == (7, 5)
    with pytest.raises(DataError) as caught:
        list(source.cases())
    told(root / INNER, "volume-10_10.png", "5x7 pixels, the study's first slice 7x5", caught)


def test_absent_table_is_told(tmp_path):
    with pytest.raises(DataError, match=r"none.csv: cannot be read as a table; "):
        read_csv(tmp_path / "none.csv")


def test_table_without_rows_has_none(tmp_path):
    (tmp_path / "lits_test.csv").write_text(f"{HEADER}\n\n")
    assert read_csv(tmp_path / "lits_test.csv") == []
