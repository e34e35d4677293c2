"""Pictures of the overlap rules: sixteen slices of four cases, and the Dice score that each rule gives them."""

import pathlib
from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from benchmarks.score_pictures.drawing import (
    BOTH,
    INK,
    MUTED,
    ONLY_PREDICTION,
    colored,
    ellipse,
    masks_legend,
    panels,
    save,
)
from cafct_keras import evaluation
from cafct_keras.evaluation.metrics.overlap import Counts, concatenate, count, unit_scores
from cafct_keras.evaluation.results import Summary

HEIGHT, WIDTH = 12, 16  # of a slice, in pixels
CASES, SLICES = 4, 4
BATCH = 8
_STEP = (WIDTH + 2.5, HEIGHT + 11)  # from one slice to the next, and from one row of slices to the next
_GAP = 4  # between two cases of a row


def example() -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Name, prediction and reference of each case, bool `(4, 12, 16)`.

    Case A has a large lesion that is found, B a small one that is missed in a slice, and a false positive. C and D have
    no lesion; C has a false positive.
    """
    found = [((5, 7), (3.6, 4.6)), ((5.2, 7), (4.2, 5.4)), ((6, 7), (3, 4))]
    true = [((5.6, 7), (3.6, 4.6)), ((5.6, 7), (4.6, 5.4)), ((5.4, 7), (3, 4))]
    a = [_stack({0: each[0], 1: each[1], 2: each[2]}) for each in (found, true)]
    b = [
        _stack({1: ((6, 10), (1.6, 1.6)), 3: ((3, 4), (1.2, 1.6))}),
        _stack({1: ((6, 9), (2, 2)), 2: ((6, 9), (2, 2))}),
    ]
    c = [_stack({2: ((8, 5), (1.6, 2.2))}), _stack({})]
    d = [_stack({}), _stack({})]
    return [(name, *masks) for name, masks in zip("ABCD", (a, b, c, d), strict=True)]


def summary() -> Summary:
    """The example, scored by every rule."""
    return evaluation.summarize([evaluation.score(p, g, case=name) for name, p, g in example()])


def draw(folder: pathlib.Path) -> None:
    """Draws a picture per rule, and one of all of them."""
    cases = example()
    slices = concatenate([count(prediction, reference) for _, prediction, reference in cases])
    scores = summary().targets["lesion"].overlap
    for rule in evaluation.RULES:
        figure, (axes,) = panels(1, height=2.85)
        units = [*_units(rule, slices)]
        for index, place in enumerate(_places()):
            _, prediction, reference = cases[index // SLICES]
            picture = colored(prediction[index % SLICES], reference[index % SLICES])
            counted = any(score is not None for covered, score in units if index in covered)
            axes.imshow(picture if counted else 0.3 * picture + 0.7, extent=_extent(place), interpolation="nearest")
        for name, index in zip("ABCD", range(0, CASES * SLICES, SLICES), strict=True):
            x, y = _places()[index]
            axes.text(x, y - 1.2, f"case {name}", fontsize=9, color=MUTED)
        for covered, score in units:
            _draw_unit(axes, covered, score)
        dice = scores[rule]["dice"]
        unit = {"slice": "slices", "case": "cases", "batch": "batches"}.get(evaluation.RULES[rule].unit)
        counted = f"mean of {dice.units} {unit}" if unit else "all pixels taken together"
        axes.text(-1, -8.5, f"Dice {dice.value:.3f}", fontsize=13, weight="bold")
        axes.text(27, -8.5, counted, fontsize=11, color=MUTED)
        axes.set_xlim(-2, _places()[-1][0] + WIDTH + 2)
        axes.set_ylim(_places()[-1][1] + HEIGHT + 7.5, -13)
        axes.axis("off")
        masks_legend(figure)
        save(figure, folder / f"{rule}.png")
    _draw_all(folder / "all_rules.png")


def _draw_all(path: pathlib.Path) -> None:
    overlap = summary().targets["lesion"].overlap
    figure, (axes,) = panels(1, height=3.1)
    order = sorted(overlap, key=lambda rule: overlap[rule]["dice"].value)
    for row, rule in enumerate(order):
        dice = overlap[rule]["dice"]
        axes.barh(row, dice.value, color=BOTH, height=0.62)
        axes.text(0.93, row, f"{dice.value:.3f}", va="center", fontsize=10)
        axes.plot([dice.predict_nothing] * 2, [row - 0.42, row + 0.42], color=ONLY_PREDICTION, lw=3, clip_on=False)
    axes.plot([], [], color=ONLY_PREDICTION, lw=3, label="predicting nothing")
    axes.set_yticks(range(len(order)), order, fontsize=10, family="monospace")
    axes.set_xlim(0, 1)
    axes.set_xlabel("Dice of the same sixteen slices")
    figure.legend(loc="outside upper right", fontsize=10)
    save(figure, path)


def _stack(lesions: dict[int, tuple[tuple[float, float], tuple[float, float]]]) -> np.ndarray:
    masks = np.zeros((SLICES, HEIGHT, WIDTH), bool)
    for index, (center, radii) in lesions.items():
        masks[index] = ellipse((HEIGHT, WIDTH), center, radii)
    return masks


def _places() -> list[tuple[float, float]]:
    """Upper left corner of each slice: a batch per row, two cases in it."""
    return [
        (index % BATCH * _STEP[0] + index % BATCH // SLICES * _GAP, index // BATCH * _STEP[1])
        for index in range(CASES * SLICES)
    ]


def _extent(place: tuple[float, float]) -> tuple[float, float, float, float]:
    return place[0], place[0] + WIDTH, place[1] + HEIGHT, place[1]


def _units(rule: str, slices: Counts) -> Iterator[tuple[range, float | None]]:
    """The slices of each unit of a rule, and its Dice score; None where it is left out."""
    number = np.arange(len(slices))
    size = {"slice": 1, "case": SLICES, "batch": BATCH, "pixel": len(slices)}[evaluation.RULES[rule].unit]
    grouped = slices.grouped(number // size, len(slices) // size)
    if rule == "pooled":
        scores = 2 * grouped.tp / (2 * grouped.tp + grouped.fp + grouped.fn)
    else:
        scores = unit_scores(rule, "dice", grouped)
    for index, score in enumerate(scores):
        yield range(index * size, (index + 1) * size), None if np.isnan(score) else float(score)


def _draw_unit(axes: Axes, covered: range, score: float | None) -> None:
    """Draws a frame around the slices of a unit, and its score below."""
    for first in range(covered.start, covered.stop, BATCH):  # a row at a time
        last = min(first + BATCH, covered.stop) - 1
        (left, top), (right, _) = _places()[first], _places()[last]
        color, width = (INK, 1.3) if score is not None else (MUTED, 0.6)
        frame = (left - 0.6, top - 0.6), right + WIDTH - left + 1.2, HEIGHT + 1.2
        axes.add_patch(Rectangle(*frame, fill=False, ec=color, lw=width))
        text = "left out" if score is None else f"{score:.2f}"
        if len(covered) <= BATCH:
            size = 8.5 if score is None and len(covered) == 1 else 11
            middle = (left + right + WIDTH) / 2
            axes.text(middle, top + HEIGHT + 1.6, text, ha="center", va="top", fontsize=size, color=color)
