"""Pictures of lesion-wise detection, on single slices of 1 mm pixels."""

import pathlib

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.patches import Circle

from benchmarks.score_pictures.drawing import (
    INK,
    MUTED,
    colored,
    ellipse,
    masks_legend,
    panels,
    save,
    show,
)
from cafct_keras import evaluation
from cafct_keras.evaluation.metrics.lesions import LesionScores
from cafct_keras.measurement.components import label

SHAPE = (44, 64)
SPACING = (1.0, 1.0, 1.0)


def example() -> tuple[np.ndarray, np.ndarray]:
    """Prediction and reference, bool `(44, 64)`: lesions found well, in part, barely and not, and a false positive."""
    reference = _union((9, 12, 6, 7), (9, 35, 5, 5), (31, 12, 5, 6), (9, 55, 3, 3))
    prediction = _union((9.5, 13, 5.6, 6.6), (11.5, 38.5, 4, 4), (35.4, 16, 2.2, 4), (31, 46, 4, 5))
    return prediction, reference


def matching_example() -> tuple[np.ndarray, np.ndarray]:
    """Prediction and reference, bool `(44, 64)`: a lesion in two pieces, and two lesions under one prediction."""
    reference = _union((22, 15, 14, 10), (13, 48, 7, 8), (31, 48, 7, 8))
    prediction = _union((22, 15, 13.5, 9.5), (22, 48, 17, 9))
    prediction[27:29, :30] = False
    return prediction, reference


def draw(folder: pathlib.Path) -> None:
    """Draws a picture per rule."""
    _draw_detection(folder / "detection.png")
    _draw_matching(folder / "matching.png")
    _draw_connectivity(folder / "connectivity.png")


def match(prediction: np.ndarray, reference: np.ndarray) -> LesionScores:
    """The lesions of a slice."""
    return evaluation.match_lesions(prediction[None], reference[None], spacing=SPACING, contiguous=False)


def _draw_detection(path: pathlib.Path) -> None:
    masks = example()
    scores = match(*masks)
    figure, axes = panels(3, height=2.6)
    for panel, threshold in zip(axes, (0.0, 0.1, 0.5), strict=True):
        found = [lesion.found(threshold) for lesion in scores.lesions]
        wrong = len(scores.false_positives(threshold))
        show(panel, colored(*masks), f"IoU over {threshold:g}")
        panel.set_xlabel(f"{sum(found)} of {len(found)} found, {wrong} false", fontsize=10)
        for lesion, is_found in zip(scores.lesions, found, strict=True):
            _ring(panel, lesion.centroid[1:], lesion.voxels, f"{lesion.iou:.2f}", is_found)
        for component in scores.false_positives(threshold):
            row, column = component.centroid[1:]
            panel.text(column, row, "x", ha="center", va="center", fontsize=13, weight="bold", color=INK)
    masks_legend(figure)
    save(figure, path)


def _draw_matching(path: pathlib.Path) -> None:
    masks = matching_example()
    scores = match(*masks)
    panoptic = (
        evaluation.summarize([evaluation.score(*masks, case="slice", spacing=SPACING)])
        .targets["lesion"]
        .lesions.panoptic
    )
    figure, (left, right) = panels(2, height=3.4)
    show(left, colored(*masks), "detection: all that belongs to a lesion")
    show(right, colored(*masks), "panoptic quality: one to one")
    for lesion in scores.lesions:
        row, column = lesion.centroid[1:]
        for panel, iou in ((left, lesion.iou), (right, lesion.pair_iou)):
            panel.text(column, row, f"{iou:.2f}", ha="center", va="center", fontsize=12, weight="bold", color="white")
    wrong = len(scores.false_positives(0.5))
    found = sum(lesion.found(0.5) for lesion in scores.lesions)
    left.set_xlabel(f"IoU over 0.5: {found} of {len(scores.lesions)} found, {wrong} false")
    right.set_xlabel(f"pq {panoptic.pq.value:.2f}, sq {panoptic.sq.value or 0:.2f}, rq {panoptic.rq.value:.2f}")
    masks_legend(figure)
    save(figure, path)


def _draw_connectivity(path: pathlib.Path) -> None:
    voxels = np.zeros((4, 4, 4), bool)
    voxels[0, 0:2, 0] = True  # a face in common
    voxels[1, 2, 0] = True  # an edge
    voxels[2, 3, 1] = True  # a corner
    figure, _ = panels(1, height=2.7)
    figure.clf()
    palette = colormaps["tab10"]
    for place, connectivity in enumerate((26, 18, 6), 1):
        labels, count = label(voxels, contiguous=True, connectivity=connectivity)
        panel = figure.add_subplot(1, 3, place, projection="3d")
        shown = labels.transpose(2, 1, 0)
        panel.voxels(shown > 0, facecolors=palette((shown - 1) % 10), edgecolor="white", linewidth=0.5)
        panel.set_title(f"{connectivity}: {count} lesion{'s' * (count > 1)}", fontsize=11)
        panel.set_axis_off()
        panel.set_box_aspect((1, 1, 1), zoom=1.35)
        panel.view_init(elev=22, azim=-20)
    save(figure, path)


def _union(*ellipses: tuple[float, float, float, float]) -> np.ndarray:
    return np.logical_or.reduce([ellipse(SHAPE, each[:2], each[2:]) for each in ellipses])


def _ring(axes: Axes, center: tuple[float, ...], voxels: int, text: str, found: bool) -> None:
    radius = np.sqrt(voxels / np.pi) + 2
    style = {"color": INK, "lw": 1.6} if found else {"color": MUTED, "lw": 1, "ls": ":"}
    axes.add_patch(Circle(center[::-1], radius, fill=False, **style))
    axes.text(center[1], center[0] + radius + 0.5, text, ha="center", va="top", fontsize=8.5, color=INK)
