"""One picture of a segmented scan that shows what matters of it.

The slice with the most lesion, or else the most liver; the coronal section through the same place; and the largest
lesions from near, or else the liver at four heights.
"""

import dataclasses
import functools
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cafct_keras.measurement.measurements import LesionMeasurements
from cafct_keras.pages.pictures import outlines
from cafct_keras.prediction.page.findings import diameters, slice_of, summary
from cafct_keras.prediction.page.view import COLORS, ScanView
from pipelines.atomic import atomic_write
from pipelines.printable import one_line

SIDE, GAP, HEADER = 480, 8, 40  # pixels
BACKGROUND, INK = "#15171a", "#e4e7ea"
FINER = 3  # outlines are drawn as many times as large, since Pillow draws hard edges
DETAILS = 4
LOWEST = 0.15  # height over width of the flattest coronal section that is shown


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Panel:
    """A section of the scan.

    Attributes:
        grey: uint8 `(H, W)`.
        masks: target to bool `(H, W)`.
        stretch: height of a pixel over its width.
        caption: what it shows.
        top: letter of the patient's side at the top; empty if unknown.
        mark: row in which another panel's section crosses, in pixels.
    """

    grey: np.ndarray
    masks: dict[str, np.ndarray]
    stretch: float
    caption: str
    top: str = ""
    mark: float | None = None

    def draw(self, side: int) -> Image.Image:
        """The panel as large as a square of `side` pixels allows."""
        height, width = self.grey.shape
        scale = side / max(height * self.stretch, width)
        across, down = scale, scale * self.stretch
        size = max(1, round(width * across)), max(1, round(height * down))
        panel = Image.fromarray(self.grey).resize(size, Image.Resampling.BICUBIC).convert("RGB")
        for target, mask in self.masks.items():
            lines = Image.new("L", (FINER * size[0], FINER * size[1]))
            pen = ImageDraw.Draw(lines)
            for loop in outlines(mask):
                corners = np.concatenate([loop, loop[:2]]) * (FINER * across, FINER * down)
                pen.line([tuple(each) for each in corners.tolist()], 255, round(1.75 * FINER), "curve")
            panel.paste(COLORS[target], mask=lines.resize(size, Image.Resampling.BOX))
        draw = ImageDraw.Draw(panel)
        if self.mark is not None:
            y = round((self.mark + 0.5) * down)
            for ends in ((0, 14), (size[0] - 15, size[0] - 1)):
                draw.line([(ends[0], y), (ends[1], y)], INK, 2)
        _write(draw, (6, size[1] - 6), self.caption, anchor="ls")
        if self.top:
            _write(draw, (size[0] / 2, 6), self.top, anchor="mt")
            _write(draw, (6, 6), "R", anchor="lt")
        return panel


def write_preview(view: ScanView, path: str | Path) -> None:
    """Writes a PNG of one case.

    Equal cases give equal files.

    Args:
        view: the case.
        path: of the file, which is replaced if it exists.
    """
    panels = [each.draw(SIDE) for each in _sections(view)]
    small = (SIDE - GAP) // 2
    details = [each.draw(small) for each in _details(view)]
    columns = math.ceil(len(details) / 2)
    width = len(panels) * (SIDE + GAP) + columns * (small + GAP) + GAP
    picture = Image.new("RGB", (width, HEADER + SIDE + GAP), BACKGROUND)
    _header(ImageDraw.Draw(picture), view, width)
    for index, panel in enumerate(panels):
        _paste(picture, panel, GAP + index * (SIDE + GAP), HEADER, SIDE)
    for index, panel in enumerate(details):
        left = GAP + len(panels) * (SIDE + GAP) + index % columns * (small + GAP)
        _paste(picture, panel, left, HEADER + index // columns * (small + GAP), small)
    with atomic_write(path) as temporary:
        picture.save(temporary, "PNG", optimize=True)


def _sections(view: ScanView) -> Iterator[_Panel]:
    """The slice that shows the most, and the coronal section through the middle of that."""
    target = next((each for each in ("lesion", "liver") if each in view.masks and any(view.areas(each))), None)
    index = int(np.argmax(view.areas(target))) if target else len(view) // 2
    row = round(np.argwhere(view.mask(target, index))[:, 0].mean()) if target else view.size[0] // 2
    coronal = _coronal(view, row, index)
    yield dataclasses.replace(_axial(view, index), top=view.sides.get("top", ""), mark=row if coronal else None)
    if coronal:
        yield coronal


def _details(view: ScanView) -> Iterator[_Panel]:
    """The largest lesions; without any, the liver at four heights."""
    if lesions := view.measurements.lesions:
        for lesion in lesions[:DETAILS]:
            box = view.around(*lesion.centroid[1:], _radius(view, lesion))
            yield _axial(view, slice_of(lesion), box, f"lesion {lesion.number}: {diameters(lesion)}")
    elif "liver" in view.masks and len(view) > 1 and len(shown := np.flatnonzero(view.areas("liver"))):
        for place in np.unique(np.linspace(0, len(shown) - 1, DETAILS + 2)[1:-1].round().astype(int)):
            yield _axial(view, int(shown[place]), view.box())


def _radius(view: ScanView, lesion: LesionMeasurements) -> float:
    """Half the longest axis of a lesion in pixels."""
    if lesion.longest_axis_mm is None or view.case.spacing is None:
        return math.sqrt(lesion.voxels) / 2
    return lesion.longest_axis_mm / min(view.case.spacing[1:]) / 2


def _coronal(view: ScanView, row: int, index: int) -> _Panel | None:
    """None where there is none, or one too flat to show anything."""
    slice_step, _, column_step = view.case.spacing or (0, 1, 1)
    if not view.is_volume or len(view) * slice_step < LOWEST * view.size[1] * column_step:
        return None
    return _Panel(
        grey=view.coronal_grey(row),
        masks={target: view.coronal_mask(target, row) for target in view.masks},
        stretch=slice_step / column_step,
        caption="coronal",
        top="H" if view.orientation else "",
        mark=len(view) - 1 - index if view.from_feet else index,
    )


def _axial(
    view: ScanView, index: int, box: tuple[int, int, int, int] | None = None, caption: str | None = None
) -> _Panel:
    top, left, height, width = box or (0, 0, *view.size)
    part = slice(top, top + height), slice(left, left + width)
    where = f"slice {index + 1} of {len(view)}" if len(view) > 1 else f"slice {one_line(view.case.slice_names[0])}"
    return _Panel(
        grey=view.grey(index)[part],
        masks={target: view.mask(target, index)[part] for target in view.masks},
        stretch=view.stretch,
        caption=where if caption is None else caption,
    )


def _header(draw: ImageDraw.ImageDraw, view: ScanView, width: int) -> None:
    """What was measured, and before it as much of the name as there is room for."""
    x = float(width - GAP)
    for what, value in reversed(summary(view).items()):
        text = f"{what} {value}"
        color = {"Liver": COLORS["liver"], "Lesions": COLORS["lesion"]}.get(what, INK)
        draw.text((x, HEADER / 2), text, color, _font(), anchor="rm")
        x -= _font().getlength(text) + 24
    name = one_line(view.name)
    shortened = (name[:end] + "\N{HORIZONTAL ELLIPSIS}" for end in range(len(name) - 1, 0, -1))
    name = next((each for each in (name, *shortened) if _font().getlength(each) < x - GAP), "")
    draw.text((GAP, HEADER / 2), name, INK, _font(), anchor="lm")


def _paste(picture: Image.Image, panel: Image.Image, left: int, top: int, side: int) -> None:
    picture.paste(panel, (left + (side - panel.width) // 2, top + (side - panel.height) // 2))


def _write(draw: ImageDraw.ImageDraw, place: tuple[float, float], text: str, *, anchor: str) -> None:
    draw.text(place, text, INK, _font(), anchor=anchor, stroke_width=2, stroke_fill="#000")


@functools.cache
def _font() -> ImageFont.FreeTypeFont:
    """That of matplotlib: Pillow's own has Latin letters only."""
    import matplotlib as mpl

    return ImageFont.truetype(Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", 15)
