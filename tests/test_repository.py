"""What the repository says about itself: badges, and the version and notes of a release."""

import importlib.util
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

import cafct_keras

ROOT = pathlib.Path(__file__).parents[1]
NAMES = ("CHANGELOG.md", "CITATION.cff", "cafct_keras/__init__.py", ".ci/release_notes")


def test_badges_say_what_the_package_says():
    spec = importlib.util.spec_from_file_location("badges", ROOT / "docs" / "scripts" / "badges.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    made = script.badges()
    assert {path.name: path.read_text() for path in script.BADGES.iterdir()} == made
    shown = re.findall(r"docs/assets/badges/([\w.]+)", (ROOT / "README.md").read_text())
    assert sorted(shown) == sorted(made)


@pytest.fixture
def released(tmp_path):
    """A copy of what states the version, in which 0.9.1 is to be released."""
    for name in NAMES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    current = re.escape(cafct_keras.__version__)
    replace(tmp_path / "cafct_keras/__init__.py", f'"{current}"', '"0.9.1"')
    replace(tmp_path / "CITATION.cff", f"^version: {current}$", "version: 0.9.1")
    replace(
        tmp_path / "CHANGELOG.md", r"^## Unreleased\n[\s\S]*", "## Unreleased\n\n## 0.9.1 - 2026-12-01\n\n- It works.\n"
    )
    return tmp_path


def replace(file, pattern, text):
    changed, count = re.subn(pattern, text, file.read_text(), flags=re.MULTILINE)
    assert count == 1, file
    file.write_text(changed)


def notes(folder, tag="v0.9.1"):
    done = subprocess.run([sys.executable, ".ci/release_notes", tag], cwd=folder, capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else done.stderr.strip()


def test_notes_of_a_release(released):
    assert notes(released) == "- It works.\n"


@pytest.mark.parametrize(
    ("file", "pattern", "text", "message"),
    [
        ("CITATION.cff", "^version: .*$", "version: 0.9.0", "CITATION.cff: states 0.9.0, not 0.9.1; "),
        ("CHANGELOG.md", " - 2026-12-01$", "", "CHANGELOG.md: states no version with a date, not 0.9.1; "),
        ("CHANGELOG.md", "^## Unreleased$", "## Unreleased\n\n- Also.", "CHANGELOG.md: has changes under Unreleased; "),
        ("CHANGELOG.md", "^- It works.$", "", "CHANGELOG.md: says nothing about 0.9.1"),
        ("cafct_keras/__init__.py", '"0.9.1"', '"0.9.2"', "cafct_keras/__init__.py: states 0.9.2, not 0.9.1; "),
    ],
)
def test_what_does_not_fit_stops_a_release(released, file, pattern, text, message):
    replace(released / file, pattern, text)
    assert notes(released).startswith(message)


def test_only_versions_are_released(released):
    assert notes(released, "v0.9") == "v0.9: not the tag of a release; give one such as v0.2.0 or v0.2.0rc1"
