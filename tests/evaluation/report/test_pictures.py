import base64
import io

import numpy as np
import pytest
from PIL import Image

from cafct_keras.errors import UserError
from tests.evaluation.report.documents import picture

IMAGE = np.random.default_rng(0).integers(0, 256, (200, 150)).astype(np.uint8)
EMPTY = np.zeros(IMAGE.shape, bool)


def box(top, left, bottom, right):
    mask = EMPTY.copy()
    mask[top:bottom, left:right] = True
    return mask


def test_a_window_around_both_masks():
    top, left, height, width = picture("worst", "c", box(90, 60, 100, 70), box(95, 62, 105, 80), image=IMAGE).window
    assert height == width == 64
    assert top <= 90 - 20
    assert left <= 60 - 20
    assert top + height >= 105 + 20
    assert left + width >= 80 + 20


@pytest.mark.parametrize(
    ("masks", "window"),
    [
        ((EMPTY, EMPTY), (0, 0, 200, 150)),
        ((box(0, 0, 3, 3), EMPTY), (0, 0, 64, 64)),
        ((box(190, 140, 200, 150), EMPTY), (136, 86, 64, 64)),
        ((box(0, 0, 200, 150), EMPTY), (0, 0, 200, 150)),
    ],
)
def test_a_window_stays_inside_the_slice(masks, window):
    assert picture("worst", "c", *masks).window == window


def test_the_png_is_what_the_window_shows():
    one = picture("worst", "c", box(90, 60, 100, 70), EMPTY, image=IMAGE)
    head, data = one.png.split(",")
    assert head == "data:image/png;base64"
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
    top, left, height, width = one.window
    np.testing.assert_array_equal(shown, IMAGE[top : top + height, left : left + width])
    assert picture("worst", "c", EMPTY, EMPTY).png is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((("best", "c", EMPTY, EMPTY), {}), "kind='best'"),
        ((("worst", "c", EMPTY, EMPTY[:9]), {}), "c: a picture of arrays of shapes"),
        ((("worst", "c", EMPTY, EMPTY), {"image": IMAGE[:9]}), "c: a picture of arrays of shapes"),
        ((("worst", "c", EMPTY[None], EMPTY[None]), {}), "c: a picture of arrays of shapes"),
        ((("worst", "c", EMPTY, EMPTY), {"image": IMAGE / 255}), "c: a picture's image is float64"),
    ],
)
def test_what_is_no_picture(arguments, message):
    with pytest.raises(UserError, match=message):
        picture(*arguments[0], **arguments[1])
