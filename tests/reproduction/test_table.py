"""`reproduce`: the paper's tables, in minutes, on a few phantom slices."""

import csv
import json
import types

import numpy as np
import pytest

from cafct_keras import create_model
from cafct_keras.evaluation.metrics.overlap import RULES
from cafct_keras.reproduction import TABLES, budget, table
from cafct_keras.reproduction.paper import PRINTED
from cafct_keras.reproduction.systems import choose_systems
from cafct_keras.reproduction.writing import console_table
from pipelines.loading.cache import TEMPORARY_CACHES
from tests.cli import fails, run
from tests.trained import write_folder

RECIPE = ("--preset", "tiny", "--size", 32, "--epochs", 1, "--batch-size", 4, "--optimizer", "adamw", "--quiet")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("data") / "slices", cases=8, slices=2, size=32)


# Rows that are quick to compile: every network is trained by tests/models, and CAFCT-Net in enough of the other tests.
@pytest.mark.parametrize(
    ("table", "models"), [(2, "deeplab_v3_plus"), (3, "unet,attention_unet"), (4, "cafct_net-aspp")]
)
def test_a_table_has_its_rows_by_every_rule_beside_the_printed_figures(table, models, folder, tmp_path):
    out = tmp_path / "table"
    call = ("reproduce", "--table", table, "--models", models, "--data", folder, "--target", "liver")
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
    said = " ".join(document["caveats"])
    assert "not the paper's" in said
    assert "preset tiny" in said
    assert "with fewer than 8 an interval says little." in said
    for name in ("table.md", "table.html"):
        text = (out / name).read_text()
        for row in document["rows"]:
            assert row["system"] in text
        for line in document["caveats"]:
            assert line.replace("'", "&#39;") in text or line in text
    assert max(map(len, console_table(document, width=80).plain.splitlines())) <= 80
    # Outside a terminal nothing is wrapped: a rule and a caveat are a line each.
    printed_lines = [line.strip() for line in result.error.splitlines()]
    assert set(document["caveats"]) <= set(printed_lines)
    assert any(line.startswith("Dice pooled") and line.count("[") == len(document["rows"]) for line in printed_lines)
    rows = list(csv.DictReader((out / "table.csv").open()))
    value = next(row for row in rows if row["rule"] == "pooled" and row["measure"] == "dice")["value"]
    assert float(value) == document["rows"][0]["scores"]["pooled"]["dice"]["value"]
    assert json.loads((out / "table.json").read_text()) == document


def test_networks_trained_for_both_targets_are_scored_by_that_of_the_table(tmp_path):
    data = tmp_path / "scans"
    phantom = ("--layout", "nifti", "--cases", 6, "--slices", 3, "--size", 32)
    assert run("data", "phantom", *phantom, "--out", data).code == 0
    call = ("reproduce", "--table", 2, "--models", "deeplab_v3_plus", "--data", data, "--target", "both")
    document = run(*call, *RECIPE, "--seeds", 1, "--out", tmp_path / "table", "--json").json
    assert document["target"] == "lesion"
    (row,) = document["rows"]
    assert row["printed"] == PRINTED[2, row["system"], "lesion"].as_dict()
    slices = csv.DictReader((tmp_path / "table/runs/deeplab_v3_plus-seed0/evaluation/slices.csv").open())
    assert {each["target"] for each in slices} == {"liver", "lesion"}
    assert (
        "Networks are trained for the liver and its lesions together; scores are those of lesion."
        in document["caveats"]
    )


def test_what_was_cut_off_goes_on_and_what_is_finished_is_kept(folder, tmp_path, monkeypatch):
    out = tmp_path / "table"
    call = ("reproduce", "--table", 3, "--models", "unet,attention_unet", "--data", folder, "--target", "liver")
    call = (*call, *RECIPE, "--seeds", 2, "--out", out)
    trained, fit = [], table.fit

    def cut_off(config, **kwargs):
        if len(trained) == 2:
            raise KeyboardInterrupt
        trained.append(config.out)
        return fit(config, **kwargs)

    costs = {"parameters": 1, "macs_per_image": 1, "ms_per_image": 1.0}
    monkeypatch.setattr(table, "Costs", lambda *arguments: known_costs(costs))
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
    call = ("reproduce", "--table", 3, "--models", "unet", "--data", folder, *RECIPE[:-1][:4], "--batch-size", 4)
    line = fails(*call, "--budget", 0.01, "--out", out)
    assert "--budget 0.01: not enough" in line
    assert not out.exists()


def test_a_budget_of_equal_time_fits_the_epochs_of_each_row(folder, tmp_path, begun, monkeypatch):
    """U-Net's step takes a tenth of the other's, so its share of the time lasts for about ten times as many epochs."""
    milliseconds = {"unet": 100.0, "attention_unet": 1000.0}
    monkeypatch.setattr(
        budget, "time_step", lambda _, config, **__: {"ms_per_image": milliseconds[config.model.name], "compile_s": 1.0}
    )
    call = ("reproduce", "--table", 3, "--models", "unet,attention_unet", "--data", folder, "--target", "liver")
    call = (*call, "--size", 32, "--batch-size", 4, "--seeds", 1)
    epochs = {}
    for name, options in {"time": ["--equal-time"], "epochs": []}.items():
        out = tmp_path / name
        assert run(*call, "--budget", 10, *options, "--out", out).code == 130
        kept = json.loads((out / "recipe.json").read_text())["rows"]
        epochs[name] = [kept[key]["optimizer"]["epochs"] for key in ("unet", "attention_unet")]
    slices = 10 + 2 / 3  # of 12, two are for validation, which takes a forward pass alone
    assert epochs["time"] == [pytest.approx(275 / slices / step, rel=0.05, abs=1) for step in (0.1, 1)]
    assert epochs["epochs"] == [pytest.approx(550 / slices / 1.1, rel=0.05)] * 2
    # A second start has the same, and takes no other rows.
    again = (*call, "--budget", 10, "--equal-time", "--out", tmp_path / "time")
    assert run(*again).code == 130
    assert begun[-1]["epochs"] == epochs["time"][0]
    assert "UNet++ was not in" in fails(*again, "--models", "unet_plus_plus")
    warm = ("--budget", 10, "--equal-time", "--warmup-epochs", 30, "--optimizer", "adamw", "--out", tmp_path / "none")
    assert "not enough for more than --warmup-epochs 30 of every row" in fails(*call, *warm)
    assert "--equal-time: needs a --budget" in fails(*call, "--equal-time", "--out", tmp_path / "none")


def test_mistakes_are_named(folder, tmp_path):
    call = ("reproduce", "--data", folder, "--out", tmp_path / "table")
    assert "--table 5: unknown; give 2, 3, 4" in fails(*call, "--table", 5)
    assert "--models nothing: unknown" in fails(*call, "--table", 3, "--models", "nothing")
    assert "base for unet" in fails(*call, "--table", 3, "--preset", "huge")
    assert "--seeds 0" in fails(*call, "--table", 3, "--seeds", 0)
    assert not (tmp_path / "table").exists()


def known_costs(columns):
    return types.SimpleNamespace(columns=columns, keep=lambda: None)


@pytest.fixture
def begun(monkeypatch):
    """Configurations that rows are trained with; nothing is measured or trained."""
    configs = []

    def stop(config, *, on_start, **kwargs):
        configs.append(config)
        on_start()
        raise KeyboardInterrupt

    monkeypatch.setattr(table, "Costs", lambda *arguments: known_costs({}))
    monkeypatch.setattr(table, "fit", stop)
    return configs


def test_every_row_has_the_recipe_of_its_own_network(folder, tmp_path, begun):
    call = ("reproduce", "--table", 2, "--data", folder, "--target", "liver", "--recipe", "own", "--size", 32)
    for name in ("dense_unet", "attention_unet"):
        assert run(*call, "--models", name, "--out", tmp_path / name).code == 130
    dense, attention = begun
    assert (dense["optimizer"], dense["batch_size"], dense["dice_weight"]) == ("nesterov", 40, 0)
    assert (attention["optimizer"], attention["learning_rate"], attention["bce_weight"]) == ("adam", 1e-4, 0)
    # Both in one table, and kept with each row, so that a second start is held to them.
    assert run(*call, "--models", "dense_unet,attention_unet", "--out", tmp_path / "both").code == 130
    kept = json.loads((tmp_path / "both" / "recipe.json").read_text())["rows"]
    assert [row["optimizer"]["name"] for row in kept.values()] == ["nesterov", "adam"]
    # Another recipe in the same folder is refused.
    line = fails(*call, "--recipe", "paper", "--models", "dense_unet", "--out", tmp_path / "dense_unet")
    assert "its runs of H-DenseUNet were begun with" in line


def test_a_table_of_version_01_is_resumed_unless_its_rows_had_the_wrong_recipe(folder, tmp_path, begun):
    call = ("reproduce", "--table", 2, "--models", "unet", "--data", folder, "--size", 32)
    for name in ("paper", "own"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "recipe.json").write_text(json.dumps({"recipe": name, "epochs": 3}))
    assert run(*call, "--budget", 5, "--out", tmp_path / "paper").code == 130
    assert begun[0]["epochs"] == 3
    assert "recipe of cafct_net" in fails(*call, "--recipe", "own", "--out", tmp_path / "own")


def test_costs_are_those_of_the_network_with_its_context(folder, tmp_path, monkeypatch):
    def stop(config, *, on_start, **kwargs):
        on_start()
        raise KeyboardInterrupt

    monkeypatch.setattr(table, "fit", stop)
    call = ("reproduce", "--table", 3, "--models", "unet", "--data", folder, "--context", 2, *RECIPE)
    assert run(*call, "--out", tmp_path / "table").code == 130
    measured = json.loads((tmp_path / "table" / "systems" / "unet.json").read_text())
    network = create_model("unet", preset="tiny", input_shape=(32, 32, 5))
    assert measured["parameters"] == sum(np.prod(each.shape) for each in network.trainable_variables)


def test_a_network_that_needs_context_is_refused_before_anything_is_trained(folder, tmp_path, begun):
    line = fails("reproduce", "--table", 2, "--models", "unet,h_dense_unet", "--data", folder, "--out", tmp_path / "t")
    assert "h_dense_unet: needs" in line
    assert "--context 3" in line
    assert not begun
    assert not (tmp_path / "t").exists()


def test_a_budget_respects_the_cache(folder, tmp_path, monkeypatch):
    def in_memory(*arguments):
        raise AssertionError("slices are kept in memory")

    monkeypatch.setitem(TEMPORARY_CACHES, "ram", in_memory)
    call = ("reproduce", "--table", 3, "--models", "unet", "--data", folder, *RECIPE[:-1][:4], "--batch-size", 4)
    assert "--budget 0.01: not enough" in fails(*call, "--cache", "none", "--budget", 0.01, "--out", tmp_path / "table")
