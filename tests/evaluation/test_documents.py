"""The published schema, and documents of the formats before."""

import json
import pathlib
import re

import jsonschema
import pytest

from cafct_keras import evaluation
from cafct_keras.errors import UserError
from cafct_keras.evaluation import load_document
from cafct_keras.evaluation.results.schema.generate import SCHEMAS, generate
from tests.evaluation.report.documents import boxes, everything
from tests.evaluation.schema import published, valid

ESTIMATE = {"value": 0.5, "units": 2, "low": 0.4, "high": 0.6, "predict_nothing": 0.0}
DETECTION = {"recall": ESTIMATE, "precision": ESTIMATE, "f1": ESTIMATE, "recall_by_diameter": None}
# What format 1 held, in the order of its fields, for two cases of a lesion.
FORMAT_1 = {
    "format": 1,
    "title": "prediction against reference",
    "created": "2026-11-01T00:00:00+00:00",
    "command": None,
    "versions": {"numpy": "2.1.0"},
    "data": {
        "layout": "NIfTI masks",
        "split": None,
        "targets": ["lesion"],
        "notes": [],
        "warnings": [],
        "prediction": "a",
        "reference": "b",
        "labels": {"lesion": [1]},
    },
    "threshold": None,
    "results": [
        {
            "name": "as predicted",
            "postprocessing": None,
            "summary": {
                "cases": 2,
                "patients": 2,
                "slices": 8,
                "options": {
                    "seed": 0,
                    "resamples": 1000,
                    "confidence": 0.95,
                    "batch_size": 8,
                    "iou_thresholds": [0.0, 0.5],
                    "tolerances": [1, 2, 3],
                    "contiguous": True,
                    "spacing_known": True,
                },
                "targets": {
                    "lesion": {
                        "cases": 2,
                        "patients": 2,
                        "slices": 8,
                        "positive_cases": 2,
                        "positive_slices": 4,
                        "overlap": {"per_case_lits": {"dice": ESTIMATE, "iou": ESTIMATE}},
                        "surface": {
                            "unit": "volume",
                            "length": "mm",
                            "missed": 0,
                            "spurious": 0,
                            "both_empty": 0,
                            "all": {"hd95_mm": ESTIMATE},
                            "positive": {"hd95_mm": ESTIMATE},
                        },
                        "lesions": {
                            "unit": "volume",
                            "units": 2,
                            "lesions": 3,
                            "false_positives": 4,
                            "false_positives_per_unit": ESTIMATE,
                            "iou_over_0": DETECTION,
                            "iou_over_0.5": DETECTION,
                        },
                        "volume_ml": None,
                    }
                },
                "burden": None,
            },
            "cases": [
                {"case": case, "patient": case, "target": "lesion", "dice": 0.5, "hd95_mm": 3.0, "false_positives": 2}
                for case in ("1", "2")
            ],
        }
    ],
    "calibration": None,
    "paper": None,
    "failures": [],
    "run": None,
    "comparison": None,
}


@pytest.fixture
def written(tmp_path):
    def write(document):
        path = tmp_path / "evaluation.json"
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        return path

    return write


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas_are_current_and_describe_every_field(name):
    assert published(name) == generate(name)[1], "run python -m cafct_keras.evaluation.results.schema.generate"
    jsonschema.Draft202012Validator.check_schema(published(name))
    for part in (published(name), *published(name)["$defs"].values()):
        assert part["description"]
        for field, schema in part["properties"].items():
            assert len(schema["description"]) > 3, field


def test_the_schema_refuses_what_is_no_document():
    document, _ = everything()
    document["results"][0]["summary"]["targets"]["lesion"]["surface"]["missed"] = "two"
    with pytest.raises(AssertionError, match=r"surface\.missed: 'two' is not of type 'integer'"):
        valid(document)


def test_documents_load_as_they_were_written(written):
    document, _ = everything()
    path = written(document)
    assert load_document(path) == load_document(path.parent) == json.loads(path.read_text())


def test_documents_of_before_a_field_was_added(written):
    document, _ = everything()
    older = document | {"threshold": {"value": 0.5, "chosen_on": "given", "rule": None}}
    assert valid(load_document(written(older)))["threshold"]["smooth_slices"] == 0
    valid(older)


def test_documents_of_format_1_load_as_those_of_this_format(written):
    loaded = valid(load_document(written(FORMAT_1)))
    first = loaded["results"][0]["cases"][0]
    assert (first["dice"], first["hd95_mm"], first["false_positives_iou_over_0"]) == (0.5, 3.0, 2)
    target = loaded["results"][0]["summary"]["targets"]["lesion"]
    assert target["overlap"]["per_case_lits"]["dice"]["value"] == 0.5
    found = target["lesions"]["detection"]
    assert (found["iou_over_0"]["false_positives"], found["iou_over_0"]["f1"]["value"]) == (4, 0.5)
    # Precision by the older rule would not be that of this format.
    assert (found["iou_over_0.5"]["recall"]["value"], found["iou_over_0.5"]["precision"]["value"]) == (0.5, None)


def damaged(*path):
    def spoil():
        whole = json.loads(json.dumps(FORMAT_1 | {"format": 2, "data": FORMAT_1["data"] | {"patients": None}}))
        part = whole
        for name in path[:-1]:
            part = part[name]
        del part[path[-1]]
        return whole

    return spoil


UNREADABLE = {
    "newer": (lambda: FORMAT_1 | {"format": 3}, "format 3, and this version reads 1 to 2"),
    "cut off": (lambda: json.dumps(FORMAT_1)[:-200], "damaged, or not JSON"),
    "binary": (lambda: "\0\1", "damaged, or not JSON"),
    "several": (lambda: [FORMAT_1, FORMAT_1], "holds a list of 2; give a file of one document"),
    "something else": (lambda: {"format": 2, "rows": []}, "not the document of an evaluation"),
    "without a number": (lambda: {"results": []}, "not the document of an evaluation"),
    "without versions": (damaged("versions"), "damaged: `versions` is missing"),
    "without a summary": (damaged("results", 0, "summary"), "damaged: `results.0.summary` is missing"),
    "of another type": (lambda: everything()[0] | {"results": "none"}, 'damaged: `results` holds "none"'),
    "format 1 of another type": (
        lambda: FORMAT_1 | {"results": [{**FORMAT_1["results"][0], "cases": "none"}]},
        "damaged: a field of format 1 is missing or of another type",
    ),
    "format 1 without results": (lambda: FORMAT_1 | {"results": [{}]}, "damaged: a field of format 1 is missing"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_unreadable_documents(name, written):
    make, told = UNREADABLE[name]
    path = written(make())
    with pytest.raises(UserError, match=re.escape(told)) as raised:
        load_document(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert "\n" not in str(raised.value)


def test_a_path_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        load_document(tmp_path)


def test_every_column_is_documented(tmp_path):
    """Those of volumes and of loose slices, whose distances are in pixels."""
    page = (pathlib.Path(__file__).parents[2] / "docs" / "reference" / "files" / "evaluation.md").read_text()
    named = set(re.findall(r"`(\w+)`", page[page.index("## Columns") :]))
    for options in ({"spacing": (5.0, 0.8, 0.8)}, {"contiguous": False}):
        cases = [evaluation.score(guess, truth, case=name, **options) for name, guess, truth in boxes(2)]
        rows = [*evaluation.case_rows(cases), *evaluation.slice_rows(cases), *evaluation.lesion_rows(cases)]
        for column in {name for row in rows for name in row}:
            general = re.sub(r"(iou_over|nsd)_[\d.]+", r"\1_T", column)
            assert re.sub("_px$", "_mm", general) in named, column
