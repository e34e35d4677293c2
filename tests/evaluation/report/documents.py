"""Documents as `evaluation.json` holds them, made by the scorer itself, so that page and scorer cannot drift apart."""

import dataclasses

import numpy as np

from cafct_keras import evaluation
from cafct_keras.evaluation.report.picture import Picture
from cafct_keras.evaluation.results import FORMAT, AppliedPostProcessing
from cafct_keras.postprocessing import PostProcessing
from tests.evaluation.drawn import compare, summarize
from tests.evaluation.schema import valid

PRINTED = [("Attention U-Net", 65.92, 76.10, ["per_slice_positive"]), ("CAFCT-Net", 76.54, 84.29, ["per_case_lits"])]


def boxes(cases=6, shape=(4, 40, 48)):
    """Name, prediction and reference of cases of boxes: found, missed, spurious, and empty in both."""
    for index in range(cases):
        liver, lesion, guess = (np.zeros(shape, bool) for _ in range(3))
        liver[:, 5:35, 5:40] = True
        if index % 5 != 4:
            lesion[1:3, 10:18, 8 : 14 + index] = True
            guess[1:3, 11:18, 9 : 14 + index] = index % 3 != 1
        guess[0, 28:30, 30:32] = index % 2 == 0
        yield f"case {index}", {"lesion": guess, "liver": np.roll(liver, 1, axis=2)}, {"lesion": lesion, "liver": liver}


def result(cases, name="as predicted", postprocessing=None):
    return {
        "name": name,
        "postprocessing": postprocessing,
        "summary": summarize(cases, resamples=20),
        "cases": evaluation.case_rows(cases),
    }


def calibrated(pairs):
    """Reliability and sweep of probabilities `(slices, H, W)` against references."""
    gathered = evaluation.Calibration(bins=100)
    for probability, reference in pairs:
        gathered.add(probability, reference)
    reliability, sweep = gathered.reliability(), gathered.sweep()
    return {
        "reliability": {name: _listed(values) for name, values in vars(reliability).items()},
        "expected_error": reliability.expected_error,
        "sweep": {name: _listed(values) for name, values in vars(sweep).items()},
    }


def document(results, **parts):
    """A document of masks alone; `parts` adds what is there besides."""
    whole = {
        "format": FORMAT,
        "title": "Scores",
        "created": "2026-11-24T21:03:11+00:00",
        "command": "cafct-keras score --prediction a --reference b",
        "versions": {"numpy": np.__version__},
        "data": {
            **shared_data("PNG masks", None),
            "prediction": "a",
            "reference": "b",
            "labels": {"lesion": [1]},
        },
        "threshold": None,
        "results": results,
        "calibration": None,
        "paper": None,
        "paper_note": None,
        "failures": [],
        "run": None,
        "comparison": None,
    }
    return valid(whole | parts)


def shared_data(layout, split, warnings=()):
    """Fields of runs' data and of masks."""
    return {
        "layout": layout,
        "split": split,
        "targets": ["lesion"],
        "patients": "names",
        "notes": [],
        "warnings": list(warnings),
    }


def masks_alone():
    """One case of loose slices of a liver: the least there is to say."""
    _, prediction, reference = next(boxes())
    case = evaluation.score(prediction["liver"], reference["liver"], case="one", target="liver", contiguous=False)
    return document([result([case])])


def everything(named=str):
    """All that a document may hold, and pictures of every kind; `named` makes names of names."""
    scored, cleaned, pairs, pictures = [], [], [], []
    for name, prediction, reference in boxes():
        options = {"case": named(name), "patient": named(name), "spacing": (5.0, 0.8, 0.8)}
        large = prediction | {"lesion": evaluation.remove_small_components(prediction["lesion"], smallest=10)}
        scored.append(evaluation.score(prediction, reference, **options))
        cleaned.append(evaluation.score(large, reference, **options))
        pairs.append((np.where(prediction["lesion"], 0.85, 0.1), reference["lesion"]))
        pictures.append((named(name), prediction["lesion"][1], reference["lesion"][1]))
    rows = [dict(zip(("system", "iou", "dice", "rules"), row, strict=True)) for row in PRINTED]
    parts = {
        "title": named("A run"),
        "command": named("cafct-keras evaluate"),
        "data": {
            **shared_data("lits_png", "test", [named("seen in training")]),
            "folder": "slices",
            "fingerprint": "0" * 64,
            "intensity": "grey",
            "orientation": None,
            "grid": "native",
            "size": 48,
            "window": [-20, 180],
            "context": 0,
        },
        "threshold": {"value": 0.43, "chosen_on": "validation", "rule": "pooled_dice", "smooth_slices": 1.0},
        "calibration": {"lesion": calibrated(pairs)},
        "paper": [{"table": 2, "target": "lesion", **row} for row in rows],
        "paper_note": named("The paper states no rule."),
        "failures": [{"case": named("case 7"), "message": named("it holds NaN")}],
        "run": {"options": {"optimizer": named("sgd")}},
        "comparison": compare(scored, cleaned, runs=(named("runs/a"), named("runs/b")), resamples=20),
    }
    steps = PostProcessing(smallest_lesion=10)
    steps = AppliedPostProcessing(**{**vars(steps), "unit": "mm3"}, chosen_on="validation", rule=None)
    results = [result(scored), result(cleaned, "post-processed", dataclasses.asdict(steps))]
    return document(results, **parts), [
        picture(kind, *each, image=None if kind == "median" else np.uint8(90 + 60 * each[2]), named=named)
        for kind, each in zip(("worst", "median", "false_positive", "missed_lesion"), pictures, strict=False)
    ]


def picture(kind, case, prediction, reference, *, image=None, named=str, target="lesion"):
    return Picture(
        kind=kind,
        case=case,
        slice_name=named("7"),
        target=target,
        caption=named("Dice 0.5"),
        image=image,
        reference=reference,
        prediction=prediction,
    )


def _listed(values):
    return [None if np.isnan(value) else value for value in values.tolist()]
