"""What `cafct-keras evaluate` chooses on the validation part: threshold and post-processing."""

import csv

import numpy as np

from pipelines.layouts.nifti.reader import Nifti
from tests.cli import fails
from tests.evaluating import evaluated, make_run, specks, write_scans
from tests.evaluation.drawn import figures, higher_is_better


def test_the_threshold_is_chosen_on_validation_alone(scans, tmp_path, monkeypatch):
    """Cuts that are too low: the best threshold is higher than 0.5, and no test case is read to find it."""
    network = make_run(tmp_path / "run", scans, cuts=(0.2, 0.64))
    read = []
    case = Nifti.case
    monkeypatch.setattr(Nifti, "case", lambda self, name: read.append(self.parts[name]) or case(self, name))
    document = evaluated(network, "--threshold", "auto").json
    assert read == ["validation"] * 2 + ["test"] * 3
    threshold = document["threshold"]
    assert threshold["value"] > 0.7
    assert (threshold["chosen_on"], threshold["rule"]) == ("validation", "per_case_positive")
    dice = document["results"][0]["summary"]["targets"]["lesion"]["overlap"]["pooled"]["dice"]["value"]
    assert (
        dice
        > evaluated(network).json["results"][0]["summary"]["targets"]["lesion"]["overlap"]["pooled"]["dice"]["value"]
    )
    # Other test cases, the same threshold.
    other = write_scans(tmp_path / "other", spoil=lambda number, hu: hu.__imul__(-1) if number in (2, 3, 5) else None)
    document = evaluated(network, "--data", other, "--threshold", "auto").json
    assert document["threshold"] == threshold
    for option in ("--threshold", "--postprocess"):
        for part in ("validation", "all"):
            message = fails("evaluate", network, option, "auto", "--split", part)
            assert "validation part" in message
            assert option in message


def test_post_processing_is_reported_with_and_without(speckled, tmp_path):
    network = make_run(tmp_path / "run", speckled)
    document = evaluated(network, "--largest-liver", "--lesions-inside-liver", "--out", tmp_path / "out").json
    before, after = document["results"]
    assert (before["name"], before["postprocessing"]) == ("as predicted", None)
    assert after["name"] == "post-processed"
    assert after["postprocessing"] == {
        "largest_liver": True,
        "lesions_inside_liver": True,
        "smallest_lesion": 0,
        "unit": "mm3",
        "chosen_on": "given",
        "rule": None,
    }
    assert before["summary"]["targets"]["lesion"]["lesions"]["detection"]["iou_over_0"]["false_positives"] == 3
    for path, figure in figures(after["summary"]):
        assert figure["value"] in (None, 1.0 if higher_is_better(path) else 0.0), path
    rows = list(csv.DictReader((tmp_path / "out" / "cases.csv").open()))
    assert [row["result"] for row in rows] == ["as predicted"] * 6 + ["post-processed"] * 6
    volume = 2 * 2 * np.prod([5.0, 0.8, 0.8])
    for least, kept in ((volume - 0.1, 3), (volume + 0.1, 0)):
        document = evaluated(network, "--smallest-lesion", least).json
        assert (
            document["results"][1]["summary"]["targets"]["lesion"]["lesions"]["detection"]["iou_over_0"][
                "false_positives"
            ]
            == kept
        )


def test_post_processing_is_chosen_on_validation(speckled, perfect, tmp_path):
    network = make_run(tmp_path / "run", speckled)
    result = evaluated(network, "--postprocess", "auto")
    assert "lesions of at least 30 mm3; chosen on validation by per_case_positive" in result.error
    chosen = result.json["results"][1]["postprocessing"]
    # A size drops the specks of the lesion; asking for the liver too would change nothing.
    assert chosen == {
        "largest_liver": True,
        "lesions_inside_liver": False,
        "smallest_lesion": 30,
        "unit": "mm3",
        "chosen_on": "validation",
        "rule": "per_case_positive",
    }
    # Specks in test cases alone are nothing that validation would show.
    late = write_scans(tmp_path / "late", spoil=lambda number, hu: specks(number, hu) if number == 2 else None)
    document = evaluated(perfect, "--data", late, "--postprocess", "auto").json
    assert len(document["results"]) == 1
    assert any("no step improves" in warning for warning in document["data"]["warnings"])
