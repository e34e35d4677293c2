import numpy as np
import pytest
from PIL import Image, ImageColor

from cafct_keras.prediction.page import write_preview
from cafct_keras.prediction.page.preview import GAP, HEADER, SIDE
from cafct_keras.prediction.page.view import COLORS
from tests.prediction.page.views import arrays, boxes, view

SMALL = (SIDE - GAP) // 2


def preview(shown, tmp_path):
    write_preview(shown, tmp_path / "preview.png")
    with Image.open(tmp_path / "preview.png") as picture:
        return np.asarray(picture).astype(int)


def panel(picture, left, side=SIDE, top=HEADER):
    return picture[top : top + side, left : left + side]


def drawn(part, target):
    """Box around what has the color of a target: left, top, right, bottom as fractions of the panel."""
    near = np.abs(part - ImageColor.getrgb(COLORS[target])).sum(axis=2) < 60
    rows, columns = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]) / len(part)


@pytest.mark.parametrize(("orientation", "shown"), [("SPL", 5), ("IAR", 7)])  # the first of slices of equal area
def test_the_slice_with_the_most_lesion_its_section_and_the_lesions(orientation, shown, tmp_path):
    picture = preview(boxes(orientation), tmp_path)
    assert picture.shape == (HEADER + SIDE + GAP, GAP + 2 * (SIDE + GAP) + SMALL + GAP, 3)
    axial, coronal = panel(picture, GAP), panel(picture, GAP + SIDE + GAP)
    # Slices of 40 x 52 pixels, in the middle of a square; within the line's width.
    across, margin = 1 / 52, (52 - 40) / 52 / 2
    expected = {"lesion": (8, 10, 18, 16), "liver": (4, 6, 34, 30)}
    for target, (left, top, right, bottom) in expected.items():
        box = np.array([left, top, right, bottom]) * across + (0, margin, 0, margin)
        assert np.abs(drawn(axial, target) - box).max() < 0.01
    # Nine slices of 5 mm, the head at the top, beside columns of 1.5 mm.
    down, margin = 5 / 1.5 / 52, (52 - 9 * 5 / 1.5) / 52 / 2
    for target, (left, right, low, high) in {"lesion": (8, 18, 5, 8), "liver": (4, 34, 2, 8)}.items():
        box = (left * across, margin + (9 - high) * down, right * across, margin + (9 - low) * down)
        assert np.abs(drawn(coronal, target) - box).max() < 0.01
    for part, place in ((axial, (40 / 52 - 1) / -2 + 12.5 * across), (coronal, margin + (9 - shown - 0.5) * down)):
        bright = np.flatnonzero((part[:, -12:] > 200).all(axis=(1, 2)))  # a mark where the other section is
        assert np.abs(bright / SIDE - place).max() < 0.01
    # Both lesions from near: as much of the slices as `surroundings` leaves, 40 x 52 pixels, the larger one first.
    left = GAP + 2 * (SIDE + GAP)
    for top, (first, last) in zip((HEADER, HEADER + SMALL + GAP), ((8, 18), (25, 29)), strict=True):
        box = drawn(panel(picture, left, SMALL, top), "lesion")
        assert np.abs(box[[0, 2]] - np.array([first, last]) / 52).max() < 0.02


def test_the_liver_at_four_heights_where_there_is_no_lesion(tmp_path):
    images, masks = arrays()
    picture = preview(view(images, {"liver": masks["liver"]}), tmp_path)
    assert picture.shape[1] == GAP + 2 * (SIDE + GAP) + 2 * (SMALL + GAP)
    for top in (HEADER, HEADER + SMALL + GAP):
        for left in (0, SMALL + GAP):
            assert drawn(panel(picture, GAP + 2 * (SIDE + GAP) + left, SMALL, top), "liver") is not None


@pytest.mark.parametrize(
    ("shape", "spacing", "panels"),
    [((1, 40, 52), None, 1), ((9, 40, 52), None, 1), ((3, 40, 52), (1, 1, 1), 1), ((3, 40, 52), (20, 1, 1), 2)],
)
def test_sections_only_where_there_is_something_to_see(shape, spacing, panels, tmp_path):
    images, masks = np.zeros(shape, np.uint8), {"lesion": np.zeros(shape, bool)}
    picture = preview(view(images, masks, spacing=spacing), tmp_path)
    assert picture.shape[1] == GAP + panels * (SIDE + GAP)
    assert not (np.abs(picture - ImageColor.getrgb(COLORS["lesion"])).sum(axis=2) < 60)[HEADER:].any()


def test_pixels_that_are_no_squares(tmp_path):
    images, masks = arrays()
    axial = panel(preview(view(images, masks, spacing=(5, 3, 1.5)), tmp_path), GAP)
    left, top, right, bottom = drawn(axial, "lesion") - (0.175, 0, 0.175, 0)  # 80 pixels high, 52 wide
    assert np.allclose([left, right], np.array([8, 18]) / 80, atol=0.01)
    assert np.allclose([top, bottom], np.array([10, 16]) / 40, atol=0.01)


@pytest.mark.parametrize("name", ["long " * 100, "肝臓 \N{LARGE BLUE CIRCLE}", "caf\udce9"])
def test_any_name_can_be_drawn(name, tmp_path, recwarn):
    picture = preview(boxes(name=name), tmp_path)
    header = picture[:HEADER].reshape(HEADER, -1, 3)
    assert (header[:, : SIDE // 2].max(axis=(0, 2)) > 150).any()  # the name
    assert drawn(header, "lesion") is not None  # what was measured
    assert not list(recwarn)


def test_the_same_case_gives_the_same_file(tmp_path):
    for file in ("one.png", "two.png"):
        write_preview(boxes(), tmp_path / file)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
