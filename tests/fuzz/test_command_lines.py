"""Command lines with values that nobody should give: one line, and nothing is written."""

import os
import shutil

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from cafct_keras.cli import cli
from cafct_keras.errors import UserError
from tests.cli import run
from tests.evaluation.mask_folders import LABELS
from tests.export.unconverted import leave_out
from tests.fuzz.outcomes import campaign, counts, outcome, report
from tests.weights.states import PVT_TINY, pvt

NUMBERS = ("nan", "inf", "-inf", "-1", "0", "1", "3", "-0.0", "1e308", "1e-320", "abc", "0x10", "1,5", "", " 1")
TEXTS = (
    *("x", "=", "a=", "=b", "a=b", "a=1,2", "liver=1", "liver=nan", "x=[[]]", "x={}", "size=-1", "[1e999]", "null"),
    *("[bold]x[/bold]", "{0}", "%s", "\udcff", "\x1b[2J", "a\nb", "\U0001fac0", "../x", "-", "--", "(", "(["),
    *("", " ", "a" * 5000, "auto", "none"),
)
PATHS = (
    *("nowhere", "FILE", "FOLDER", "LINK", "/proc/x", "/dev/null", "/dev/null/x", "."),
    *("", "a" * 300, "\udcff", "[red]"),
)
# These ask for much work by right, and are not what is tested.
COUNTS = ("jobs", "cases", "slices", "size", "batch_size", "epochs", "repeats", "seeds", "folds")
PLACES = (
    *("out", "data", "folder", "inputs", "within", "predictions", "reference", "pairs", "save_config", "init"),
    *("evaluations", "config", "weights"),
)


class ReachedError(UserError):
    """What takes long begins: the options were taken."""


def reached(*arguments, **options):
    raise ReachedError("reached")


def leaves(command, name=()):
    """Every command without subcommands, by the words that call it."""
    if not isinstance(command, click.Group):
        return {name: command}
    context, found = click.Context(command), {}
    for each in command.list_commands(context):
        found |= leaves(command.get_command(context, each), (*name, each))
    return found


COMMANDS = leaves(cli)


@pytest.fixture(scope="module")
def base(tmp_path_factory, scans, perfect):
    """Command to arguments and options that are right, all but `--out`."""
    root = tmp_path_factory.mktemp("base")
    save_file(pvt(**PVT_TINY), root / "pvt.safetensors")
    for folder in ("prediction", "reference"):
        (root / folder).mkdir()
        shutil.copy(scans / "segmentation-0.nii.gz", root / folder)
    assert run("evaluate", perfect, "--out", root / "a").code == 0
    masks = ("--prediction", root / "prediction", "--reference", root / "reference", *LABELS)
    small = ("--data", scans, "--size", 32, "--batch-size", 2, "--epochs", 1)
    return {
        ("fit",): (*small, "--model", "micro", "--target", "both"),
        ("predict",): (perfect, "--input", scans / "volume-0.nii.gz", "--engine", "keras"),
        ("evaluate",): (perfect,),
        ("score",): masks,
        ("compare",): (f"A={root / 'a'}", f"B={root / 'a'}"),
        ("export",): (perfect,),
        ("publish",): (perfect,),
        ("reproduce",): ("--table", 3, "--models", "unet", *small, "--preset", "tiny"),
        ("benchmark",): ("predict", "--model", "micro", "--size", 32, "--repeats", 1),
        ("data", "verify"): (scans,),
        ("data", "describe"): (scans,),
        ("data", "prepare"): (scans, "--size", 32),
        ("data", "phantom"): ("--layout", "nifti", "--cases", 3, "--slices", 1, "--size", 32),
        ("import-weights",): (root / "pvt.safetensors",),
        ("info",): (),
        ("models",): (),
    }


@pytest.fixture(scope="module")
def hollow():
    """Leaves out what takes long and comes after all options are checked."""
    with pytest.MonkeyPatch.context() as patch:
        leave_out(patch.setattr)
        patch.setattr("cafct_keras.training.run._build", reached)
        patch.setattr("cafct_keras.reproduction.costs.time_step", reached)
        patch.setattr("cafct_keras.benchmark.timing._jax_step", reached)
        patch.setattr("cafct_keras.benchmark.timing._keras_step", reached)
        yield patch


@st.composite
def mistakes(draw):
    """A command, and options for it with values of no use."""
    name = draw(st.sampled_from(list(COMMANDS)))
    options = [each for each in COMMANDS[name].params if isinstance(each, click.Option)]
    given = []
    for option in draw(st.lists(st.sampled_from(options), min_size=1, max_size=3)) if options else []:
        flag = draw(st.sampled_from([max(opts, key=len) for opts in (option.opts, option.secondary_opts) if opts]))
        count = 0 if option.is_flag else max(option.nargs, 1)
        given += [flag, *(draw(st.sampled_from(values_of(option))) for _ in range(count))]
    return name, [*given, *draw(st.sampled_from(([], [], [], [], [], ["extra"], ["--unknown"])))]


def values_of(option):
    """Values of no use, and a few that are."""
    if option.name in PLACES:
        return PATHS
    if isinstance(option.type, click.Choice):
        return (*option.type.choices, "x", "")
    values = NUMBERS if option.nargs > 1 or option.type.name.startswith(("float", "integer")) else NUMBERS + TEXTS
    return tuple(each for each in values if each != "1e308") if option.name in COUNTS else values


@campaign(300)
@given(mistakes())
def test_wrong_options(base, hollow, tmp_path_factory, mistaken):
    name, given_options = mistaken
    here = tmp_path_factory.mktemp("here")
    (here / "FILE").write_text("a file")
    (here / "FOLDER").mkdir()
    (here / "FOLDER" / "file").touch()
    (here / "LINK").symlink_to("LINK")
    out = ["--out", "out"] if any(each.name == "out" for each in COMMANDS[name].params) else []
    arguments = [*name, *base[name], *out, *given_options]
    before, where = listing(here), os.getcwd()
    kind, described = " ".join(name), " ".join(map(repr, map(str, arguments[len(name) :])))
    os.chdir(here)
    try:
        done = outcome(f"command, {kind}", described, lambda: run(*arguments))
    finally:
        os.chdir(where)
    if done is not None:
        check(f"command, {kind}", described, done, listing(here) - before)
    shutil.rmtree(here)


def check(kind, described, done, written):
    """What a command printed and wrote."""
    if done.code == 0:
        counts[f"{kind}: taken"] += 1
        return
    counts[f"{kind}: refused"] += 1
    lines = done.error.strip().splitlines()
    findings = kind == "command, data verify" and done.code == 1 and done.out  # which it is there to report
    partly = "--keep-going" in described and done.code == 1
    if "Traceback" in done.error or done.code not in (1, 2):
        report(kind, described, f"exit code {done.code}: {lines[-1:]}", None)
    elif not findings and not partly and not (lines and lines[-1].startswith("cafct-keras: ")):
        report(kind, described, f"no line that says what is wrong: {lines[-1:]}", None)
    elif written and not partly:
        report(kind, described, f"left after a refusal: {sorted(written)[:3]}", None)


def listing(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}
