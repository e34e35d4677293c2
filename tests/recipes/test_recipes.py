"""Recipes: the values that a configuration leaves open, and configurations as files."""

import csv
import tomllib

import numpy as np
import pytest
from PIL import Image

import cafct_keras
from cafct_keras.errors import UserError
from cafct_keras.models.registry import needs_context
from cafct_keras.recipes import list_recipes, load_config, save_config
from cafct_keras.runs.config import OPTIONS, FitConfig
from cafct_keras.training import DataConfig, ModelConfig, OptimizerConfig, SessionConfig
from cafct_keras.training.config import resolve
from pipelines.loading.augmentation import Augmentation
from tests.cli import fails, run
from tests.trained import SMALL

OWN = [name for name in list_recipes() if load_config(name).recipe == "own"]


@pytest.mark.parametrize("name", OWN)
def test_an_own_recipe_decides_what_the_user_does_not(name):
    context = 3 * needs_context(name)
    config = resolve(FitConfig.from_options(data="slices", model=name, context=context, recipe="own"))
    own, paper = load_config(name), load_config("paper")
    for option in (option for option in OPTIONS if FitConfig()[option] is None):
        if own[option] is not None:
            assert config[option] == own[option]
        elif paper[option] is not None and option not in ("momentum", "weight_decay"):
            assert config[option] == paper[option]
    assert not any(own[option] is not None for option, place in OPTIONS.items() if place.option.by_data)
    assert resolve(FitConfig.from_options(data="slices", model=name, context=context)).optimizer.name == "sgd"
    # The file alone says the same.
    assert resolve(own.replace(data="slices", context=context)) == config


def test_own_recipes_by_their_numbers():
    def own(name, **options):
        return resolve(FitConfig.from_options(data="slices", model=name, recipe="own", **options))

    unet, ctc_net, dense_unet = own("unet"), own("ctc_net"), own("dense_unet")
    assert (unet.optimizer.batch_size, unet.optimizer.momentum, unet.optimizer.schedule) == (1, 0.99, "constant")
    assert (unet.optimizer.name, unet.optimizer.learning_rate, unet.loss.dice_weight) == ("sgd", 1e-3, 0)
    assert (ctc_net.loss.bce_weight, ctc_net.loss.dice_weight, ctc_net.optimizer.learning_rate) == (0.3, 0.7, 0.05)
    assert ctc_net.data.augmentation == Augmentation(flip=True, quarter_turns=True, rotation=20)
    assert (dense_unet.optimizer.name, dense_unet.optimizer.weight_decay) == ("nesterov", 0)
    assert own("pvtformer").optimizer.weight_decay is None  # Adam has none


def test_every_model_has_an_own_recipe():
    assert set(OWN) == set(cafct_keras.list_models()) - {"micro"}  # of other tests


def test_the_user_wins_over_any_recipe():
    chosen = {"optimizer": "nesterov", "schedule": "constant", "momentum": 0.5}
    chosen["augmentation"] = Augmentation(noise=0.1)
    for recipe in ("paper", "own"):
        config = resolve(FitConfig.from_options(data="slices", model="ctc_net", recipe=recipe, **chosen))
        assert {name: config[name] for name in chosen} == chosen
    assert config.loss.dice_weight == 0.7


def test_the_phantom_keeps_its_size_and_window():
    common = resolve(FitConfig.from_options(model="pvtformer"))
    own = resolve(FitConfig.from_options(model="pvtformer", recipe="own"))
    for name in ("preset", "size", "window", "epochs"):
        assert own[name] == common[name]
    assert [common[name] for name in ("optimizer", "warmup_epochs", "clip_norm")] == ["adamw", 1.0, 1.0]
    assert [own[name] for name in ("optimizer", "warmup_epochs", "clip_norm")] == ["adam", 0.0, None]
    assert resolve(FitConfig.from_options(schedule="constant")).optimizer.warmup_epochs == 0


@pytest.mark.parametrize("name", list_recipes())
def test_a_configuration_survives_its_file(name, tmp_path):
    config = load_config(name)
    save_config(config, tmp_path / "saved.toml")
    assert load_config(str(tmp_path / "saved.toml")) == config
    resolved = resolve(config.replace(context=3 * needs_context(config.model.name), out="run"))
    save_config(resolved, tmp_path / "resolved.toml")
    assert resolve(load_config(str(tmp_path / "resolved.toml"))) == resolved


def test_types_of_files_and_of_python_are_one():
    """Tuples, whole numbers for floats and as keys: JSON and TOML change them all."""
    config = FitConfig(
        data=DataConfig(window=[-100, 200], size=np.int64(64)),
        model=ModelConfig(options={"aspp_levels": (3, 4), "aspp_rates": {4: (6, 12)}}),
        optimizer=OptimizerConfig(learning_rate=1),
        session=SessionConfig(checkpoint_every=20),
    )
    assert FitConfig.from_dict(tomllib.loads("""
        data = {window = [-100, 200], size = 64}
        model.options = {aspp_levels = [3, 4], aspp_rates = {4 = [6, 12]}}
        optimizer.learning_rate = 1.0
        session.checkpoint_every = "20"
    """)) == config  # fmt: skip
    assert config.data.window == (-100.0, 200.0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[optimizer]\nepoch = 3", "optimizer.epoch: unknown; choose name, learning_rate"),
        ("[optimizer]\nepochs = 'many'", "optimizer.epochs many: must be an integer"),
        ("[optimizer]\nepochs = true", "optimizer.epochs True: must be an integer"),
        ("[data]\nwindow = [1]", "data.window [1]: must be a list of the right length"),
        ("[data.augmentation]\nflop = true", "data.augmentation.flop: unknown; choose flip"),
        ("[data.augmentation]\nrotation = 500", "rotation 500"),
        ("data = 3", "data: must be a table"),
        ("epochs = 3", "epochs: belongs in a table; write optimizer.epochs"),
        ("epoch = 3", "epoch: unknown; choose data, model"),
        ("[data", "broken.toml: "),
    ],
)
def test_mistaken_files_are_named_with_their_key(text, words, tmp_path):
    file = tmp_path / "broken.toml"
    file.write_text(text)
    message = fails("fit", "--config", file)
    assert "broken.toml: " in message
    assert words in message


def test_a_file_that_is_not_there():
    assert "--config paperr: no such file or recipe; choose attention_unet" in fails("fit", "--config", "paperr")
    with pytest.raises(UserError, match="`config` paperr: no such file or recipe"):
        load_config("paperr")


def test_options_on_the_command_line_win_over_the_file(slices_folder, tmp_path):
    file, out = tmp_path / "mine.toml", tmp_path / "run"
    file.write_text("""
        seed = 7
        [data]
        target = "liver"
        size = 32
        augmentation = {rotation = 20, flip = true}
        [model]
        name = "micro"
        [optimizer]
        name = "adamw"
        epochs = 1
    """)
    chosen = ("--batch-size", 4, "--rotation", 5, "--no-flip", "--noise", 0.1, "--save-config", tmp_path / "saved.toml")
    result = run("fit", "--config", file, "--data", slices_folder, *chosen, "--out", out, "--json")
    assert result.code == 0, result
    config = FitConfig.from_dict(result.json["config"])
    given = {"seed": 7, "target": "liver", "optimizer": "adamw", "batch_size": 4}
    assert {name: config[name] for name in given} == given
    assert config.data.augmentation == Augmentation(rotation=5, noise=0.1)
    assert load_config(str(tmp_path / "saved.toml")).replace(out=str(out)) == config
    # The same command again, for a scheduler that may start it any number of times.
    assert "finished" in run("fit", "--config", file, "--data", slices_folder, *chosen, "--resume", "--out", out).out
    assert "--seed 8: the run in" in fails("fit", "--config", file, *chosen, "--seed", 8, "--resume", "--out", out)


def test_msd_liver_is_the_recipe_of_the_readme(slices_folder):
    first, second = (resolve(load_config(f"msd_liver_{step}").replace(data="DIR", out="run")) for step in (1, 2))
    options = {"preset": "small", "optimizer": "adamw", "batch_size": 4, "target": "liver", "window": (-200, 250)}
    for config in (first, second):
        assert {name: config[name] for name in options} == options
    assert [first[name] for name in ("size", "epochs", "warmup_epochs", "learning_rate")] == [128, 28, 1, 1e-3]
    assert [second[name] for name in ("size", "epochs", "warmup_epochs", "learning_rate")] == [256, 13, 0.5, 5e-4]
    assert first.data.augmentation == Augmentation(contrast=0.3, brightness=0.1, rotation=20, scale=0.2, shift=0.05)
    assert second.data.augmentation == Augmentation(contrast=0.3, brightness=0.1)


def test_a_run_by_its_network_s_own_recipe(slices_folder, tmp_path):
    """Its card says so, and its loss is the one that the weights ask for: here twice the cross-entropy alone."""
    out = tmp_path / "run"
    # CAFCT-Net's own recipe, of an ablation that compiles quickly.
    network = ("--model-option", "ablation=transformer", "--model-option", "aspp_levels=[]")
    recipe = ("--recipe", "own", "--schedule", "poly", "--bce-weight", 2, "--dice-weight", 0, "--epochs", 1)
    result = run("fit", "--data", slices_folder, *SMALL, *network, *recipe, "--out", out, "--json")
    assert result.code == 0, result
    config = FitConfig.from_dict(result.json["config"])
    chosen = {"recipe": "own", "optimizer": "sgd", "momentum": 0.9, "schedule": "poly", "dice_weight": 0}
    assert {name: config[name] for name in chosen} == chosen
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
        (("--recipe", "best"), "--recipe best: unknown; choose paper, own"),
        (("--schedule", "poly", "--warmup-epochs", 1), "--warmup-epochs 1: goes with --schedule cosine only"),
        (("--bce-weight", 0, "--dice-weight", 0), "--bce-weight 0 --dice-weight 0: one of them must be above 0"),
        (("--bce-weight", -1), "--bce-weight -1: must be at least 0"),
    ],
)
def test_mistaken_recipes(options, words, slices_folder, tmp_path):
    assert words in fails("fit", "--data", slices_folder, *SMALL, *options, "--out", tmp_path / "run")
    assert not (tmp_path / "run").exists()
