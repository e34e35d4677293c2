import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines.case import Case, Source
from pipelines.errors import DataError
from pipelines.layouts.lits_png.reader import LitsPng, read_csv
from pipelines.layouts.lits_png.writer import write_lits_png
from pipelines.layouts.nifti.reader import Nifti
from pipelines.layouts.nifti.writer import write_nifti
from pipelines.layouts.phantom import Phantom
from pipelines.orientation import HEAD_FIRST
from tests.pipelines.layouts.lits_png.folders import HEADER, INNER


class Scans(Source):
    """Made-up scans without anatomy: 260 slices in the first, and a slice that is all the same."""

    layout, intensity, orientation = "scans", "hu", HEAD_FIRST
    targets, notes = ("liver", "lesion"), ()

    def __init__(self):
        self.parts = {"scan-0": "train", "scan-1": "validation", "scan-2": "test", "scan-3": "train"}

    def case(self, name):
        number = list(self.parts).index(name)
        rng = np.random.default_rng(number)
        images = rng.integers(-3024, 3072, (2 if number else 260, 5, 7), np.int16)
        images[1] = -1024
        liver = np.zeros(images.shape, bool)
        liver[1:] = rng.random(liver[1:].shape) < 0.5
        lesion = liver & (rng.random(images.shape) < 0.5)
        lesion[-1] = False
        stems = tuple(f"{number}_{k}" for k in range(len(images)))
        masks = {"liver": liver, "lesion": lesion}
        return Case(name=name, patient=name, split=self.parts[name], images=images, masks=masks, slice_names=stems)

    def fingerprint(self):
        return "made up"


@pytest.mark.parametrize("original", [Phantom(cases=3, slices=3, size=32), Scans()], ids=["phantom", "scans"])
def test_what_is_written_is_read_back(tmp_path, original):
    write_lits_png(original, tmp_path / "made" / "lits-png")
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["lits-png"]
    source = LitsPng(tmp_path / "made" / "lits-png")
    for number, (back, case) in enumerate(zip(source.cases(), original.cases(), strict=True)):
        assert (back.name, back.split) == (f"study-{number}", case.split)
        assert len(back.slice_names) == len(case.slice_names)
        # From the pelvis up, and each slice turned upside down.
        for target in source.targets:
            assert np.array_equal(back.masks[target], case.masks[target][::-1, ::-1, ::-1])
        for grey, hounsfield in zip(back.images, case.images[::-1, ::-1, ::-1].astype(float), strict=True):
            low, high = hounsfield.min(), hounsfield.max()
            assert np.abs(low + grey * (high - low) / 255 - hounsfield).max() <= 0.5001 * (high - low) / 255


def test_patients_lie_as_those_of_lits_do(tmp_path):
    write_lits_png(Phantom(cases=3, slices=12, size=64), tmp_path / "x")
    for case in LitsPng(tmp_path / "x").cases():
        _, _, columns = np.nonzero(case.masks["liver"])
        assert columns.mean() > 32 + 5  # the patient's liver on the image's right
        rows = np.nonzero(case.images > 230)[1]  # bone, of which the spine is most
        assert np.median(rows) < 24  # up
        area = case.masks["liver"].sum(axis=(1, 2))
        assert area[:4].sum() < area[-5:-1].sum()  # the liver's tip points to the pelvis, slice 0; its dome is broad


def test_a_scan_that_knows_how_it_lies_is_turned_the_same_way(tmp_path):
    write_nifti(Phantom(cases=3, slices=4, size=32), tmp_path / "nifti")
    write_lits_png(Nifti(tmp_path / "nifti"), tmp_path / "from_nifti")
    write_lits_png(Phantom(cases=3, slices=4, size=32), tmp_path / "direct")
    for one, other in zip(LitsPng(tmp_path / "from_nifti").cases(), LitsPng(tmp_path / "direct").cases(), strict=True):
        assert np.array_equal(one.images, other.images)
        assert np.array_equal(one.masks["liver"], other.masks["liver"])


def test_what_is_written_has_the_traps(tmp_path):
    write_lits_png(Scans(), tmp_path / "x")
    assert sorted(path.name for path in (tmp_path / "x").iterdir()) == [
        "dataset_6",
        "lits_df.csv",
        "lits_probe.csv",
        "lits_test.csv",
        "lits_train.csv",
    ]
    assert (tmp_path / "x/lits_probe.csv").read_bytes() == (tmp_path / "x/lits_test.csv").read_bytes()
    tables = {}
    for name in ("df", "train", "test"):
        with (tmp_path / "x" / f"lits_{name}.csv").open(newline="") as file:
            tables[name] = list(csv.DictReader(file))
            assert ",".join(tables[name][0]) == HEADER
    assert {name: {row["study_number"] for row in rows} for name, rows in tables.items()} == {
        "df": {"0", "1", "2", "3"},
        "train": {"0", "3"},
        "test": {"2"},
    }
    assert [int(row["instance_number"]) for row in tables["df"]] == [k % 256 for k in range(260)] + [0, 1] * 3
    assert tables["df"][258]["filepath"] == "../input/lits-png/dataset_6/volume-0_258.png"
    for row, read in zip(tables["df"], read_csv(tmp_path / "x/lits_df.csv"), strict=True):
        flags = [row["liver_mask_empty"], row["tumor_mask_empty"]]
        assert [flag == "True" for flag in flags] == [read.liver_present, read.lesion_present]
        for kind, mode, flag in zip(
            ("filepath", "liver_maskpath", "tumor_maskpath"), "RLR", [None, *flags], strict=True
        ):
            with Image.open(tmp_path / "x" / INNER / Path(row[kind]).name) as image:
                assert image.mode[0] == mode
                if flag is not None:
                    assert image.getchannel(0).getextrema() in ((0, flag == "True"), (1, 1))


def test_writer_refuses_and_leaves_nothing_half_done(root, tmp_path):
    with pytest.raises(DataError, match="already exists"):
        write_lits_png(Scans(), root)
    with pytest.raises(DataError, match="lits_png: not in Hounsfield units"):
        write_lits_png(LitsPng(root), tmp_path / "new")

    class Failing(Scans):
        def case(self, name):
            if name == "scan-1":
                raise DataError("scan-1: gone")
            return super().case(name)

    with pytest.raises(DataError, match="gone"):
        write_lits_png(Failing(), tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["lits-png"]
