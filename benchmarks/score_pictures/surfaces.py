"""Pictures of the surface measures, on one slice of 1 mm pixels."""

import pathlib

import numpy as np
from matplotlib.collections import LineCollection
from scipy.spatial import cKDTree

from benchmarks.score_pictures.drawing import (
    BOTH,
    INK,
    MUTED,
    ONLY_PREDICTION,
    ONLY_REFERENCE,
    colored,
    ellipse,
    masks_legend,
    panels,
    save,
    show,
)
from cafct_keras.evaluation import surface_distances
from cafct_keras.evaluation.metrics.surfels import surfels
from cafct_keras.measurement.components import boundary

SHAPE = (30, 40)
SPACING = (1.0, 1.0)


def example() -> tuple[np.ndarray, np.ndarray]:
    """Prediction and reference, bool `(30, 40)`: the prediction is a little to the left and has a spur."""
    reference = ellipse(SHAPE, (15, 19), (9, 12))
    prediction = ellipse(SHAPE, (15, 18), (9, 11.5)) | ellipse(SHAPE, (13, 30), (2, 6.5))
    return prediction, reference


def draw(folder: pathlib.Path) -> None:
    """Draws a picture per kind of measure."""
    _draw_distances(folder / "distances.png")
    _draw_tolerance(folder / "surface_dice.png")
    _draw_boundary_iou(folder / "boundary_iou.png")
    _draw_missing(folder / "missing.png")


def _draw_distances(path: pathlib.Path) -> None:
    prediction, reference = example()
    values = surface_distances(prediction, reference, spacing=SPACING)
    figure, (left, right) = panels(2, height=2.9)
    show(left, np.full((*SHAPE, 3), 1.0), "to the nearest boundary voxel")
    both = []
    for mask, other, color in ((prediction, reference, ONLY_PREDICTION), (reference, prediction, ONLY_REFERENCE)):
        here, there = (np.argwhere(boundary(each)) for each in (mask, other))
        distances, nearest = cKDTree(there).query(here)
        both.append(distances)
        left.add_collection(LineCollection(np.stack([here, there[nearest]], 1)[..., ::-1], colors=MUTED, lw=0.8))
        left.scatter(here[:, 1], here[:, 0], s=9, color=color, zorder=2)
    ordered = [np.sort(each) for each in both]
    for distances, color, name in zip(
        ordered, (ONLY_PREDICTION, ONLY_REFERENCE), ("from the prediction", "from the reference"), strict=True
    ):
        right.plot(100 * np.arange(1, len(distances) + 1) / len(distances), distances, color=color, lw=2, label=name)
    for name in ("hd", "hd95", "rmsd", "assd"):
        right.axhline(values[name], color=MUTED, lw=0.8, ls=":")
        right.text(1, values[name] + 0.03, f"{name}_mm {values[name]:.2f}", fontsize=9.5, va="bottom")
    right.set_xlabel("per cent of boundary voxels, nearest first")
    right.set_ylabel("distance (mm)")
    right.set_xlim(0, 100)
    right.set_ylim(0, values["hd"] * 1.15)
    right.legend(loc="center left", bbox_to_anchor=(0.0, 0.42), fontsize=9.5)
    save(figure, path)


def _draw_tolerance(path: pathlib.Path) -> None:
    prediction, reference = example()
    values = surface_distances(prediction, reference, spacing=SPACING, tolerances=(1.0,))
    figure, axes = panels(2, height=2.9)
    masks = prediction, reference
    voxels = [np.argwhere(boundary(mask)).astype(float) for mask in masks]
    elements, lengths = zip(*(surfels(mask, SPACING) for mask in masks), strict=True)
    weights = [40 * each for each in lengths]
    for panel, places, sizes, name, title in (
        (axes[0], voxels, [30 * np.ones(len(each)) for each in voxels], "nsd_1", "boundary voxels, counted"),
        (axes[1], elements, weights, "surfel_nsd_1", "surfels, by their length"),
    ):
        show(panel, np.where((prediction | reference)[..., None], 0.95, 1.0) * np.ones(3))
        panel.set_title(f"{name}_mm {values[name]:.3f}\n{title}", fontsize=11)
        for here, there, size in zip(places, places[::-1], sizes, strict=True):
            within = cKDTree(there).query(here)[0] <= 1 + 1e-6
            panel.scatter(here[:, 1], here[:, 0], s=0.4 * size, color=np.where(within, BOTH, ONLY_PREDICTION))
    for color, name in ((BOTH, "within 1 mm of the other surface"), (ONLY_PREDICTION, "farther")):
        axes[0].scatter([], [], color=color, label=name)
    figure.legend(loc="outside lower center", ncols=2, fontsize=10)
    save(figure, path)


def _draw_boundary_iou(path: pathlib.Path) -> None:
    shape = (90, 120)
    reference, prediction = (ellipse(shape, (45, x), (27, width)) for x, width in ((57, 36), (54, 34.5)))
    iou = np.count_nonzero(prediction & reference) / np.count_nonzero(prediction | reference)
    reach = max(1, round(0.02 * float(np.hypot(*shape))))
    bands = []
    for mask in (prediction, reference):
        inner = mask.copy()
        for _ in range(reach):
            padded = np.pad(inner, 1)
            views = [padded[r : r + shape[0], c : c + shape[1]] for r in range(3) for c in range(3)]
            inner = np.logical_and.reduce(views)
        bands.append(mask & ~inner)
    value = surface_distances(prediction, reference, spacing=SPACING)["boundary_iou"]
    assert np.isclose(value, np.count_nonzero(bands[0] & bands[1]) / np.count_nonzero(bands[0] | bands[1]))
    figure, (left, right) = panels(2, height=2.9)
    show(left, colored(prediction, reference), f"iou {iou:.3f}: whole masks")
    show(right, colored(*bands), f"boundary_iou {value:.3f}: bands {reach} pixels wide")
    masks_legend(figure)
    save(figure, path)


def _draw_missing(path: pathlib.Path) -> None:
    _, reference = example()
    nothing = np.zeros_like(reference)
    figure, axes = panels(3, height=2.5)
    for panel, prediction, truth, title in (
        (axes[0], nothing, reference, "missed"),
        (axes[1], ellipse(SHAPE, (9, 29), (3, 4)), nothing, "false positive"),
        (axes[2], nothing, nothing, "both empty"),
    ):
        values = surface_distances(prediction, truth, spacing=SPACING, tolerances=(1.0,))
        show(panel, colored(prediction, truth), title)
        if values["hd"]:
            panel.plot([-0.5, SHAPE[1] - 0.5], [-0.5, SHAPE[0] - 0.5], color=INK, lw=1.2, ls="--")
        panel.set_xlabel(f"hd_mm {values['hd']:.0f}, nsd_1_mm {values['nsd_1']:.0f}", fontsize=10)
    save(figure, path)
