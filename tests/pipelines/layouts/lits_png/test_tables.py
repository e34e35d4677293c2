import csv
import os
import shutil

import pytest
from PIL import Image

from pipelines.layouts.lits_png.reader import LitsPng, read_csv
from pipelines.split import carve_validation, split_patients
from tests.pipelines.layouts.lits_png.folders import INNER, STUDIES, contents, lines, names, parts, pictures, save


@pytest.mark.parametrize("flags", ["True,True", "False,False", "TRUE,false"])
@pytest.mark.parametrize("prefix", ["", "C:\\lits\\", "/somewhere/else/"])
def test_flags_and_folders_of_the_tables_are_not_used(root, flags, prefix):
    expected = contents(LitsPng(root))
    for name, studies in (("df", STUDIES), ("train", (2, 10)), ("test", (29,))):
        (root / f"lits_{name}.csv").write_text(lines(*studies, flags=flags, prefix=prefix))
    source = LitsPng(root)
    assert contents(source) == expected
    assert any("inverted and not used" in note for note in source.notes)


def test_tables_with_a_byte_order_mark_and_windows_line_ends(root):
    expected = contents(LitsPng(root))
    text = (root / "lits_test.csv").read_text().replace("\n", "\r\n")
    (root / "lits_test.csv").write_bytes(text.encode("utf-8-sig"))
    assert contents(LitsPng(root)) == expected


def test_without_tables_studies_are_split_by_hash(root):
    for name in ("df", "train", "test", "probe"):
        (root / f"lits_{name}.csv").unlink()
    source = LitsPng(root)
    assert parts(source) == split_patients(map(str, STUDIES))
    assert "hash" in source.notes[0]
    assert source.fingerprint() == LitsPng(root / INNER).fingerprint()
    for path in [*(root / INNER).glob("*-10_*"), *(root / INNER).glob("*-29_*")]:
        path.unlink()
    few = LitsPng(root)
    assert parts(few) == {"2": "test", "100": "test"}
    assert "fewer than 3 patients" in few.notes[0]


def test_validation_is_carved_out_of_training_when_the_tables_leave_none(root):
    (root / "lits_train.csv").write_text(lines(2, 10, 100))
    source = LitsPng(root)
    carved = carve_validation(["2", "10", "100"])
    expected = {patient: "validation" if patient in carved else "train" for patient in ("2", "10", "100")}
    assert parts(source) == {**expected, "29": "test"}
    assert "carved out of the training studies" in source.notes[0]


def test_probe_is_ignored(root):
    expected, digest = contents(LitsPng(root)), LitsPng(root).fingerprint()
    assert LitsPng(root).notes[-1] == "lits_probe.csv: a copy of lits_test.csv, ignored"
    (root / "lits_probe.csv").write_text(lines(2))
    source = LitsPng(root)
    assert source.notes[-1] == "lits_probe.csv: not a copy of lits_test.csv, ignored"
    assert (contents(source), source.fingerprint()) == (expected, digest)
    (root / "lits_probe.csv").unlink()
    assert not any("probe" in note for note in LitsPng(root).notes)


def test_fingerprint_follows_pixels_names_and_tables_but_not_the_place(root, tmp_path):
    prints = [LitsPng(root).fingerprint()]
    shutil.copytree(root, tmp_path / "copy")
    os.utime(tmp_path / "copy" / "lits_test.csv", (0, 0))
    assert LitsPng(tmp_path / "copy").fingerprint() == prints[0]
    Image.fromarray(1 - pictures(2, 0)[1]).save(root / INNER / names(2, 0)[1])
    prints.append(LitsPng(root).fingerprint())
    (root / "lits_train.csv").write_text(lines(2))
    prints.append(LitsPng(root).fingerprint())
    save(root / INNER, 100, 6)
    prints.append(LitsPng(root).fingerprint())
    assert len(set(prints)) == 4
    assert all(len(digest) == 64 for digest in prints)


def test_genuine_table_by_what_its_flags_mean(shared):
    path = shared / "data" / "lits_png" / "lits_test.csv"
    rows = read_csv(path)
    with path.open(newline="") as file:
        lines_as_they_are = list(csv.DictReader(file))
    assert len(rows) == len(lines_as_they_are) == 3038
    assert {row.study for row in rows} == {29, 41, 42, 55, 62, 73, 74, 75, 92, 100, 125}
    assert sum(row.liver_present for row in rows) == 1200
    assert sum(row.lesion_present for row in rows) == 363
    wrapped = 0
    for row, raw in zip(rows, lines_as_they_are, strict=True):
        assert raw["filepath"] == f"../input/lits-png/dataset_6/volume-{row.study}_{row.index}.png"
        assert [row.image, row.liver, row.lesion] == names(row.study, row.index)
        assert row.index % 256 == int(raw["instance_number"])
        wrapped += row.index != int(raw["instance_number"])
    assert wrapped == 1163
    for study in {row.study for row in rows}:  # no slice is lost, none is there twice
        indices = sorted(row.index for row in rows if row.study == study)
        assert indices == list(range(len(indices)))
