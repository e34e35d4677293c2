"""`cafct-keras evaluate` from the outside."""

import csv
import json
import re
import shutil
import weakref

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from cafct_keras.evaluation.console import summary
from pipelines.layouts.lits_png.writer import write_lits_png
from pipelines.layouts.nifti.reader import Nifti
from pipelines.layouts.phantom import Phantom
from tests.cli import fails
from tests.evaluating import SIZE, SLICES, evaluated, make_run, write_scans
from tests.evaluation.drawn import figures, higher_is_better
from tests.evaluation.report.browser import find_browser, measure

FILES = {"report.html", "evaluation.json", "cases.csv", "slices.csv", "lesions.csv"}


def test_a_perfect_network(perfect, tmp_path):
    result = evaluated(perfect, "--out", tmp_path / "out")
    document = result.json
    assert json.loads((tmp_path / "out" / "evaluation.json").read_text()) == document
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
    assert (document["format"], document["failures"], document["paper"], document["comparison"]) == (2, [], None, None)
    assert document["threshold"] == {"value": 0.5, "chosen_on": "given", "rule": None, "smooth_slices": 0}
    values, few = document["data"]["warnings"]  # as drawn, from -100 to 200 HU
    assert values.startswith("values from -100 to 200")
    assert few == "patients: 3; with fewer than 8 an interval says little"
    assert "warning: patients: 3; with fewer than 8" in result.error
    assert document["run"] == json.loads((perfect / "run.json").read_text())
    (found,) = document["results"]
    summary = found["summary"]
    assert (summary["cases"], summary["patients"], summary["slices"]) == (3, 3, 18)
    assert set(summary["targets"]) == {"liver", "lesion"}
    for path, figure in figures(summary):
        assert figure["value"] in (None, 1.0 if higher_is_better(path) else 0.0), path
    rows = list(csv.DictReader((tmp_path / "out" / "cases.csv").open()))
    assert [(row["result"], row["case"], row["target"], row["dice"]) for row in rows][:2] == [
        ("as predicted", "volume-2", "liver", "1.0"),
        ("as predicted", "volume-2", "lesion", "1.0"),
    ]
    assert len(list(csv.DictReader((tmp_path / "out" / "slices.csv").open()))) == 2 * 18
    lines = result.error.splitlines()
    shown = lines[[line.startswith("perfect: ") for line in lines].index(True) :]
    assert len(shown) <= 30
    assert sum(line.startswith(("per_", "pooled", "batch_", "two_")) for line in shown) == 9
    assert shown[-1] == f"{tmp_path / 'out'}: {', '.join(sorted(FILES))}"


def test_a_network_that_predicts_nothing(blind):
    summary = evaluated(blind).json["results"][0]["summary"]
    for path, figure in figures(summary["targets"]):
        if path[-1] != "precision" or "lesions" not in path:
            assert figure["value"] == pytest.approx(figure["predict_nothing"]), path
    assert summary["targets"]["lesion"]["surface"]["missed"] == 3


def test_calibration_is_that_of_the_probabilities(blind):
    document = evaluated(blind).json
    assert set(document["calibration"]) == {"liver", "lesion"}
    lesion = document["calibration"]["lesion"]
    assert sum(lesion["reliability"]["pixels"]) == 3 * SLICES * SIZE**2
    assert lesion["reliability"]["confidence"][1:] == [None] * 9
    truth = sum(row["fn"] for row in document["results"][0]["cases"] if row["target"] == "lesion")
    assert lesion["expected_error"] == pytest.approx(truth / (3 * SLICES * SIZE**2), abs=1e-3)
    assert lesion["sweep"]["per_slice_positive_dice"][500] == 0


@pytest.mark.backends
def test_scores_are_those_of_training(trained):
    """A network that was trained, on loose slices some of whose patients have but one piece."""
    folder, fitted = trained
    document = evaluated(folder).json
    overlap = document["results"][0]["summary"]["targets"]["liver"]["overlap"]
    card = fitted.json
    assert overlap["pooled"]["dice"]["value"] == pytest.approx(card["test"]["dice_pooled"], abs=1e-4)
    assert overlap["pooled"]["iou"]["value"] == pytest.approx(card["test"]["iou_pooled"], abs=1e-4)
    positive = card["test"]["dice_per_slice_positive"]
    assert overlap["per_slice_positive"]["dice"]["value"] == pytest.approx(positive, abs=1e-4)
    per_case = card["test"]["dice_per_case_positive"]
    assert overlap["per_case_positive"]["dice"]["value"] == pytest.approx(per_case, abs=1e-4)
    assert document["data"]["warnings"] == ["patients: 2; with fewer than 8 an interval says little"]


def test_options_that_do_not_fit(perfect, trained, tmp_path):
    both = fails("evaluate", perfect, "--postprocess", "auto", "--largest-liver", code=2)
    assert "--postprocess auto: takes the place of the other post-processing options" in both
    assert "--smallest-lesion: needs lesion" in fails("evaluate", trained[0], "--smallest-lesion", 10)
    assert "--lesions-inside-liver: needs liver and lesion" in fails("evaluate", trained[0], "--lesions-inside-liver")
    assert "--split best: unknown" in fails("evaluate", perfect, "--split", "best")
    assert "--threshold 1.5" in fails("evaluate", perfect, "--threshold", 1.5)
    assert "give a number between 0 and 1" in fails("evaluate", perfect, "--threshold", "high", code=2)
    assert "no such data folder" in fails("evaluate", perfect, "--data", tmp_path / "absent")
    assert "no run.json here" in fails("evaluate", tmp_path)
    (tmp_path / "taken").mkdir()
    assert "already exists" in fails("evaluate", perfect, "--out", tmp_path / "taken")
    assert not [path for path in tmp_path.iterdir() if path.name != "taken"]


def test_networks_outside_a_run_are_refused(perfect, tmp_path):
    shutil.copy(perfect / "model.keras", tmp_path / "alone.keras")
    assert "alone.keras: no run.json beside it" in fails("evaluate", tmp_path / "alone.keras")
    document = evaluated(perfect / "model.keras").json
    assert document["title"].startswith("perfect/model.keras")


def test_data_that_changed_or_went(scans, tmp_path):
    folder = tmp_path / "scans"
    shutil.copytree(scans, folder)
    network = make_run(tmp_path / "run", folder)
    (folder / "index.csv").write_text((folder / "index.csv").read_text().replace("volume-0,train", "volume-0,test"))
    result = evaluated(network)
    assert "warning: data: not those that the run was trained on" in result.error
    assert "warning: patients: 1 of 4 have names of patients that the run was trained on" in result.error
    shutil.rmtree(folder)
    assert "does not exist; give --data" in fails("evaluate", network)
    assert evaluated(network, "--data", scans, "--split", "all").json["results"][0]["summary"]["cases"] == 6


def test_data_without_the_target_or_the_part(perfect, scans, tmp_path):
    folder = tmp_path / "some"
    write_scans(folder, parts=("test", "test"))
    assert evaluated(perfect, "--data", folder).json["results"][0]["summary"]["cases"] == 2
    assert "no train cases" in fails("evaluate", perfect, "--data", folder, "--split", "train")
    assert "no validation cases" in fails("evaluate", perfect, "--data", folder, "--threshold", "auto")


def test_a_damaged_case(perfect, tmp_path):
    folder = write_scans(tmp_path / "scans")
    (folder / "volume-3.nii.gz").write_bytes((folder / "volume-3.nii.gz").read_bytes()[:200])
    out = tmp_path / "out"
    message = fails("evaluate", perfect, "--data", folder, "--out", out)
    assert "volume-3.nii.gz: " in message
    assert not out.exists()
    result = evaluated(perfect, "--data", folder, "--out", out, "--keep-going", code=1)
    document = json.loads((out / "evaluation.json").read_text())
    assert [failure["case"] for failure in document["failures"]] == ["volume-3"]
    assert document["failures"][0]["message"] == message.removeprefix("cafct-keras: ")
    assert [row["case"] for row in document["results"][0]["cases"]][::2] == ["volume-2", "volume-5"]
    assert "not scored: " in result.error
    assert "1 could not be scored" in result.error
    # A case that is needed for a choice counts as one that is scored.
    shutil.copy(folder / "volume-3.nii.gz", folder / "volume-4.nii.gz")
    choosing = ("--threshold", "auto", "--postprocess", "auto", "--keep-going")
    document = evaluated(perfect, "--data", folder, *choosing, code=1).json
    assert [failure["case"] for failure in document["failures"]] == ["volume-4", "volume-3"]
    for number in (2, 5):
        (folder / f"segmentation-{number}.nii.gz").write_bytes(b"")
    message = fails("evaluate", perfect, "--data", folder, "--keep-going", "--out", tmp_path / "other")
    assert "nothing could be scored: " in message
    assert not (tmp_path / "other").exists()


def test_runs_are_compared_with_the_first(perfect, blind, tmp_path):
    result = evaluated(perfect, blind, perfect, "--out", tmp_path / "out")
    first, second, third = result.json
    folders = {path.name: path for path in (tmp_path / "out").iterdir() if path.is_dir()}
    assert set(folders) == {"perfect (1)", "blind", "perfect (2)"}
    assert all({file.name for file in path.iterdir()} == FILES for path in folders.values())
    ranked = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert (ranked["methods"], ranked["cases"]) == (["perfect (1)", "blind", "perfect (2)"], 3)
    of_dice = ranked["targets"]["liver"]["dice_per_case_lits"]["methods"].values()
    assert [(each["mean"]["value"], each["rank"]) for each in of_dice] == [(1, 1), (0, 3), (1, 1)]
    assert (tmp_path / "out" / "comparison.html").is_file()
    assert first["comparison"] is None
    assert second["comparison"]["runs"] == ["perfect (1)", "blind"]
    assert second["comparison"]["result"] == "as predicted"
    dice = second["comparison"]["targets"]["liver"]["dice_per_case_lits"]
    assert (dice["a"], dice["b"], dice["difference"], dice["patients"]) == (1, 0, -1, 3)
    assert all(
        metric["difference"] in (None, 0)
        for metrics in third["comparison"]["targets"].values()
        for metric in metrics.values()
    )
    differences = result.error.partition("blind minus perfect (1), as predicted")[2].splitlines()
    line = next(line for line in differences if line.startswith("dice_per_case_lits"))
    assert re.split(" {2,}", line)[1:] == ["-1.000", "-1.000 to +0.230", "0.250", "3"]


def test_runs_of_other_kinds_are_not_compared(perfect, scans, tmp_path):
    liver = make_run(tmp_path / "liver", scans, target="liver")
    assert f"{liver}: another target" in fails("evaluate", perfect, liver)
    large = make_run(tmp_path / "large", scans, size=64)
    refused = fails("evaluate", perfect, large, "--grid", "network")
    assert f"{large}: another size" in refused
    assert "or on the native --grid" in refused


@pytest.mark.parametrize("count", [8, 24])
def test_memory_does_not_grow_with_the_number_of_cases(perfect, count, tmp_path, monkeypatch):
    folder = write_scans(tmp_path / "scans", parts=("validation",) * count)
    alive, most = set(), []
    case = Nifti.case

    def counted(self, name):
        made = case(self, name)
        alive.add(name)
        weakref.finalize(made.images, alive.discard, name)  # what takes the memory
        most.append(len(alive))
        return made

    monkeypatch.setattr(Nifti, "case", counted)
    evaluated(perfect, "--data", folder, "--split", "validation")
    assert len(most) == count
    assert max(most) <= 6


def test_the_paper_stands_beside_lits_png(tmp_path):
    write_lits_png(Phantom(cases=3, slices=2, size=SIZE), tmp_path / "lits")
    network = make_run(tmp_path / "run", tmp_path / "lits")
    result = evaluated(network, "--out", tmp_path / "out")
    document = result.json
    assert document["data"]["layout"] == "lits_png"
    rows = {(row["table"], row["system"]): row for row in document["paper"]}
    assert len(rows) == 15
    assert (rows[2, "CAFCT-Net"]["iou"], rows[2, "CAFCT-Net"]["dice"]) == (76.54, 84.29)
    assert "per_slice_positive" in rows[2, "CAFCT-Net"]["rules"]
    assert "states no rule" in document["paper_note"]
    assert "these scores are of the data's own pixels" in document["paper_note"]
    assert "own pixels" not in evaluated(network, "--grid", "network").json["paper_note"]
    assert "the paper's CAFCT-Net, lesion: Dice 0.8429, IoU 0.7654 (Table 2; no rule is stated" in result.error
    # Trained on stretched slices, a network is shown scans stretched too: the brightest of each slice is white, so the
    # liver is taken for a lesion where there is none.
    scans = write_scans(tmp_path / "scans")
    rows = evaluated(network, "--data", scans).json["results"][0]["cases"]
    assert {row["fp"] for row in rows if row["target"] == "lesion"} == {2 * 20 * 20}


def test_slices_without_a_scan(tmp_path):
    """Patients whose slices are neighbours are volumes, also beside one whose slices are not."""
    for folder in ("images", "masks"):
        (tmp_path / "data" / folder).mkdir(parents=True)
    rows = ["id,patient,split"]
    for number, part in enumerate(("test", "test", "train", "validation")):
        for index in (1, 2) if number else (1, 5):
            mask = np.zeros((SIZE, SIZE), np.uint8)
            mask[4:9, 4:9] = 255
            name = f"p{number}_{index}"
            for folder in ("images", "masks"):
                Image.fromarray(mask).save(tmp_path / "data" / folder / f"{name}.png")
            rows.append(f"{name},p{number},{part}")
    (tmp_path / "data" / "index.csv").write_text("\n".join(rows) + "\n")
    network = make_run(tmp_path / "run", tmp_path / "data", target="lesion", cuts=(0.5,))
    result = evaluated(network)
    summary = result.json["results"][0]["summary"]
    lesions = summary["targets"]["lesion"]["lesions"]
    assert (lesions["unit"], lesions["lesions"]) == ("volume", 1)
    assert (summary["cases"], summary["complete_cases"], result.json["data"]["patients"]) == (2, 1, "table")
    assert "1 of 2 cases have gaps (p0 lacks 2, 3, 4); these cases count in overlap only" in result.error
    for index in (1, 4):  # now most cases have gaps
        for folder in ("images", "masks"):
            shutil.copy(tmp_path / "data" / folder / "p1_1.png", tmp_path / "data" / folder / f"odd_{index}.png")
        rows.append(f"odd_{index},odd,test")
    (tmp_path / "data" / "index.csv").write_text("\n".join(rows) + "\n")
    result = evaluated(network)
    lesions = result.json["results"][0]["summary"]["targets"]["lesion"]["lesions"]
    assert (lesions["unit"], lesions["lesions"]) == ("slice", 6)
    assert "2 of 3 cases have gaps" in result.error
    assert "every slice of every case is scored by itself" in result.error
    neighbours = make_run(tmp_path / "context", tmp_path / "data", target="lesion", cuts=(0.5,), context=1)
    assert "odd: its slices are not neighbours" in fails("evaluate", neighbours)


def test_other_intensities_are_told(perfect, scans, tmp_path):
    network = make_run(tmp_path / "run", scans, intensity="grey")
    assert "warning: intensity: hu, but the run was trained on grey" in evaluated(network).error


def test_worse_than_nothing_is_red(blind):
    text = summary(evaluated(blind).json)
    console = Console(force_terminal=True, width=200, color_system="standard")
    with console.capture() as capture:
        console.print(text)
    assert "\x1b[31m0.000" in capture.get()


def test_the_pages_open_in_a_browser(speckled, tmp_path):
    find_browser()
    runs = [make_run(tmp_path / name, speckled, cuts=cuts) for name, cuts in (("a", (0.5, 0.9)), ("b", (0.45, 0.78)))]
    evaluated(*runs, "--lesions-inside-liver", "--largest-liver", "--out", tmp_path / "out")
    (tmp_path / "browser").mkdir()
    pages = [tmp_path / "out" / name / "report.html" for name in "ab"]
    views, console = measure(pages, (390, 1400), tmp_path / "browser")
    assert len(console) == 1, console  # what the test itself says
    for view in views:
        assert not view["wide"]
        assert len(view["images"]) > 4
        shown = {figure["name"] for figure in view["figures"]}
        assert {"dice-by-rule-lesion", "reliability-liver", "thresholds-lesion", "dice-by-size-lesion"} <= shown
