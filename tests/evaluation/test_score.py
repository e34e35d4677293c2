"""`cafct-keras score` from the outside: two folders of masks."""

import csv
import json
import weakref

import nibabel
import numpy as np
import pytest

from cafct_keras import evaluation
from cafct_keras.evaluation.folders import score_folders
from pipelines.masks.folders import MaskFolders
from tests.cli import fails, run
from tests.evaluating import SPACING, labels_of, save_nifti
from tests.evaluation.drawn import figures, higher_is_better, summarize
from tests.evaluation.mask_folders import LABELS, NAMES, folders, save_png, scored


def test_a_program_of_the_users_own_is_no_command_line(slices):
    (evaluation,) = score_folders({"mine": slices / "prediction"}, slices / "reference", quiet=True)
    assert evaluation.document.command is None


def test_volumes_are_scored_as_the_library_scores_them(volumes):
    document = scored(*folders(volumes), *LABELS, "--out", volumes / "out")
    assert json.loads((volumes / "out" / "evaluation.json").read_text()) == document
    assert {path.name for path in (volumes / "out").iterdir()} == {
        "report.html",
        "evaluation.json",
        "cases.csv",
        "slices.csv",
        "lesions.csv",
    }
    assert (document["threshold"], document["calibration"], document["run"]) == (None, None, None)
    assert document["data"]["layout"] == "NIfTI masks"
    assert document["data"]["labels"] == {"liver": [1, 2], "lesion": [2]}
    cases = []
    for number, name in enumerate(NAMES):
        truth = labels_of(number)
        guess = truth.copy()
        guess[2:4, 13 + number % 4, 9:14] = 1
        # Canonical slices have their rows from front to back: as these have, whose second axis runs to the back.
        masks = [{"liver": labels > 0, "lesion": labels == 2} for labels in (guess, truth)]
        cases.append(evaluation.score(*masks, case=name, spacing=SPACING))
    expected = summarize(cases)
    found = document["results"][0]["summary"]
    for target in ("liver", "lesion"):
        for (path, figure), (other, wanted) in zip(
            figures(found["targets"][target]), figures(expected["targets"][target]), strict=True
        ):
            assert path == other
            assert figure == pytest.approx(wanted, abs=1e-6), path
    assert [row["case"] for row in document["results"][0]["cases"]][::2] == list(NAMES)  # in natural order
    assert found["burden"]["absolute_error"]["value"] == pytest.approx(expected["burden"]["absolute_error"]["value"])


def test_a_volume_may_lie_in_its_file_the_other_way_round(volumes):
    """Axes swapped and turned round, header and all: the same place in the patient."""
    before = scored(*folders(volumes), *LABELS)
    path = volumes / "prediction" / "liver_1.nii.gz"
    image = nibabel.load(path)
    nibabel.save(image.as_reoriented(np.array([[2, 1], [0, -1], [1, 1]])), volumes / "prediction" / "liver_1.nii")
    path.unlink()
    after = scored(*folders(volumes), *LABELS)
    assert after["results"] == before["results"]


def test_slices_alone(slices):
    document = scored(*folders(slices), "--patient-pattern", "(.+)")
    summary = document["results"][0]["summary"]
    assert (summary["cases"], summary["patients"], list(summary["targets"])) == (6, 6, ["foreground"])
    target = summary["targets"]["foreground"]
    assert (target["surface"]["unit"], target["surface"]["length"]) == ("slice", "px")
    assert target["overlap"]["pooled"]["dice"]["value"] == pytest.approx(0.8)
    assert target["surface"]["positive"]["hd95_px"]["value"] == 1


def test_slices_by_patient(slices):
    document = scored(*folders(slices), "--patient-pattern", "^([^_]+)_", "--label", "lesion=1,255")
    summary = document["results"][0]["summary"]
    assert (summary["cases"], summary["patients"], summary["slices"]) == (2, 2, 6)
    assert summary["targets"]["lesion"]["lesions"]["unit"] == "volume"
    document = scored(*folders(slices), "--patient-pattern", "^([^_]+)_", "--spacing", 3, 0.5, 0.5)
    surface = document["results"][0]["summary"]["targets"]["foreground"]["surface"]
    assert (surface["unit"], surface["length"]) == ("volume", "mm")
    assert surface["positive"]["hd95_mm"]["value"] == 0.5


def without(root, *names):
    for side in ("prediction", "reference"):
        for name in names:
            (root / side / f"{name}.png").unlink()


@pytest.mark.parametrize("spacing", [(), ("--spacing", 3, 0.5, 0.5)])
def test_a_case_with_a_gap_counts_in_overlap_only(spacing, slices):
    """The others stay volumes, and score as they would without it."""
    without(slices, "a_10")
    result = run("score", *folders(slices), *spacing, "--out", slices / "out", "--json")
    document = result.json
    _few, told = document["data"]["warnings"]
    assert "1 of 2 cases have gaps (a lacks 10)" in told
    assert "overlap only" in told
    assert f"warning: {told}" in result.error
    assert "1 with missing slices, in overlap only" in result.error
    summary = document["results"][0]["summary"]
    assert (summary["cases"], summary["complete_cases"], summary["options"]["contiguous"]) == (2, 1, True)
    rows = {row["case"]: row for row in document["results"][0]["cases"]}
    without(slices, "a_9", "a_11")
    (alone,) = scored(*folders(slices), *spacing)["results"][0]["summary"]["targets"].values()
    (found,) = summary["targets"].values()
    for what in ("surface", "lesions", "volume_ml"):
        assert found[what] == alone[what]
    assert found["lesions"]["unit"] == "volume"
    assert (found["cases"], found["overlap"]["per_case_lits"]["dice"]["units"]) == (2, 2)
    assert rows["a"]["dice"] == pytest.approx(0.8)
    unit = "mm" if spacing else "px"
    assert (rows["a"][f"hd95_{unit}"], rows["a"]["lesions"], rows["a"]["reference_ml"]) == (None, None, None)
    assert rows["b"]["lesions"] == 1
    table = list(csv.DictReader((slices / "out" / "slices.csv").open()))
    assert [row["slice"] for row in table] == ["a_9", "a_11", "b_9", "b_10", "b_11"]


def test_most_cases_with_gaps_are_loose_slices(slices):
    without(slices, "a_10", "b_10")
    document = scored(*folders(slices), "--spacing", 3, 0.5, 0.5)
    _few, told = document["data"]["warnings"]
    assert "2 of 2 cases have gaps (a lacks 10, b lacks 10); they are most cases" in told
    summary = document["results"][0]["summary"]
    assert (summary["cases"], summary["complete_cases"], summary["options"]["contiguous"]) == (2, 2, False)
    assert summary["targets"]["foreground"]["surface"]["unit"] == "slice"


def test_patients_of_slices_are_guessed_as_by_the_data_readers(slices):
    document = scored(*folders(slices))
    few = "patients: 2; with fewer than 8 an interval says little"
    assert (document["data"]["patients"], document["data"]["warnings"]) == ("names", [few])
    assert document["results"] == scored(*folders(slices), "--patient-pattern", "^(.)_")["results"]
    for side in ("prediction", "reference"):
        for number, path in enumerate(sorted((slices / side).iterdir())):
            path.rename(path.with_name(f"{number}.png"))
    result = run("score", *folders(slices), "--json")
    assert result.json["data"]["patients"] == "each case"
    assert "warning: patients: every slice counts as a patient of its own" in result.error
    assert "per_case_* are means over slices; --patient-pattern groups them" in result.error
    assert result.json["results"][0]["summary"]["patients"] == 6


def test_a_volume_counts_as_a_patient_unless_a_pattern_says_otherwise(volumes):
    document = scored(*folders(volumes), *LABELS)
    few = "patients: 3; with fewer than 8 an interval says little"
    assert (document["data"]["patients"], document["data"]["warnings"]) == ("each case", [few])
    assert scored(*folders(volumes), *LABELS, "--patient-pattern", "(.+)")["data"]["patients"] == "pattern"


def test_perfect_masks(volumes):
    document = scored("--prediction", volumes / "reference", "--reference", volumes / "reference", *LABELS)
    for path, figure in figures(document["results"][0]["summary"]):
        assert figure["value"] in (None, 1.0 if higher_is_better(path) else 0.0), path


def test_memory_does_not_grow_with_the_number_of_cases(tmp_path, monkeypatch):
    for side in ("prediction", "reference"):
        (tmp_path / side).mkdir()
        for number in range(20):
            save_nifti(tmp_path / side / f"scan-{number}.nii.gz", labels_of(number))
    alive, most = set(), []
    pair = MaskFolders.pair

    def counted(self, name):
        made = pair(self, name)
        alive.add(name)
        weakref.finalize(made.reference["liver"], alive.discard, name)
        most.append(len(alive))
        return made

    monkeypatch.setattr(MaskFolders, "pair", counted)
    scored(*folders(tmp_path), *LABELS)
    assert len(most) == 20
    assert max(most) <= 4


def test_folders_and_options_that_do_not_fit(volumes, slices, tmp_path):
    root = tmp_path / "more"
    (root / "empty").mkdir(parents=True)
    (root / "empty" / "notes.txt").touch()
    assert "no such folder" in fails("score", "--prediction", root / "absent", "--reference", volumes / "reference")
    assert "no PNG and no NIfTI" in fails("score", "--prediction", root / "empty", "--reference", volumes / "reference")
    for label, told in {"liver": "give NAME=LABEL", "liver=0": "labels of 1 to 65535", "x=a": "labels of 1"}.items():
        assert told in fails("score", *folders(volumes), "--label", label)
    assert "named twice" in fails("score", *folders(volumes), "--label", "liver=1", "--label", "liver=2")


def test_spacing_of_volumes_is_their_own(volumes):
    assert "--spacing: NIfTI files have" in fails("score", *folders(volumes), *LABELS, "--spacing", 1, 1, 1)
    assert "labels 0, 1, 2, not 0 and 1" in fails("score", *folders(volumes))
    assert "finds no patient in liver_1" in fails("score", *folders(volumes), "--patient-pattern", "(case)")


def test_patients_of_volumes(volumes):
    summary = scored(*folders(volumes), *LABELS, "--patient-pattern", r"_(\d)")["results"][0]["summary"]
    assert (summary["cases"], summary["patients"]) == (3, 2)  # liver_1 and liver_10 are one's


def test_kinds_are_scored_apart(volumes):
    for side in ("prediction", "reference"):
        save_png(volumes / side / "one.png", np.zeros((4, 4)))
    assert "one.png is PNG, " in fails("score", *folders(volumes), *LABELS)


def test_nothing_left_to_score(slices):
    for path in (slices / "prediction").iterdir():
        path.rename(path.with_name(f"pred-{path.name}"))
    message = fails("score", *folders(slices), "--keep-going")
    assert "nothing could be scored" in message
    assert "no reference of this name" in message or "no prediction of this name" in message


def test_output_folder_that_is_there(slices):
    assert "already exists" in fails("score", *folders(slices), "--out", slices / "reference")
