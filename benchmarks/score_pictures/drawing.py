"""Style and building blocks of the pictures in docs/explanation/scores.md."""

import io
import pathlib

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from PIL import Image

from pipelines.atomic import atomic_write

BOTH, ONLY_PREDICTION, ONLY_REFERENCE = "#2a9d6f", "#e07b39", "#3b6fb6"  # distinct to the color-blind too
INK, MUTED, PAPER = "#22272e", "#8a929c", "#f1f3f5"

STYLE = {
    "font.size": 11,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "savefig.facecolor": "white",
}


def ellipse(shape: tuple[int, int], center: tuple[float, float], radii: tuple[float, float]) -> np.ndarray:
    """A mask, bool of that shape; center and radii along rows and columns, in pixels."""
    rows, columns = np.indices(shape)
    return ((rows - center[0]) / radii[0]) ** 2 + ((columns - center[1]) / radii[1]) ** 2 < 1


def colored(prediction: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Picture of two masks, float `(H, W, 3)`: pixels of both, of the prediction only and of the reference only."""
    picture = np.empty((*reference.shape, 3))
    picture[:] = to_rgb(PAPER)
    for where, color in (
        (prediction & reference, BOTH),
        (prediction & ~reference, ONLY_PREDICTION),
        (reference & ~prediction, ONLY_REFERENCE),
    ):
        picture[where] = to_rgb(color)
    return picture


def panels(columns: int, *, width: float = 7.0, height: float) -> tuple[Figure, list[Axes]]:
    """A figure with axes side by side, in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, list(figure.subplots(1, columns, squeeze=False)[0])


def show(axes: Axes, picture: np.ndarray, title: str = "") -> None:
    """Shows pixels as squares, without ticks."""
    axes.imshow(picture, interpolation="nearest")
    axes.set_title(title, fontsize=11)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def masks_legend(figure: Figure) -> None:
    """Names the colors of `colored`, below the panels."""
    names = {"in both masks": BOTH, "prediction only": ONLY_PREDICTION, "reference only": ONLY_REFERENCE}
    handles = [Patch(color=color, label=name) for name, color in names.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, handlelength=1, fontsize=10)


def save(figure: Figure, path: pathlib.Path) -> None:
    """Writes a PNG of few colors, equal byte for byte on the same versions."""
    buffer, packed = io.BytesIO(), io.BytesIO()
    figure.savefig(buffer, dpi=160)
    Image.open(buffer).convert("RGB").quantize(64, dither=Image.Dither.NONE).save(packed, "PNG", optimize=True)
    with atomic_write(path) as temporary:
        temporary.write_bytes(packed.getvalue())
