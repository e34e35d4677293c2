"""Options are checked, and the place of the output, before data are read and before anything is written."""

import itertools

import click
import pytest

from cafct_keras.cli import cli
from cafct_keras.errors import UserError
from cafct_keras.reproduction import budget
from cafct_keras.training import FitConfig
from cafct_keras.training.config import resolve
from tests.cli import fails, run
from tests.trained import write_folder


def commands(group=cli, names=()):
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        if isinstance(command, click.Group):
            yield from commands(command, (*names, name))
        else:
            yield (*names, name), command


def option_of(parameter):
    return max(parameter.opts, key=len)


def values_of(parameter, value):
    return [value] * parameter.nargs


def needed(command, but):
    """What a command demands besides an option."""
    for parameter in command.params:
        if parameter.required and parameter is not but:
            known = parameter.type.choices[0] if isinstance(parameter.type, click.Choice) else "1"
            yield from [option_of(parameter), known] if isinstance(parameter, click.Option) else [known]


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", ""])
def test_no_option_of_any_command_takes_what_cannot_be_meant(value, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    tried = 0
    for names, command in commands():
        for parameter in command.params:
            if not isinstance(parameter, click.Option) or parameter.is_flag:
                continue
            kinds = getattr(parameter.type, "types", [parameter.type])
            wanted = click.types.StringParamType if value == "" else (click.types.FloatParamType, click.FloatRange)
            if not all(isinstance(kind, wanted) for kind in kinds):
                continue
            line = fails(
                *names, *needed(command, parameter), option_of(parameter), *values_of(parameter, value), code=2
            )
            assert option_of(parameter) in line, (names, line)
            tried += 1
    assert tried > 30
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("data") / "slices", cases=6, slices=2, size=32)


MICRO = ("--model", "micro", "--preset", "only", "--size", 32, "--epochs", 1, "--batch-size", 2, "--target", "liver")
TABLE = ("--table", 3, "--models", "micro", "--seeds", 1, *MICRO[2:])
CONFIG = (
    ("--learning-rate", -1),
    ("--weight-decay", -1),
    ("--momentum", 2),
    ("--window", 5, 5),
    ("--tversky", -1, 1),
    ("--size", 10**9),
    ("--context", 10**6),
    ("--slice-step", 0),
    ("--rotation", -1),
    ("--warmup-epochs", 9),
    ("--fold", "9/2"),
    ("--optimizer", "optax:nothing"),
    ("--model-option", "aspp_rates=[1]"),
    ("--model-option", "width={}"),
    ("--model-option", "width=-1"),
    ("--out", "/proc/x"),
    ("--out", "/dev/null/x"),
    ("--out", "x" * 300),
    ("--out", "L\udce9ber"),
    ("--out", "index.csv/x"),
)
# Command, what it needs, and options that it refuses.
REFUSED = {
    "fit": (("fit", "--data", ".", *MICRO), (*CONFIG, ("--save-config", "/proc/x"), ("--folds", 1))),
    "reproduce": (
        ("reproduce", *TABLE, "--data", "."),
        (*CONFIG, ("--budget", -1), ("--seeds", 0), ("--table", 9), ("--models", "nobody"), ("--equal-time",)),
    ),
    "prepare": (
        ("data", "prepare", "."),
        (
            ("--window", 0, 0),
            ("--window", 9, 1),
            ("--size", 10**9),
            ("--out", "/proc/x"),
            ("--out", "L\udce9ber"),
            ("--out", "index.csv"),
        ),
    ),
    "describe": (("data", "describe", "."), (("--out", "/proc/x"), ("--out", "index.csv"))),
    "benchmark": (
        ("benchmark", "predict"),
        (("--model", "nobody"), ("--preset", "huge"), ("--size", 100), ("--size", -32), ("--precision", "float8")),
    ),
    "benchmark data": (("benchmark", "data", "--data", "."), (("--cache", "x"), ("--target", "x"), ("--size", 1))),
    "evaluate": (
        ("evaluate", "no-run"),
        (
            *(("--threshold", "abc"), ("--threshold", 2), ("--split", "x"), ("--grid", "x"), ("--tolerance", -1)),
            *(("--iou-threshold", 1), ("--smooth-slices", -1), ("--out", "/proc/x"), ("--out", "index.csv")),
        ),
    ),
    "predict": (
        ("predict", "no-run", "--input", "images"),
        (
            *(("--threshold", 2), ("--format", "x"), ("--part", "3/2"), ("--smooth-slices", -1), ("--engine", "x")),
            *(("--precision", "x"), ("--out", "/proc/x"), ("--out", "index.csv/x")),
        ),
    ),
    "score": (
        ("score", "--prediction", "masks", "--reference", "masks"),
        (("--spacing", 0, 1, 1), ("--sheet", "lits"), ("--tolerance", -1), ("--out", "/proc/x")),
    ),
    "export": (("export", "no-run"), (("--format", "x"), ("--out", "/proc/x"), ("--out", "index.csv"))),
    "publish": (("publish", "no-run"), (("--power", -1), ("--out", "/proc/x"), ("--out", "images"))),
    "import-weights": (
        ("import-weights", "none.safetensors"),
        (("--into", "nobody"), ("--out", "/proc/x"), ("--out", "images")),
    ),
    "phantom": (("data", "phantom", "--layout", "nifti"), (("--out", "/proc/x"), ("--out", "images"))),
}


@pytest.mark.parametrize("command", REFUSED)
def test_refused_before_data_are_read_or_anything_is_written(command, folder, monkeypatch):
    monkeypatch.chdir(folder)
    for place in ("pipelines.layouts._open", "pipelines.masks.folders.MaskFolders.pair"):
        monkeypatch.setattr(place, lambda *_, **__: pytest.fail("data were read"))
    before = sorted(folder.rglob("*"))
    call, options = REFUSED[command]
    demands_out = command not in ("benchmark", "benchmark data")
    for option in options:
        out = ("--out", "new") if demands_out and "--out" not in option else ()
        result = run(*call, *out, *option)
        lines = result.error.strip().splitlines()
        assert (result.code in (1, 2), len(lines)) == (True, 1), (option, result)
        assert option[0] in lines[0], (option, lines)
        assert sorted(folder.rglob("*")) == before, option


@pytest.mark.parametrize("option", [("--batch-size", 40), ("--target", "both"), ("--label", "(")])
def test_what_only_the_data_tell_leaves_nothing_either(option, folder, tmp_path):
    for call in (("fit", "--model", "micro", "--save-config", tmp_path / "a.toml"), ("reproduce", *TABLE[:6])):
        line = fails(*call, "--data", folder, *MICRO[2:], *option, "--out", tmp_path / "parents" / "out")
        assert option[0] in line or str(folder) in line
        assert not list(tmp_path.iterdir())


def test_failed_commands_remove_the_parents_that_they_created(folder, monkeypatch, tmp_path):
    monkeypatch.setattr("cafct_keras.prediction.segmenter.Segmenter.segment", refuse)
    monkeypatch.setattr("cafct_keras.export.versions.convert", refuse)
    assert run("fit", "--data", folder, *MICRO, "--quiet", "--out", tmp_path / "run").code == 0
    for call in (
        ("predict", tmp_path / "run", "--input", folder / "images", "--engine", "keras"),
        ("export", tmp_path / "run"),
    ):
        assert "refused" in fails(*call, "--out", tmp_path / "some" / "parents" / "out")
        assert not (tmp_path / "some").exists()


def refuse(*arguments, **options):
    raise UserError("refused")


def test_a_budget_knows_that_first_epochs_are_smaller(folder, monkeypatch):
    monkeypatch.setattr(budget, "time_step", lambda *_, **__: {"ms_per_image": 1000.0, "compile_s": 0.0})
    base = FitConfig.from_options(
        data=str(folder), target="liver", model="micro", preset="only", size=64, epochs=9, batch_size=2, out="x"
    )
    smaller = base.replace(first_size=32, first_epochs=8)
    # 8 training, 2 validation and 2 test images of a second: an epoch takes 8 + 2/3 s, at half the size a quarter.
    whole, first = (
        budget.epochs_within(20, [resolve(config)], 1, equal_time=equal, more_than={})[0]
        for config, equal in zip((base, smaller), itertools.repeat(False))
    )
    assert first == pytest.approx(whole + 8 * 0.75, abs=1)
    assert first > whole
