"""The recipe `lits_lesion_1` in a minute or two, on real scans."""

import csv

import numpy as np

from tests.cli import run

TRAIN, TEST = ("000", "003", "014", "030", "042", "050"), ("022", "037")
READ = ("--slice-step", 2, "--grey-window", -40, 160, "--orientation", "SPL")
SHORT = ("--preset", "tiny", "--epochs", 6, "--learning-rate", 3e-3, "--ema-decay", 0.98)


def test_lesions_of_unseen_patients_are_found(shared, tmp_path):
    """A network that has learned the liver alone scores 0.01."""
    data = _scans(shared / "data" / "lits_slices", tmp_path / "slices")
    options = ("--config", "lits_lesion_1", *SHORT, "--out", tmp_path / "run")
    result = run("fit", "--data", data, *READ, *options, "--json")
    assert result.code == 0, result
    result = run("evaluate", tmp_path / "run", "--lesions-inside-liver", "--out", tmp_path / "report", "--quiet")
    assert result.code == 0, result
    with (tmp_path / "report" / "cases.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["result"] == "post-processed"]
    dice = {target: [float(row["dice"]) for row in rows if row["target"] == target] for target in ("liver", "lesion")}
    assert len(dice["lesion"]) == len(TEST)
    assert np.mean(dice["liver"]) > 0.7
    assert np.mean(dice["lesion"]) > 0.15


def _scans(source, folder):
    """A few scans of a paired folder, as links, split for this test."""
    with (source / "index.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["patient"] in TRAIN + TEST]
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
        for row in rows:
            (folder / kind / f"{row['id']}.png").symlink_to((source / kind / f"{row['id']}.png").resolve())
    with (folder / "index.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(row | {"split": "test" if row["patient"] in TEST else "train"} for row in rows)
    return folder
