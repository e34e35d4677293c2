"""`compare`: the paper's tables made anew, in minutes, on a few phantom slices."""

import csv
import json

import pytest

from cafct_keras import create_model
from cafct_keras.evaluation.metrics.overlap import RULES
from cafct_keras.reproduction import TABLES, table
from cafct_keras.reproduction.paper import PRINTED
from cafct_keras.reproduction.systems import choose_systems
from tests.cli import fails, run
from tests.trained import write_folder

RECIPE = ("--preset", "tiny", "--size", 32, "--epochs", 1, "--batch-size", 4, "--optimizer", "adamw", "--quiet")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("data") / "slices", cases=8, slices=2, size=32)


# Rows that are quick to compile; CAFCT-Net is trained in enough of the other tests.
@pytest.mark.parametrize(
    ("table", "models"),
    [(2, "deeplab_v3_plus,pvtformer"), (3, "unet,attention_unet,unet_plus_plus"), (4, "cafct_net-aspp")],
)
def test_a_table_has_its_rows_by_every_rule_beside_the_printed_figures(table, models, folder, tmp_path):
    out = tmp_path / "table"
    call = ("compare", "--table", table, "--models", models, "--data", folder, "--target", "liver")
    result = run(*call, *RECIPE, "--seeds", 1, "--out", out, "--json")
    assert result.code == 0, result.error
    document = result.json
    assert [row["system"] for row in document["rows"]] == [one.name for one in choose_systems(table, models)]
    for row in document["rows"]:
        assert set(row["scores"]) == set(RULES)
        assert row["parameters"] > 0
        assert row["macs_per_image"] > 0
        assert row["ms_per_image"] > 0
        printed = PRINTED.get((table, row["system"], "liver"))
        assert row["printed"] == (printed and printed.as_dict())
    # Other data, another size and preset: said, and for every file the same.
    said = " ".join(document["remarks"])
    assert "not the paper's" in said
    assert "preset tiny" in said
    for name in ("table.md", "table.html"):
        text = (out / name).read_text()
        for row in document["rows"]:
            assert row["system"] in text
        for line in document["remarks"]:
            assert line.replace("'", "&#39;") in text or line in text
    # Outside a terminal nothing is wrapped: a rule and a caveat are a line each.
    printed_lines = [line.strip() for line in result.out.splitlines()]
    assert set(document["remarks"]) <= set(printed_lines)
    assert any(line.startswith("Dice pooled") and line.count("[") == len(document["rows"]) for line in printed_lines)
    rows = list(csv.DictReader((out / "table.csv").open()))
    value = next(row for row in rows if row["rule"] == "pooled" and row["measure"] == "dice")["value"]
    assert float(value) == document["rows"][0]["scores"]["pooled"]["dice"]["value"]
    assert json.loads((out / "table.json").read_text()) == document


def test_what_was_cut_off_goes_on_and_what_is_finished_is_kept(folder, tmp_path, monkeypatch):
    out = tmp_path / "table"
    call = ("compare", "--table", 3, "--models", "unet,attention_unet", "--data", folder, "--target", "liver")
    call = (*call, *RECIPE, "--seeds", 2, "--out", out)
    trained, fit = [], table.fit

    def cut_off(options, **kwargs):
        if len(trained) == 2:
            raise KeyboardInterrupt
        trained.append(options.out)
        return fit(options, **kwargs)

    monkeypatch.setattr(table, "fit", cut_off)
    assert run(*call).code == 130
    finished = {path: path.stat().st_mtime_ns for path in out.glob("runs/*/model.keras")}
    assert len(finished) == 2
    assert [row["seeds"] for row in json.loads((out / "table.json").read_text())["rows"]] == [[0], [0]]

    monkeypatch.setattr(table, "fit", fit)
    result = run(*call, "--json")
    assert result.code == 0, result.error
    assert [row["seeds"] for row in result.json["rows"]] == [[0, 1], [0, 1]]
    assert {path: path.stat().st_mtime_ns for path in finished} == finished

    line = fails(*call, "--learning-rate", 0.01)
    assert "learning_rate" in line
    assert "another --out" in line


def test_tables_name_networks_that_there_are():
    for each in TABLES.values():
        for system in each.systems:
            create_model(system.model, preset="tiny", input_shape=(64, 64, 3), **system.options)


def test_a_budget_fits_the_epochs_equally(folder, tmp_path):
    out = tmp_path / "table"
    call = ("compare", "--table", 3, "--models", "unet", "--data", folder, *RECIPE[:-1][:4], "--batch-size", 4)
    line = fails(*call, "--budget", 0.01, "--out", out)
    assert "--budget 0.01: not enough" in line
    assert not out.exists()


def test_mistakes_are_named(folder, tmp_path):
    call = ("compare", "--data", folder, "--out", tmp_path / "table")
    assert "--table 5: unknown; give 2, 3, 4" in fails(*call, "--table", 5)
    assert "--models nothing: unknown" in fails(*call, "--table", 3, "--models", "nothing")
    assert "--preset huge" in fails(*call, "--table", 3, "--preset", "huge")
    assert "--seeds 0" in fails(*call, "--table", 3, "--seeds", 0)
    assert not (tmp_path / "table").exists()
