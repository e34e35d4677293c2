"""What a run is trained by where its user does not say."""

import csv

import numpy as np
import pytest
from PIL import Image

import cafct_keras
from cafct_keras.models.registry import needs_context
from cafct_keras.training import FitOptions
from cafct_keras.training.recipes import OWN, PAPER
from pipelines.loading.augmentation import Augmentation
from tests.cli import fails, run
from tests.trained import SMALL


@pytest.mark.parametrize("name", OWN)
def test_an_own_recipe_decides_what_the_user_does_not(name):
    context = 3 * needs_context(name)
    options = FitOptions(data="slices", model=name, context=context, recipe="own").resolved()
    assert {key: getattr(options, key) for key in PAPER} == {**PAPER, **OWN[name]}
    assert OWN[name].keys() <= PAPER.keys()
    assert FitOptions(data="slices", model=name, context=context).resolved().optimizer == "sgd"


def test_every_network_has_an_own_recipe():
    assert set(OWN) == set(cafct_keras.list_models()) - {"micro"}  # of other tests


def test_the_user_wins_over_any_recipe():
    chosen = {"optimizer": "adamw", "schedule": "constant", "momentum": 0.5, "augmentation": Augmentation(noise=0.1)}
    for recipe in ("paper", "own"):
        options = FitOptions(data="slices", model="ctc_net", recipe=recipe, **chosen).resolved()
        assert {name: getattr(options, name) for name in chosen} == chosen
    assert options.dice_weight == 0.7


def test_the_phantom_keeps_its_size_and_window():
    common = FitOptions(model="pvtformer").resolved()
    own = FitOptions(model="pvtformer", recipe="own").resolved()
    for name in ("preset", "size", "window", "epochs"):
        assert getattr(own, name) == getattr(common, name)
    assert (common.optimizer, common.warmup_epochs, common.clip_norm) == ("adamw", 1.0, 1.0)
    assert (own.optimizer, own.warmup_epochs, own.clip_norm) == ("adam", 0.0, None)
    assert FitOptions(schedule="constant").resolved().warmup_epochs == 0


def test_a_run_by_its_network_s_own_recipe(slices_folder, tmp_path):
    """Its card says so, and its loss is the one that the weights ask for: here twice the cross-entropy alone."""
    out = tmp_path / "run"
    # CAFCT-Net's own recipe, of an ablation that compiles quickly.
    network = ("--model-option", "ablation=transformer", "--model-option", "aspp_levels=[]")
    recipe = ("--recipe", "own", "--schedule", "poly", "--bce-weight", 2, "--dice-weight", 0, "--epochs", 1)
    result = run("fit", "--data", slices_folder, *SMALL, *network, *recipe, "--out", out, "--json")
    assert result.code == 0, result
    options = result.json["options"]
    chosen = {"recipe": "own", "optimizer": "sgd", "momentum": 0.9, "schedule": "poly", "dice_weight": 0}
    assert {name: options[name] for name in chosen} == chosen
    rows = [row for row in csv.DictReader((slices_folder / "index.csv").open()) if row["split"] == "test"]
    images, masks = (
        np.stack([np.asarray(Image.open(slices_folder / part / f"{row['id']}.png"), "float32") / 255 for row in rows])
        for part in ("images", "masks")
    )
    probability = cafct_keras.load_model(out).predict(np.repeat(images[..., None], 3, axis=-1), verbose=0)[..., 0]
    right = np.where(masks > 0.5, probability, 1 - probability)
    assert result.json["test"]["loss"] == pytest.approx(-2 * np.log(right).mean(), rel=1e-3)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--recipe", "best"), "--recipe best: unknown; give paper, own"),
        (("--schedule", "poly", "--warmup-epochs", 1), "--warmup-epochs 1: goes with --schedule cosine alone"),
        (("--bce-weight", 0, "--dice-weight", 0), "--bce-weight 0 --dice-weight 0: give 0 or more, and one above 0"),
        (("--bce-weight", -1), "--bce-weight -1 --dice-weight 1: give 0 or more"),
    ],
)
def test_mistaken_recipes(options, words, slices_folder, tmp_path):
    assert words in fails("fit", "--data", slices_folder, *SMALL, *options, "--out", tmp_path / "run")
    assert not (tmp_path / "run").exists()
