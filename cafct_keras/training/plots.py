"""Figures of a run: its curves, and slices with ground truth and prediction."""

import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from cafct_keras.training.selection import AVERAGED
from pipelines.atomic import atomic_write
from pipelines.printable import one_line

TRUTH = "#2ca02c"
PREDICTION = "#d62728"
GREY, BLUE = "#7f7f7f", "#1f77b4"


def _figure(**options: Any) -> Any:
    """A figure by itself: pyplot's would need a backend, and a notebook shows its own figures by the one it chose."""
    from matplotlib.figure import Figure

    return Figure(layout="constrained", **options)


def _save(figure: Any, path: pathlib.Path) -> None:
    with atomic_write(path) as temporary:
        figure.savefig(temporary, dpi=110)


def plot_curves(
    history: dict[str, list[float | None]], path: pathlib.Path, *, dice: str, validated: str, best_epoch: int
) -> None:
    """Plots loss and Dice by epoch, of training and of validation if there is one.

    Args:
        history: metric name to one value per epoch.
        path: the PNG file to write.
        dice: name of the Dice metric of training.
        validated: name of that of validation; with its mean over epochs, where the best was chosen by that.
        best_epoch: epoch of the kept model, from 1.
    """
    figure = _figure(figsize=(10, 3.6))
    axes = figure.subplots(1, 2)
    for axis, name, of_validation in zip(axes, ("loss", dice), ("loss", validated), strict=True):
        lines = {"training": (name, GREY, "-"), "validation": (f"val_{of_validation}", BLUE, "-")}
        if name == dice:
            lines["mean over epochs"] = (f"val_{AVERAGED}", BLUE, ":")
        for label, (values, color, style) in lines.items():
            if values in history:
                # Of which score, where training and validation show two.
                score = "" if name == of_validation else values.removeprefix("val_").replace("_", " ")
                axis.plot(
                    np.arange(1, len(history[values]) + 1),
                    np.array(history[values], float),  # None becomes NaN, a gap
                    style,
                    color=color,
                    label=label + f": {score}" * bool(score and values != f"val_{AVERAGED}"),
                )
        axis.axvline(best_epoch, color=GREY, linewidth=0.8, linestyle="--", label=f"kept: epoch {best_epoch}")
        axis.set(xlabel="epoch", title="loss" if name == "loss" else "Dice")
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.3)
    axes[1].set_ylim(0, 1)
    for axis in axes:
        axis.legend(frameon=False, fontsize=8)
    _save(figure, path)


def plot_samples(
    images: np.ndarray,
    masks: np.ndarray,
    probabilities: np.ndarray,
    names: Sequence[str],
    path: pathlib.Path,
    *,
    title: str,
) -> None:
    """Plots slices in three rows: the image, the image with the ground truth, the image with the prediction.

    Args:
        images: `(N, H, W)` uint8 grey values.
        masks: `(N, H, W)` in [0, 1], the covered fraction of each pixel; outlined at 0.5.
        probabilities: `(N, H, W)` in [0, 1]; outlined at 0.5.
        names: N names.
        path: the PNG file to write.
        title: title of the figure.
    """
    count = len(images)
    figure = _figure(figsize=(1.9 * count, 6.2))
    axes = figure.subplots(3, count, squeeze=False, gridspec_kw={"wspace": 0.02})
    rows = zip(("image", "truth", "prediction"), (None, masks, probabilities), (None, TRUTH, PREDICTION), strict=True)
    for row, (label, outlines, color) in enumerate(rows):
        for column in range(count):
            axis = axes[row, column]
            axis.imshow(images[column], cmap="gray", vmin=0, vmax=255)
            if outlines is not None and outlines[column].max() > 0.5 > outlines[column].min():
                axis.contour(outlines[column], levels=[0.5], colors=[color], linewidths=1.2)
            axis.set(xticks=[], yticks=[])
            if row == 0:
                axis.set_title(one_line(names[column]), fontsize=8, parse_math=False)
            if column == 0:
                axis.set_ylabel(label)
    figure.suptitle(title, fontsize=10)
    _save(figure, path)
