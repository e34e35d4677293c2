"""Model cards."""

import json
import re
import shutil

import pytest

from cafct_keras.publishing import Facts, publish
from tests.cli import fails
from tests.cli import run as call
from tests.evaluating import evaluated

FACTS = ("--name", "liver-small", "--license", "cc-by-sa-4.0", "--data-name", "Tumours | [x](y)", "--power", 50)


@pytest.fixture(scope="module")
def report(run, scans, tmp_path_factory):
    out = tmp_path_factory.mktemp("report") / "report"
    evaluated(run, "--data", scans, "--out", out)
    return out


@pytest.fixture(scope="module")
def card(run, report, tmp_path_factory):
    out = tmp_path_factory.mktemp("card") / "out"
    result = call("publish", run, "--out", out, "--evaluation", report, *FACTS, "--carbon-intensity", 400, "--json")
    assert result.code == 0, result
    assert "lacks what these options say: --data-license" in result.error
    return (out / "README.md").read_text()


def metadata(card):
    _, head, _ = card.split("---\n", 2)
    return {key: json.loads(value) for key, value in (line.split(": ", 1) for line in head.splitlines())}


def test_metadata_are_the_hubs(card, report):
    found = metadata(card)
    assert found["license"] == "cc-by-sa-4.0"
    assert found["pipeline_tag"] == "image-segmentation"
    assert found["co2_eq_emissions"]["emissions"] == pytest.approx(2 * 50 / 1000 * 400)  # 2 h at 50 W
    (result,) = found["model-index"][0]["results"]
    values = {metric["name"]: metric["value"] for metric in result["metrics"]}
    summary = json.loads((report / "evaluation.json").read_text())["results"][0]["summary"]
    expected = summary["targets"]["lesion"]["overlap"]["per_case_positive"]["dice"]["value"]
    assert values["Dice of the lesion, per_case_positive, as predicted"] == pytest.approx(expected, abs=1e-4)


def test_the_hubs_own_reader_understands_it(card):
    hub = pytest.importorskip("huggingface_hub", reason="the extra hub is not installed")
    data = hub.ModelCard(card).data
    assert data.license == "cc-by-sa-4.0"
    assert data.model_name == "liver-small"
    assert {result.metric_type for result in data.eval_results} == {"dice"}


def test_scores_have_their_rule_and_interval(card):
    assert re.search(r"\| per_case_positive \| 0\.\d{3} \[0\.\d{3}\N{EN DASH}0\.\d{3}\] \|", card)
    assert "- `pooled`: All pixels of all cases taken together" in card
    assert re.search(r"\| recall \|", card)


@pytest.mark.parametrize("option", [(), ("--list-patients",)])
def test_warnings_that_name_cases_are_private(run, report, tmp_path, option):
    document = json.loads((report / "evaluation.json").read_text())
    document["data"]["warnings"] = ["slices: 1 of 3 cases has gaps (volume-2 lacks 3)", "data: not those of volume-22"]
    (tmp_path / "evaluation.json").write_text(json.dumps(document))
    assert call("publish", run, "--out", tmp_path / "out", "--evaluation", tmp_path, *option).code == 0
    card = (tmp_path / "out" / "README.md").read_text()
    assert "- data: not those of volume-22" in card
    assert ("volume-2 lacks 3" in card) == bool(option)


def test_facts_from_the_user_are_text(card):
    assert "| data | Tumours \\| \\[x\\](y) |" in card
    assert "| energy | 0.1 kWh: the time at 50 W, the stated mean power |" in card
    assert "| licence | not stated |" in card
    assert "liver\n" not in card.split("| initial weights | ")[1][:5]
    assert "| initial weights | liver (SHA-256" in card
    assert "trained for 30.0 min) |" in card
    assert "| time | 2.0 h, with that of the initial weights, on cpu" in card


def test_without_evaluation_it_says_what_training_measured(published):
    card = (published / "README.md").read_text()
    assert "| validation | lesion_dice_pooled | 0.2500 |" in card
    assert "model-index" not in metadata(card)


def test_scores_of_another_run_are_refused(run, report, tmp_path):
    other = shutil.copytree(run, tmp_path / "other")
    written = json.loads((other / "run.json").read_text())
    (other / "run.json").write_text(json.dumps({**written, "best_epoch": 9}))
    line = fails("publish", other, "--out", tmp_path / "out", "--evaluation", report)
    assert line.endswith("other as it is now; evaluate it again")
    (other / "run.json").write_text(json.dumps({**written, "status": "interrupted"}))
    assert "its training is not finished (status: interrupted); resume it" in fails(
        "publish", other, "--out", tmp_path / "o"
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (("--name", "a b"), "--name a b: give letters"),
        (("--power", -1), "--power -1: must be above 0"),
        (("--carbon-intensity", 3), "--carbon-intensity 3: needs --power too"),
    ],
)
def test_facts_that_cannot_be(run, tmp_path, wrong, words):
    assert words in fails("publish", run, "--out", tmp_path / "out", *wrong)


def test_from_python(run, tmp_path):
    written = publish(run, out=tmp_path / "out", facts=Facts(data_name="D", data_license="L", license="x"))
    assert written["missing"] == ["evaluations"]
    assert written["float16"]["slices"] > 0
    assert set(written["float16"]["dice"]["float16"]) == {"liver", "lesion"}
