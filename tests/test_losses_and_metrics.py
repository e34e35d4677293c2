import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cafct_keras import metrics
from cafct_keras.losses import BCEDiceLoss

pytestmark = pytest.mark.backends

MASKS = hnp.arrays("uint8", (4, 5, 6, 2), elements=st.integers(0, 1))


def naive(rule, truth, mask):
    """Dice or IoU by loops, from `(N, H, W)` masks."""
    if rule == "dice_per_slice_positive":
        scores = [2 * (t & m).sum() / (t.sum() + m.sum()) for t, m in zip(truth, mask, strict=True) if t.any()]
        return np.mean(scores) if scores else 0.0
    overlap, total = (truth & mask).sum(), truth.sum() + mask.sum()
    if not total:
        return 1.0
    return 2 * overlap / total if rule == "dice_pooled" else overlap / (total - overlap)


@settings(max_examples=30, deadline=None)
@given(
    truth=MASKS,
    mask=MASKS,
    class_index=st.integers(0, 1),
    weights=st.lists(st.sampled_from([0.0, 1.0]), min_size=4, max_size=4),
)
def test_metrics_are_the_naive_ones(truth, mask, class_index, weights):
    logits = np.where(mask == 1, 2.0, -2.0).astype("float32")
    kept = np.asarray(weights) > 0
    for metric in (metrics.PooledDice, metrics.PooledIoU, metrics.PerSlicePositiveDice):
        streaming = metric(from_logits=True, class_index=class_index)
        for part in (slice(0, 2), slice(2, 4)):
            streaming.update_state(truth[part].astype("float32"), logits[part], np.asarray(weights[part], "float32"))
        expected = naive(streaming.name, truth[kept][..., class_index], mask[kept][..., class_index])
        np.testing.assert_allclose(float(streaming.result()), expected, atol=1e-6)


def test_pooled_counts_are_exact_beyond_float32_and_int32():
    metric = metrics.PooledDice()
    ones = np.ones((1, 1024, 1024, 1), "float32")
    # As after 3,000 full slices of 1024x1024, and then one pixel more.
    metric.counts.assign(np.array([[3000, 0]] * 3, "int32"))
    metric.update_state(ones * 0, ones * 0)
    single = np.zeros_like(ones)
    single[0, 0, 0, 0] = 1
    metric.update_state(single, single)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(metric.counts), [[3000, 1]] * 3)
    metric.update_state(ones, ones)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(metric.counts), [[3001, 1]] * 3)


def test_threshold_is_strict_and_the_same_for_logits():
    truth = np.ones((1, 1, 2, 1), "float32")
    probability = np.array([[[[0.7], [0.71]]]], "float32")
    by_probability = metrics.PooledIoU(threshold=0.7)
    by_logit = metrics.PooledIoU(threshold=0.7, from_logits=True)
    by_probability.update_state(truth, probability)
    by_logit.update_state(truth, np.log(probability / (1 - probability)))
    assert float(by_probability.result()) == pytest.approx(0.5)
    assert float(by_logit.result()) == pytest.approx(0.5)


@pytest.mark.parametrize("reduction", ["batch", "image"])
def test_dice_of_targets_of_0_and_1_is_the_products(reduction):
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, (4, 5, 6, 2)).astype("float32")
    probability = rng.random(truth.shape, "float32")
    axes = (0, 1, 2) if reduction == "batch" else (1, 2)
    dice = (2 * (truth * probability).sum(axes) + 1) / (truth.sum(axes) + probability.sum(axes) + 1)
    loss = BCEDiceLoss(dice_reduction=reduction, bce_weight=0)
    np.testing.assert_allclose(float(loss(truth, probability)), 1 - dice.mean(), rtol=1e-5)


@settings(max_examples=30, deadline=None)
@given(truth=MASKS, mask=MASKS, alpha=st.floats(0, 1), beta=st.floats(0.01, 1), gamma=st.floats(1, 3))
@pytest.mark.parametrize("reduction", ["batch", "image"])
def test_focal_tversky_loss_is_the_papers(reduction, truth, mask, alpha, beta, gamma):
    """Counted pixel by pixel: Salehi et al. 2017, equation 4; Abraham and Khan 2019, equation 4."""
    losses = []
    for images in [slice(0, 4)] if reduction == "batch" else [slice(i, i + 1) for i in range(4)]:
        for channel in range(2):
            t, m = truth[images, ..., channel].ravel(), mask[images, ..., channel].ravel()
            true = sum(1 for a, b in zip(t, m, strict=True) if a and b)
            false_positives = sum(1 for a, b in zip(t, m, strict=True) if b and not a)
            false_negatives = sum(1 for a, b in zip(t, m, strict=True) if a and not b)
            index = (true + 0.5) / (true + alpha * false_positives + beta * false_negatives + 0.5)
            losses.append((1 - index) ** (1 / gamma))
    loss = BCEDiceLoss(dice_reduction=reduction, bce_weight=0, alpha=alpha, beta=beta, gamma=gamma)
    # 1e-7, below which the loss is cut off, has a cube root of 0.005.
    found = float(loss(truth.astype("float32"), mask.astype("float32")))
    np.testing.assert_allclose(found, np.mean(losses), atol=0.006 if gamma > 1 else 1e-5)


def test_published_weights_of_missed_and_invented_pixels():
    truth = np.zeros((1, 1, 10, 1), "float32")
    truth[0, 0, :6] = 1
    missed, invented = truth.copy(), truth.copy()
    missed[0, 0, :2] = 0
    invented[0, 0, 8:] = 1
    loss = BCEDiceLoss(bce_weight=0, smooth=0, alpha=0.3, beta=0.7)
    assert float(loss(truth, missed)) == pytest.approx(1 - 4 / (4 + 0.7 * 2))
    assert float(loss(truth, invented)) == pytest.approx(1 - 6 / (6 + 0.3 * 2))


@settings(max_examples=20, deadline=None)
@given(truth=MASKS, seed=st.integers(0, 99), weights=st.tuples(st.floats(0.1, 9), st.floats(0.1, 9)))
@pytest.mark.parametrize("reduction", ["batch", "image"])
def test_class_weights_weigh_the_losses_of_the_classes(reduction, truth, seed, weights):
    options = {"from_logits": True, "dice_reduction": reduction, "alpha": 0.3, "beta": 0.7}
    truth = truth.astype("float32")
    logits = np.random.default_rng(seed).normal(size=truth.shape).astype("float32")
    alone = [float(BCEDiceLoss(**options)(truth[..., i : i + 1], logits[..., i : i + 1])) for i in range(2)]
    loss = BCEDiceLoss(**options, class_weights=weights)
    np.testing.assert_allclose(float(loss(truth, logits)), np.average(alone, weights=weights), rtol=1e-4)


def test_gradient_of_the_focal_loss_is_finite_where_all_is_right():
    truth = np.zeros((1, 4, 4, 1), "float32")
    truth[0, :2] = 1
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Rescaling(1e4, -5e3), keras.layers.Conv2D(1, 1)])
    model.layers[-1].set_weights([np.ones((1, 1, 1, 1), "float32"), np.zeros(1, "float32")])
    model.compile(keras.optimizers.SGD(0.1), BCEDiceLoss(from_logits=True, gamma=4 / 3))
    assert np.isfinite(model.train_on_batch(truth, truth))
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


@pytest.mark.parametrize("bce_weight", [0, 1])
def test_the_loss_of_soft_targets_is_least_at_the_targets(bce_weight):
    # With the product in place of the minimum, the Dice alone is least where they are rounded.
    truth = np.random.default_rng(0).uniform(0.1, 0.9, (2, 5, 6, 1)).astype("float32")
    loss = BCEDiceLoss(bce_weight=bce_weight)
    least = float(loss(truth, truth))
    for other in (truth.round(), truth + np.float32(0.05), truth - np.float32(0.05), np.full_like(truth, 0.5)):
        assert float(loss(truth, other)) > least + 1e-3


def test_half_a_pixel_is_foreground_in_the_target():
    metric = metrics.PooledDice()
    metric.update_state(np.array([[[[0.5], [0.49]]]], "float32"), np.array([[[[0.9], [0.1]]]], "float32"))
    assert float(metric.result()) == 1


@settings(max_examples=20, deadline=None)
@given(truth=MASKS, seed=st.integers(0, 99))
@pytest.mark.parametrize("reduction", ["batch", "image"])
def test_an_image_of_weight_0_is_not_there(reduction, truth, seed):
    logits = np.random.default_rng(seed).normal(size=truth.shape).astype("float32")
    loss = BCEDiceLoss(from_logits=True, dice_reduction=reduction)
    truth = truth.astype("float32")
    padded = loss(truth, logits, np.array([1, 0, 1, 0], "float32"))
    np.testing.assert_allclose(float(padded), float(loss(truth[::2], logits[::2])), rtol=1e-5)


@pytest.mark.parametrize("logit", [-1e4, -100.0, 100.0, 1e4])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_loss_is_finite_for_certain_predictions(logit, dtype):
    logits = keras.ops.full((1, 4, 4, 1), logit, dtype=dtype)
    for truth in (np.zeros((1, 4, 4, 1)), np.ones((1, 4, 4, 1))):
        assert np.isfinite(float(BCEDiceLoss(from_logits=True)(truth, logits)))
        assert np.isfinite(float(BCEDiceLoss()(truth, keras.ops.sigmoid(logits))))


def test_loss_and_metrics_survive_their_configuration():
    loss = BCEDiceLoss(
        from_logits=True,
        dice_reduction="image",
        smooth=2.0,
        bce_weight=0.5,
        dice_weight=3.0,
        alpha=0.2,
        beta=0.7,
        gamma=1.5,
        class_weights=(1, 3),
    )
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert again.get_config() == loss.get_config()
    for metric in (metrics.PooledDice, metrics.PooledIoU, metrics.PerSlicePositiveDice):
        original = metric(name="mine", from_logits=True, threshold=0.3, class_index=1)
        again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(original))
        assert again.get_config() == original.get_config()


def test_unknown_reduction():
    with pytest.raises(ValueError, match="`dice_reduction` volume: unknown; choose batch, image"):
        BCEDiceLoss(dice_reduction="volume")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"alpha": -1}, "`alpha` -1 `beta` 0.5: must be at least 0"),
        ({"gamma": 0.5}, "`gamma` 0.5: must be at least 1"),
        ({"class_weights": (0, 0)}, "must be at least 0, and one above 0"),
    ],
)
def test_weights_out_of_range(wrong, words):
    with pytest.raises(ValueError, match=words):
        BCEDiceLoss(**wrong)


@pytest.mark.parametrize("reduction", ["sum", "none", None])
def test_a_reduction_that_is_not_a_mean_is_refused(reduction):
    with pytest.raises(ValueError, match=r"`reduction` .*: this loss is a mean over the batch"):
        BCEDiceLoss(reduction=reduction)
    assert BCEDiceLoss.from_config(BCEDiceLoss().get_config()).reduction == "sum_over_batch_size"


@pytest.mark.parametrize("reduction", ["batch", "image"])
def test_only_the_ratio_of_sample_weights_matters(reduction):
    generator = np.random.default_rng(0)
    truth = (generator.random((4, 8, 8, 2)) > 0.7).astype("float32")
    logits = generator.normal(size=truth.shape).astype("float32")
    loss = BCEDiceLoss(from_logits=True, dice_reduction=reduction)
    plain = float(loss(truth, logits))
    for weight in (1.0, 0.01, 100.0):
        np.testing.assert_allclose(float(loss(truth, logits, np.full(4, weight, "float32"))), plain, rtol=1e-5)
    weights = np.array([0.3, 0.1, 0.0, 0.1], "float32")
    expected = float(loss(truth, logits, 10 * weights))
    np.testing.assert_allclose(float(loss(truth, logits, weights)), expected, rtol=1e-5)
    assert float(loss(truth, logits, np.zeros(4, "float32"))) == 0
