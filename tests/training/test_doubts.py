"""What is doubtful about data is said by every command that reads them, in a line each."""

import json

from tests.cli import run
from tests.reported import reported
from tests.training import micro

MICRO = ("--model", micro.micro.__name__, "--size", 32, "--batch-size", 4, "--optimizer", "adamw", "--epochs", 1)


def test_fit_and_evaluate_say_what_verify_knows(tmp_path):
    folder = reported(70) / "70-plus1024"
    trained = run("fit", "--data", folder, *MICRO, "--out", tmp_path / "run")
    (line,) = (line for line in trained.out.splitlines() if line.startswith("warning: values from 0 to 16"))
    assert "subtract 1024" in line
    assert trained.out.index(line) < trained.out.index("epoch   1/1")
    assert line in json.loads((tmp_path / "run" / "run.json").read_text())["data"]["notes"]
    scored = run("evaluate", tmp_path / "run", "--json")
    assert any("subtract 1024" in warning for warning in scored.json["data"]["warnings"])
    assert not any("subtract 1024" in note for note in scored.json["data"]["notes"])
    assert "warning: values from 0 to 16" in scored.error
