import numpy as np
import pytest
from scipy import ndimage

from pipelines.loading.augmentation import Augmentation, augment
from pipelines.loading.synthetic_lesions import MOST, paint_lesions

SIDE, GREY = 160, 180
ROWS, COLUMNS = np.indices((SIDE, SIDE))


def liver_slice(*, channels=1, lesion=False):
    """A round liver of an even grey, and a lesion of its own in the middle if wanted."""
    radius = np.hypot(ROWS - SIDE / 2, COLUMNS - SIDE / 2)
    mask = np.stack([radius < 60, (radius < 12) & lesion], axis=-1) * np.uint8(255)
    image = np.where(mask[..., :1] > 0, np.uint8(GREY), np.uint8(20)).astype(np.uint8)
    return np.repeat(image, channels, axis=-1), mask


PAINTED = [paint_lesions(*liver_slice(), key) for key in range(60)]


def test_lesions_lie_in_the_liver_and_pixels_change_there_only():
    image, mask = liver_slice()
    for painted, outlined in PAINTED:
        assert np.array_equal(outlined[..., 0], mask[..., 0])
        assert (outlined[..., 1] <= mask[..., 0]).all()
        assert outlined[..., 1].any()
        assert np.array_equal(painted[mask[..., 0] == 0], image[mask[..., 0] == 0])
        far = ndimage.distance_transform_edt(outlined[..., 1] == 0) > 8
        assert np.array_equal(painted[far], image[far])


def test_most_are_darker_by_their_depth_and_some_brighter():
    changes = np.array([float(np.median(painted[outlined[..., 1] > 250])) - GREY for painted, outlined in PAINTED])
    assert 0.8 < (changes < 0).mean() < 1
    assert changes.min() >= -255 * 0.42 * 1.5 - 1
    assert np.ptp(changes) > 40


def test_numbers_and_sizes_vary():
    counts = [ndimage.label(outlined[..., 1] > 127)[1] for _, outlined in PAINTED]
    assert set(range(1, MOST + 1)) <= set(counts) <= set(range(MOST + 3))  # a narrow one may fall apart
    areas = [
        np.bincount(ndimage.label(outlined[..., 1] > 127)[0].ravel())[1:].max(initial=0) for _, outlined in PAINTED
    ]
    assert min(areas) < 12
    assert max(areas) > 200


def test_a_lesion_of_the_patient_stays():
    image, mask = liver_slice(lesion=True)
    for key in range(20):
        _, outlined = paint_lesions(image, mask, key)
        assert (outlined[..., 1] >= mask[..., 1]).all()
        assert (outlined[..., 1] > mask[..., 1]).any()


def test_neighbouring_slices_show_the_same_lesions_in_other_sizes():
    image, mask = liver_slice(channels=5)
    shown = []
    for key in range(30):
        painted, _ = paint_lesions(image, mask, key)
        shown.append([int((painted[..., channel] != GREY)[mask[..., 0] > 0].sum()) for channel in range(5)])
    shown = np.array(shown)
    assert (shown[:, 2] > 0).all()
    assert (shown[:, [1, 3]] > 0).any()
    assert (shown[:, 0] < shown[:, 2]).mean() > 0.5
    assert (shown[:, 4] < shown[:, 2]).mean() > 0.5
    one, _ = paint_lesions(*liver_slice(), 7)
    five, _ = paint_lesions(image, mask, 7)
    assert np.array_equal(one[..., 0], five[..., 2])


@pytest.mark.parametrize("covered", [0, 255])
def test_a_slice_without_healthy_liver_is_left_alone(covered):
    image, mask = liver_slice()
    mask[..., 0], mask[..., 1] = covered, covered
    painted, outlined = paint_lesions(image, mask, 0)
    assert np.array_equal(painted, image)
    assert np.array_equal(outlined, mask)


def test_the_fraction_of_slices_is_met_and_draws_are_those_of_the_key():
    image, mask = liver_slice()
    keys = np.random.default_rng(0).integers(0, 2**63, 200).astype(np.uint64)
    images, masks = np.repeat(image[None], 200, axis=0), np.repeat(mask[None], 200, axis=0)
    first, outlined = augment(images, masks, keys, Augmentation(lesions=0.3))
    again, _ = augment(images[:9], masks[:9], keys[:9], Augmentation(lesions=0.3))
    assert 0.2 < outlined[..., 1].any(axis=(1, 2)).mean() < 0.4
    assert np.array_equal(first[:9], again)
    assert np.array_equal(images[0], image)
