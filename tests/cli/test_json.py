"""`--json`: the standard output is one document, whatever else is printed and whatever happens."""

import json

import pytest

from cafct_keras.cli.lazy import CheckedCommand
from cafct_keras.cli.shared import echo_json
from tests.cli import run
from tests.cli.test_checks import commands


def only_document(*arguments, code=0):
    result = run(*arguments, "--json")
    assert result.code == code, result
    assert result.out.count("\n") == 1
    return result.json, result.error


def test_every_command_prints_json():
    without = [names for names, command in commands() if not any(option.name == "as_json" for option in command.params)]
    assert without == []


def test_what_else_is_printed_goes_to_the_standard_error(tmp_path):
    made, said = only_document(
        "data", "phantom", "--layout", "nifti", "--cases", 3, "--slices", 2, "--size", 32, "--out", tmp_path / "ct"
    )
    assert made == {"folder": str(tmp_path / "ct"), "layout": "nifti", "cases": 3, "slices": 2, "size": 32, "seed": 0}
    assert said == f"{tmp_path / 'ct'}: 3 cases of 2 slices, layout nifti\n"
    prepared, said = only_document("data", "prepare", tmp_path / "ct", "--size", 32, "--out", tmp_path / "tfds")
    assert prepared["cases"] == {"train": 1, "validation": 1, "test": 1}
    assert f"{prepared['folder']} is ready" in said
    (tmp_path / "ct" / "segmentation-1.nii.gz").unlink()
    findings, said = only_document("data", "verify", tmp_path / "ct", code=1)
    assert "mask-missing" in {finding["code"] for finding in findings}
    assert "error mask-missing volume-1.nii.gz" in said
    facts, said = only_document("info")
    assert said.splitlines()[0].split() == ["python", facts["versions"]["python"]]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("data", "verify", "nowhere"), 1, "no such data folder"),
        (("benchmark", "predict", "--batch-size", "x"), 2, "--batch-size"),
        (("score",), 2, "--prediction"),
        (("train",), 2, "No such command 'train'"),
    ],
)
def test_errors_are_documents_too(arguments, code, message):
    document, said = only_document(*arguments, code=code)
    assert document["error"]["exit_code"] == code
    assert message in document["error"]["message"]
    assert said == f"cafct-keras: {document['error']['message']}\n"
    assert run(*arguments).out == ""


def test_numbers_that_are_not_finite_are_null(capsys):
    document = {"scores": [float("nan"), float("inf"), 0.5], "pair": (1, {"low": float("-inf")})}
    CheckedCommand("report", callback=lambda: echo_json(document)).main([], standalone_mode=False)
    assert json.loads(capsys.readouterr().out) == {"scores": [None, None, 0.5], "pair": [1, {"low": None}]}
