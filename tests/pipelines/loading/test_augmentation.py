import numpy as np
import pytest

from pipelines.errors import DataError
from pipelines.loading.augmentation import Augmentation, augment
from pipelines.loading.order import sample_keys

SQUARE, WIDE = (48, 48), (32, 64)
KEYS = sample_keys(0, np.arange(24), 0)
MOVES = {
    "flip": {"flip": True},
    "quarter_turns": {"quarter_turns": True},
    "rotation": {"rotation": 40.0},
    "scale": {"scale": 0.3},
    "shift": {"shift": 0.2},
    "exact": {"flip": True, "quarter_turns": True},
    "all": {"flip": True, "quarter_turns": True, "rotation": 40.0, "scale": 0.2, "shift": 0.1},
}


def blob(shape):
    """A lopsided shape in two channels: no flip or turn maps it onto itself."""
    rows, columns = np.indices(shape)
    low, right = shape[0] // 2, shape[1] // 2
    head = (rows - low + 6) ** 2 + (columns - right + 3) ** 2 < 36
    tail = (abs(rows - low - 3) < 6) & (columns >= right) & (columns < right + 5)
    return np.stack([head | tail, tail], axis=-1).astype(np.uint8)


def changed(mask, count=None, grey=204, **options):
    """Augments an image that is grey (204 is 0.8) where the mask's first channel is 1, once a key."""
    keys = KEYS[:count]
    masks = np.repeat(mask[None], len(keys), axis=0)
    images = np.uint8(grey) * masks[..., :1]
    return list(zip(*augment(images, masks * np.uint8(255), keys, Augmentation(**options)), strict=True))


@pytest.mark.parametrize("shape", [SQUARE, WIDE])
@pytest.mark.parametrize("name", MOVES)
def test_image_and_mask_move_together(name, shape):
    mask = blob(shape)
    moved = 0
    for image, target in changed(mask, **MOVES[name]):
        assert image.shape == (*shape, 1)
        assert target.shape == mask.shape
        assert image.dtype == target.dtype == np.float32
        assert target.min() == 0
        assert target.max() == 1
        assert (target[..., 0] >= target[..., 1]).all()  # the channels stay on each other
        assert target.any()
        assert np.abs(image[..., 0] - np.float32(0.8) * target[..., 0]).max() < 1.01 / 255  # but for rounding
        moved += not np.array_equal(target, mask)
    assert moved >= len(KEYS) / 4


@pytest.mark.parametrize("name", MOVES)
def test_the_same_key_makes_the_same_change(name):
    mask = blob(SQUARE)
    for first, second in zip(changed(mask, 3, **MOVES[name]), changed(mask, 3, **MOVES[name]), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize(
    ("options", "shape", "expected"),
    [
        ({"flip": True}, SQUARE, 4),
        ({"quarter_turns": True}, SQUARE, 4),
        ({"quarter_turns": True}, WIDE, 2),
        ({"flip": True, "quarter_turns": True}, SQUARE, 8),
        ({"flip": True, "quarter_turns": True}, WIDE, 4),
    ],
)
def test_exact_moves_reach_every_symmetry_and_keep_every_value(options, shape, expected):
    mask = np.random.default_rng(0).integers(0, 2, (*shape, 2), np.uint8)
    results = changed(mask, **options)
    assert len({target.tobytes() for _, target in results}) == expected
    assert any(np.array_equal(target, mask) for _, target in results)
    assert all(target.sum() == mask.sum() for _, target in results)


@pytest.mark.parametrize("shape", [SQUARE, WIDE])
@pytest.mark.parametrize("options", [{"flip": True}, {"quarter_turns": True}, MOVES["exact"]])
def test_exact_moves_and_resampled_ones_are_the_same(options, shape):
    # A shift too small to see, so that the one affine map has only the flips and turns left to do.
    mask = blob(shape)
    assert len({target.tobytes() for _, target in changed(mask, **options)}) > 1
    for exact, mapped in zip(changed(mask, **options), changed(mask, **options, shift=1e-6), strict=True):
        assert all(np.abs(one - other).max() <= 1.01 / 255 for one, other in zip(exact, mapped, strict=True))


def centroid(target):
    return np.array([np.average(places, weights=target[..., 0]) for places in np.indices(target.shape[:2])])


def test_shift_is_bounded_uses_both_directions_and_keeps_the_shape():
    mask = blob(WIDE)
    offsets = []
    for _, target in changed(mask, shift=0.15):
        assert abs(target[..., 0].sum() - mask[..., 0].sum()) < 0.1 * mask[..., 0].sum()
        offsets.append(centroid(target) - centroid(mask))
    bound = 0.15 * np.array(WIDE)
    assert (np.abs(offsets) <= bound + 0.6).all()
    assert (np.max(offsets, axis=0) > bound / 2).all()
    assert (np.min(offsets, axis=0) < -bound / 2).all()


def disc(radius):
    rows, columns = np.indices(SQUARE)
    return (((rows - 23.5) ** 2 + (columns - 23.5) ** 2) < radius**2).astype(np.uint8)[..., None]


@pytest.mark.parametrize("shape", [SQUARE, WIDE])
@pytest.mark.parametrize("name", MOVES)
def test_dots_of_image_and_mask_keep_one_centroid(name, shape):
    height, width = shape
    dots = np.zeros((2, *shape, 1), np.uint8)
    dots[0, height // 2 - 5 : height // 2, width // 2 + 2 : width // 2 + 7] = 1
    dots[1, height // 2 : height // 2 + 4, width // 2 : width // 2 + 4] = 1
    for dot in dots:
        for image, target in changed(dot, 12, grey=255, **MOVES[name]):
            assert np.abs(centroid(image) - centroid(target)).max() < 0.05


def test_scale_magnifies_about_the_centre_within_its_bounds():
    mask = disc(14)
    factors = []
    for _, target in changed(mask, scale=0.4):
        assert np.abs(centroid(target) - 23.5).max() < 0.05
        factors.append(np.sqrt(target.sum() / mask.sum()))
    assert 0.58 < min(factors) < 0.75
    assert 1.25 < max(factors) < 1.42


def test_rotation_turns_about_the_centre_within_its_bounds():
    rows, columns = np.indices(SQUARE)
    mask = ((abs(rows - 23.5) < 3) & (columns > 23)).astype(np.uint8)[..., None]
    angles = []
    for _, target in changed(mask, rotation=40.0):
        assert abs(target.sum() - mask.sum()) < 0.1 * mask.sum()
        down, right = centroid(target) - 23.5
        angles.append(np.degrees(np.arctan2(down, right)))
    assert max(np.abs(angles)) < 41
    assert max(angles) > 20
    assert min(angles) < -20


@pytest.mark.parametrize(
    "options", [{"brightness": 0.2}, {"contrast": 0.5}, {"noise": 0.1}, {"gamma": 0.3}, {"window_level": 20}]
)
def test_intensities_change_the_image_only_and_stay_in_range(options):
    mask = blob(WIDE)
    results = changed(mask, **options)
    assert all(np.array_equal(target, mask) for _, target in results)
    assert all(image.min() >= 0 and image.max() <= 1 for image, _ in results)
    assert len({image.tobytes() for image, _ in results}) == len(KEYS)


def test_brightness_and_contrast_are_bounded_both_ways():
    full = np.ones((*SQUARE, 1), np.uint8)  # the image is 0.8 everywhere
    added = [image[0, 0, 0] - 0.8 for image, _ in changed(full, brightness=0.1)]
    assert -0.1 <= min(added) < -0.05
    assert 0.05 < max(added) <= 0.1 + 1e-6
    stretched = [(image[0, 0, 0] - 0.5) / 0.3 for image, _ in changed(full, contrast=0.5)]
    assert 0.5 <= min(stretched) < 0.75
    assert 1.25 < max(stretched) <= 1.5 + 1e-6


@pytest.mark.parametrize("window", [(-200, 250), (-40, 160)])
def test_another_window_is_another_view_of_the_same_hounsfield_units(window):
    """In the same range of HU whatever the window; what was outside of it is black or white as before."""
    low, high = window
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    hounsfield = low + grey / 255 * (high - low)
    images = np.repeat(grey[None], len(KEYS), axis=0)
    options = Augmentation(window_level=30, window_width=0.3)
    changed, _ = augment(images, images, KEYS, options, window=window)
    levels, widths = [], []
    for image in changed:
        inside = (image > 0) & (image < 1)
        slope, level = np.polyfit(image[inside], hounsfield[inside], 1)
        widths.append(slope)
        levels.append(level + slope / 2)
        expected = np.clip((hounsfield - level) / slope, 0, 1)
        assert np.abs(image - expected)[(grey > 0) & (grey < 255)].max() < 1e-5
        assert (image[0, 0, 0], image[-1, -1, 0]) == (0, 1)
    moved, widened = np.array(levels) - (low + high) / 2, np.array(widths) / (high - low)
    assert -30 <= min(moved) < -15
    assert 15 < max(moved) <= 30
    assert 0.7 <= min(widened) < 0.85
    assert 1.15 < max(widened) <= 1.3


def test_gamma_is_bounded_both_ways():
    full = np.ones((*SQUARE, 1), np.uint8)  # the image is 0.8 everywhere
    powers = [np.log(np.log(image[0, 0, 0]) / np.log(0.8)) for image, _ in changed(full, gamma=0.4)]
    assert -0.401 <= min(powers) < -0.2
    assert 0.2 < max(powers) <= 0.401


def test_noise_is_normal_without_a_mean_and_of_bounded_deviation():
    images = np.array([image for image, _ in changed(np.ones((*SQUARE, 1), np.uint8), grey=122, noise=0.1)])
    deviations = images.std(axis=(1, 2, 3))
    assert np.abs(images.mean(axis=(1, 2, 3)) - 122 / 255).max() < 0.01
    alike = np.corrcoef(images.reshape(len(images), -1)) - np.eye(len(images))
    assert np.abs(alike).max() < 0.1  # each key has its own pattern, not only its own strength
    assert 0.06 < max(deviations) < 0.105
    assert min(deviations) < 0.04
    noise = (images - 122 / 255) / deviations[:, None, None, None]
    np.testing.assert_allclose(np.quantile(noise, [0.025, 0.16, 0.84, 0.975]), [-1.96, -0.994, 0.994, 1.96], atol=0.03)
    down, across = (np.abs((noise * np.roll(noise, 1, axis=axis)).mean(axis=(1, 2, 3))).max() for axis in (1, 2))
    assert max(down, across) < 0.1  # nor is a pixel like the one beside it


def test_nothing_asked_nothing_done():
    mask = blob(WIDE)
    for image, target in changed(mask, 3):
        assert np.array_equal(target, mask)
        assert np.array_equal(image, np.float32(0.8) * mask[..., :1])


def test_one_option_leaves_what_the_others_draw():
    mask = blob(SQUARE)
    plain = [target for _, target in changed(mask, 6, flip=True, rotation=30.0)]
    noisy = [target for _, target in changed(mask, 6, flip=True, rotation=30.0, noise=0.1, contrast=0.2)]
    assert all(np.array_equal(a, b) for a, b in zip(plain, noisy, strict=True))


@pytest.mark.parametrize(
    "options",
    [
        {"rotation": 181.0},
        {"scale": 1.0},
        {"shift": -0.1},
        {"window_level": -1.0},
        {"window_width": 1.0},
        {"gamma": 3.0},
        {"brightness": 2.0},
        {"contrast": -1.0},
        {"noise": 9.0},
    ],
)
def test_out_of_range_is_refused_by_name(options):
    (name,) = options
    with pytest.raises(DataError, match=rf"^`{name}` .*0\.\."):
        Augmentation(**options)


def numbered(shape=(64, 96)):
    """An image whose pixels are all different in two channels, with a small target and a large one."""
    rows, columns = np.indices(shape)
    image = np.stack([rows, columns], axis=-1).astype(np.uint8)
    mask = np.zeros((*shape, 2), np.uint8)
    mask[8:48, 10:60, 0] = mask[20:24, 50:54, 1] = 255
    return image, mask


def cropped(count, **options):
    image, mask = numbered()
    keys = sample_keys(0, np.arange(count), 1)
    return augment(*(np.repeat(each[None], count, axis=0) for each in (image, mask)), keys, Augmentation(**options))


def test_crops_are_pieces_of_the_slice_at_full_size():
    image, mask = numbered()
    padded, outlined = (np.pad(each, ((64, 64), (64, 64), (0, 0))) for each in (image, mask))
    images, masks = cropped(40, crop=32)
    assert images.shape == masks.shape == (40, 32, 32, 2)
    corners = set()
    for piece, target in zip(np.round(images * 255).astype(int), masks, strict=True):
        rows, columns = np.nonzero(piece.any(axis=-1))
        row, column = rows[-1], columns[-1]
        top, left = piece[row, column] - (row, column) + 64
        assert np.array_equal(piece, padded[top : top + 32, left : left + 32])
        assert np.array_equal(target * 255, outlined[top : top + 32, left : left + 32])
        corners.add((int(top), int(left)))
    assert len(corners) > 30


def test_half_of_the_crops_and_more_show_the_last_target():
    for options in ({}, {"rotation": 20.0, "scale": 0.2, "flip": True}):
        _, masks = cropped(200, crop=32, **options)
        shown = masks.any(axis=(1, 2)).mean(axis=0)
        assert 0.5 <= shown[1] < 0.8
        assert 0.75 <= shown[0] < 1


def test_a_slice_without_targets_is_cropped_where_there_is_something():
    image, mask = numbered()
    image[:, :90] = 0
    keys = sample_keys(0, np.arange(50), 1)
    images, masks = (np.repeat(each[None], 50, axis=0) for each in (image, np.zeros_like(mask)))
    cropped_images, _ = augment(images, masks, keys, Augmentation(crop=32))
    assert cropped_images.any(axis=(1, 2, 3)).all()
    empty, _ = augment(np.zeros_like(images), masks, keys, Augmentation(crop=32))
    assert not empty.any()


def test_a_negative_crop_is_refused():
    with pytest.raises(DataError, match=r"^`crop` -32: "):
        Augmentation(crop=-32)
