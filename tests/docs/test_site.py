"""Generated parts of the documentation, and the checks that fail its strict build."""

import importlib
import json
import pathlib
import sys

import pytest

from tests.cli import run

pytest.importorskip("mkdocstrings_handlers", reason="the extra docs is not installed")
ROOT = pathlib.Path(__file__).parents[2]
SCHEMAS = ROOT / "cafct_keras" / "evaluation" / "results" / "schema"


def script(name):
    """A module of docs/scripts, which MkDocs imports by its name alone."""
    sys.path.insert(0, str(ROOT / "docs" / "scripts"))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.pop(0)


@pytest.mark.parametrize("command", ["fit", "predict", "data verify"])
def test_every_option_of_the_help_is_in_the_reference(command):
    reference = script("click_reference").command_line()
    _, section = reference.split(f"## {command} {{#{command.replace(' ', '-')}}}\n")
    section = section.partition("\n## ")[0]
    listed = [line.split()[0] for line in run(*command.split(), "--help").out.splitlines() if line.startswith("  --")]
    assert len(listed) > 1
    for option in listed:
        assert f"\n`{option}" in section


def test_every_key_of_a_recipe_is_in_the_reference(tmp_path):
    from cafct_keras.recipes import load_config

    reference = script("click_reference").recipe()
    for group, values in load_config("paper").to_dict().items():
        for key in values if isinstance(values, dict) else [group]:
            assert f"| [`{key}`](../command_line.md#fit--" in reference or (group, key) == ("data", "augmentation")
    assert "| [`rotation`](../command_line.md#fit--rotation) | number |" in reference


@pytest.mark.parametrize("name", ["evaluation", "comparison"])
def test_every_field_of_a_document_is_in_the_reference(name):
    text = script("schemas").render(name)
    (file,) = SCHEMAS.glob(f"{name}-*.json")
    schema = json.loads(file.read_text())
    for kind in (schema, *schema["$defs"].values()):
        for field in kind["properties"]:
            assert f"| `{field}` | " in text
    assert set(schema["$defs"]) == {line.split()[1] for line in text.splitlines() if line.startswith("### ")}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("```\ncafct-keras fit --data DIR --epoch 3 --out runs/a\n```", "fit has no option --epoch"),
        ("```\nsrun cafct-keras data \\\n    verfy DIR\n```", "no such command"),
        (
            "```\ncafct-keras fit --data DIR  # not --datum\ncafct-keras data verify DIR | tail --lines 1\n```",
            None,
        ),
        ("With `--ema-decay 0.9`, `predict --page` and `cafct-keras score --missing miss`, not `pip --quiet`.", None),
        ("With `predict --pages` it", "predict has no option --pages"),
        ("`--kills 8` of `python -m benchmarks.soak_commands`", None),
        ("With `--ema 0.9` it", "no command has the option --ema"),
    ],
)
def test_commands_in_pages_exist(text, problem):
    problems = list(script("commands_in_text").problems(text))
    assert len(problems) == bool(problem)
    assert (problem or "") in "".join(problems)


@pytest.mark.parametrize(
    ("link", "expected", "problem"),
    [
        ("../../README.md#data-layouts", "https://host/README.md#data-layouts", None),
        ("../../README.md#data-layout", "https://host/README.md#data-layout", "no such heading"),
        ("../../READYOU.md", "https://host/READYOU.md", "no such file"),
        ("../../CONTRIBUTING.md#add-a-network", "../contributing.md#add-a-network", None),
        ("recipes.md", "recipes.md", None),  # MkDocs checks it
        ("https://keras.io", "https://keras.io", None),
    ],
)
def test_links_that_leave_the_pages_lead_somewhere(link, expected, problem):
    text, problems = script("links").rewritten(
        f"See [this]({link}).\n\n```\n[a](b)\n```\n", "how_to/x.md", "https://host"
    )
    assert text == f"See [this]({expected}).\n\n```\n[a](b)\n```\n"
    assert len(problems) == bool(problem)
    assert (problem or "") in "".join(problems)


def test_files_that_are_not_pages_name_pages_that_exist():
    links = script("links")
    assert list(links.problems_of("a.py", "# see docs/how_to/" + "nothing.md and tests/" + "nothing.py")) == [
        "docs/how_to/" + "nothing.md: no such file in the repository"
    ]
    assert "no such heading" in next(iter(links.problems_of("A.md", "[a](docs/how_to/train.md#nothing)")))
    assert [problem for source, text in links.other_files() for problem in links.problems_of(source, text)] == []


def test_public_names_must_be_in_the_reference():
    problems = "\n".join(script("public_names").problems(shown={"cafct_keras.runs.loading.load_model"}))
    assert "cafct_keras.segment: is on no page of the reference" in problems
    assert "cafct_keras.models.UNet: is on no page of the reference" in problems
    assert "load_model" not in problems
    for other in ("docstring", "describes", "importing"):
        assert other not in problems


def test_public_names_must_be_documented(tmp_path, monkeypatch):
    (tmp_path / "cafct_keras").mkdir()
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "__init__.py").touch()
    (tmp_path / "cafct_keras" / "__init__.py").write_text(
        '__all__ = ["bare", "other", "later", "Kind"]\n\n\ndef bare(): ...\n\n\n'
        'def other(there):\n    """Does.\n\n    Args:\n        there, gone: whether.\n    """\n\n\n'
        'class Kind:\n    """One.\n\n    Attributes:\n        known: yes.\n    """\n\n'
        "    known: int\n    unknown: int\n"
    )
    monkeypatch.setattr(script("public_names"), "ROOT", tmp_path)
    assert set(
        script("public_names").problems(shown={f"cafct_keras.{name}" for name in ("bare", "other", "Kind")})
    ) == {
        "cafct_keras.bare: has no docstring",
        "cafct_keras.other: describes the argument gone, which it does not have",
        "cafct_keras.later: cannot be found without importing it; import it under TYPE_CHECKING",
        "cafct_keras.Kind.unknown: has no docstring",
    }
