"""Pictures of the grid that is scored, of tumour burden and of calibration."""

import pathlib

import numpy as np
from matplotlib.axes import Axes

from benchmarks.score_pictures.drawing import (
    BOTH,
    MUTED,
    ONLY_PREDICTION,
    colored,
    ellipse,
    masks_legend,
    panels,
    save,
    show,
)
from cafct_keras import evaluation
from cafct_keras.evaluation.metrics.overlap import count
from cafct_keras.measurement.volumes import count_liver_and_lesion
from pipelines.grid import FULL, SquareGrid

SIDE, SMALL = 48, 12  # pixels of the data and of the network


def draw(folder: pathlib.Path) -> None:
    """Draws a picture per subject."""
    _draw_grids(folder / "grids.png")
    _draw_burden(folder / "burden.png")
    _draw_calibration(folder / "calibration.png")


def grid_scores() -> dict[str, float]:
    """Dice of one prediction on the network's grid and on that of the data."""
    return {name: _dice(*masks) for name, masks in _on_both_grids().items()}


def _on_both_grids() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    reference = ellipse((SIDE, SIDE), (22, 25), (14, 17)) & ~ellipse((SIDE, SIDE), (9, 30), (4, 7))
    grid = SquareGrid(height=SIDE, width=SIDE, size=SMALL)
    coverage = grid.coverage(reference[None])  # as a perfect network would predict it
    probability = coverage.astype(np.float32) / FULL
    return {
        "network": (probability[0] > 0.5, coverage[0] >= (FULL + 1) // 2),
        "native": (grid.restore(probability)[0] > 0.5, reference),
    }


def _dice(prediction: np.ndarray, reference: np.ndarray) -> float:
    counts = count(prediction[None], reference[None])
    return float(2 * counts.tp[0] / (2 * counts.tp + counts.fp + counts.fn)[0])


def _draw_grids(path: pathlib.Path) -> None:
    figure, axes = panels(2, height=3.4)
    for panel, (name, masks) in zip(axes, _on_both_grids().items(), strict=True):
        pixels = "x".join(map(str, masks[1].shape))
        show(panel, colored(*masks), f"{name} ({pixels}): Dice {_dice(*masks):.3f}")
    masks_legend(figure)
    save(figure, path)


def _draw_burden(path: pathlib.Path) -> None:
    shape = (40, 60)
    liver = ellipse(shape, (20, 28), (17, 26)), ellipse(shape, (20, 28), (16, 25))  # of reference and prediction
    lesion = ellipse(shape, (20, 24), (8, 9)), ellipse(shape, (20, 25), (6, 7))
    lesion_center = (24, 20)
    figure, axes = panels(2, height=2.4)
    for panel, name, organ, tumour in zip(axes, ("reference", "prediction"), liver, lesion, strict=True):
        burden = count_liver_and_lesion(liver=organ[None], lesion=tumour[None]).burden
        picture = colored(organ & ~tumour, organ & ~tumour)
        picture[tumour] = colored(tumour, tumour & False)[tumour]
        show(panel, picture, f"{name}: burden {burden:.3f}")
        panel.text(*lesion_center, "lesion", ha="center", va="center", fontsize=10, color="white")
        panel.text(44, 20, "liver", ha="center", va="center", fontsize=10, color="white")
    case = evaluation.score(
        {"liver": liver[1], "lesion": lesion[1]}, {"liver": liver[0], "lesion": lesion[0]}, case="slice"
    )
    assert case.burden is not None
    figure.supxlabel(f"error {case.burden.error:+.3f}", fontsize=11)
    save(figure, path)


def _draw_calibration(path: pathlib.Path) -> None:
    rng = np.random.default_rng(0)
    figure, axes = panels(2, height=3.1)
    for panel, sharpness, title in ((axes[0], 1.0, "calibrated"), (axes[1], 2.0, "too certain")):
        odds = rng.normal(0, 1.5, (64, 64))
        shown = rng.random(odds.shape) < 1 / (1 + np.exp(-odds))
        calibration = evaluation.Calibration()
        calibration.add(1 / (1 + np.exp(-sharpness * odds)), shown)
        _draw_reliability(panel, calibration, title)
    axes[0].set_ylabel("fraction of foreground")
    save(figure, path)


def _draw_reliability(panel: Axes, calibration: evaluation.Calibration, title: str) -> None:
    diagram = calibration.reliability()
    panel.bar(diagram.confidence, diagram.frequency, width=0.07, color=BOTH)
    panel.vlines(diagram.confidence, diagram.frequency, diagram.confidence, color=ONLY_PREDICTION, lw=3)
    panel.plot([0, 1], [0, 1], color=MUTED, ls="--", lw=1)
    panel.set_title(f"{title}: expected error {diagram.expected_error:.3f}", fontsize=11)
    panel.set_xlabel("predicted probability")
    panel.set_xlim(0, 1)
    panel.set_ylim(0, 1)
