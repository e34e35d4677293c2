"""What `cafct-keras evaluate --keep` leaves in a run folder."""

import json
import shutil

import pytest

from cafct_keras.postprocessing import PostProcessing
from cafct_keras.runs import Run, read_run
from cafct_keras.runs.choice import Choice
from cafct_keras.runs.lock import lock
from tests.cli import fails, run
from tests.evaluating import evaluated, make_run
from tests.runs.test_older_run import OLDER

AUTO = ("--threshold", "auto", "--postprocess", "auto")
KEPT = ("--threshold", "kept", "--postprocess", "kept")


@pytest.fixture
def network(speckled, tmp_path):
    """Its cuts are too low, so that a threshold above 0.5 is better, and specks are to be removed."""
    return make_run(tmp_path / "run", speckled, cuts=(0.2, 0.64))


def test_what_is_chosen_is_kept_and_used_again(network):
    before = (network / "run.json").read_text()
    assert evaluated(network, *AUTO).json["threshold"]["value"] > 0.7
    assert (network / "run.json").read_text() == before  # nothing is kept unless asked for
    chosen = evaluated(network, *AUTO, "--keep")
    card = json.loads((network / "run.json").read_text())
    choice = Run.open(network).choice
    assert {name: value for name, value in card.items() if name != "choice"} == json.loads(before)
    assert choice.threshold == chosen.json["threshold"]["value"]
    assert choice.postprocessing.smallest_lesion == chosen.json["results"][1]["postprocessing"]["smallest_lesion"] > 0
    assert choice.postprocessing.unit == "mm3"
    assert (choice.threshold_rule, choice.postprocessing_rule) == ("per_case_positive", "per_case_positive")
    assert (choice.part, choice.fingerprint) == ("validation", card["data"]["fingerprint"])
    assert f"{network}: keeps threshold {choice.threshold:g}" in chosen.error
    kept = evaluated(network, *KEPT).json
    for field in ("threshold", "results"):
        assert kept[field] == chosen.json[field]
    assert evaluated(network).json["threshold"]["value"] == 0.5
    scored_where_chosen = evaluated(network, *KEPT, "--split", "validation").json["data"]["warnings"]
    assert any("chosen on the validation part, which is scored" in warning for warning in scored_where_chosen)


def test_what_is_given_is_kept_beside_what_is_chosen(network):
    evaluated(network, "--threshold", 0.9, "--postprocess", "auto", "--keep")
    choice = Run.open(network).choice
    assert (choice.threshold, choice.threshold_rule, choice.postprocessing_rule) == (0.9, None, "per_case_positive")
    evaluated(network, "--threshold", "auto", "--largest-liver", "--keep")
    choice = Run.open(network).choice
    assert (choice.postprocessing, choice.postprocessing_rule) == (PostProcessing(largest_liver=True), None)
    assert choice.threshold_rule == "per_case_positive"


def test_what_is_given_alone_is_kept(network, speckled, tmp_path):
    evaluated(network, "--threshold", 0.7, "--smallest-lesion", 40, "--keep")
    choice = Run.open(network).choice
    assert (choice.threshold, choice.postprocessing) == (0.7, PostProcessing(smallest_lesion=40))
    assert (choice.threshold_rule, choice.postprocessing_rule) == (None, None)
    scan = next(speckled.glob("volume-*"))
    predicted = run("predict", network, "--input", scan, "--out", tmp_path / "masks")
    assert "threshold: 0.7 for lesion, kept with" in predicted.out


def test_smoothing_is_kept_and_used_again(network, speckled, tmp_path):
    plain = evaluated(network).json
    smooth = evaluated(network, "--smooth-slices", 2, "--keep").json
    assert smooth["threshold"] == {**plain["threshold"], "smooth_slices": 2}
    assert smooth["results"] != plain["results"]
    assert Run.open(network).choice.smooth_slices == 2
    assert evaluated(network).json["results"] == plain["results"]
    for options in (("--smooth-slices", 2), KEPT):
        assert evaluated(network, *options).json["results"][0] == smooth["results"][0]
    scan = next(speckled.glob("volume-*"))
    predicted = run("predict", network, "--input", scan, "--out", tmp_path / "masks")
    assert "smoothing: across slices, standard deviation 2 for lesion" in predicted.out
    run("predict", network, "--input", scan, "--out", tmp_path / "plain", "--smooth-slices", 0)
    masks = [next((tmp_path / name).glob("*.nii.gz")).read_bytes() for name in ("masks", "plain")]
    assert masks[0] != masks[1]


def test_mistakes_keep_nothing(network, speckled, tmp_path):
    before = (network / "run.json").read_bytes()
    assert "--threshold kept: none was chosen for" in fails("evaluate", network, "--threshold", "kept")
    assert "--smooth-slices -1: give a number" in fails("evaluate", network, "--smooth-slices", -1)
    nothing = "--keep: nothing new to keep; give --threshold or --postprocess, such as auto, or --smooth-slices"
    assert nothing in fails("evaluate", network, "--keep")
    assert "give --grid native" in fails("evaluate", network, *AUTO, "--keep", "--grid", "network")
    assert "give its folder" in fails("evaluate", network / "model.keras", *AUTO, "--keep")
    mixed = fails("evaluate", network, "--threshold", "auto", "--postprocess", "kept")
    assert "one is kept, the other auto" in mixed
    with lock(network):
        assert "another process is training" in fails("evaluate", network, *AUTO, "--keep")
    damaged = tmp_path / "damaged"
    shutil.copytree(speckled, damaged)
    (damaged / "volume-5.nii.gz").write_bytes(b"")  # the last test case, after everything is chosen
    assert "volume-5" in fails("evaluate", network, *AUTO, "--keep", "--data", damaged)
    assert (network / "run.json").read_bytes() == before


def test_a_run_of_an_older_version_keeps_its_format(tmp_path):
    run = shutil.copytree(OLDER, tmp_path / "run")
    choice = Choice(threshold=0.4, threshold_rule="per_case_positive", fingerprint="abc")
    Run.open(run).keep(choice)
    assert Run.open(run).choice == choice
    card = json.loads((run / "run.json").read_text())
    assert card.pop("choice")
    assert card == json.loads((OLDER / "run.json").read_text())
    assert read_run(run)["config"]["data"]["target"]
