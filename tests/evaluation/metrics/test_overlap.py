import numpy as np
import pytest
from hypothesis import given, settings

from cafct_keras import evaluation
from cafct_keras.evaluation.metrics.bootstrap import Bootstrap
from cafct_keras.evaluation.metrics.overlap import RULES, Counts, concatenate, count, overlap_estimates
from tests.evaluation.drawn import sets, stacks, summary

MEASURES = {
    "dice": lambda p, g: 2 * (p & g).sum() / (p.sum() + g.sum()),
    "iou": lambda p, g: (p & g).sum() / (p | g).sum(),
    "precision": lambda p, g: (p & g).sum() / p.sum() if p.any() else 0.0,
    "recall": lambda p, g: (p & g).sum() / g.sum() if g.any() else 0.0,
}


def of_unit(measure, p, g, both_empty, spurious):
    if not p.any() and not g.any():
        return both_empty
    return spurious if not g.any() else measure(p, g)


def two_classes(measure, p, g):
    scores = [measure(*pair) for pair in ((p, g), (~p, ~g)) if pair[0].any() or pair[1].any()]
    return sum(scores) / len(scores)


def naive(rule, name, pairs):
    """The table of the specification, unit by unit, on masks."""
    measure = MEASURES[name]
    slices = [(p, g) for prediction, reference in pairs for p, g in zip(prediction, reference, strict=True)]
    pooled = tuple(np.concatenate([part.ravel() for part in side]) for side in zip(*pairs, strict=True))
    batches = [slices[start : start + 8] for start in range(0, len(slices), 8)]
    flattened = [
        tuple(np.concatenate([part.ravel() for part in side]) for side in zip(*b, strict=True)) for b in batches
    ]
    scores = {
        "per_slice_positive": lambda: [of_unit(measure, *each, None, None) for each in slices],
        "per_slice_all_one": lambda: [of_unit(measure, *each, 1.0, 0.0) for each in slices],
        "per_slice_all_skip": lambda: [of_unit(measure, *each, None, 0.0) for each in slices],
        "per_case_lits": lambda: [of_unit(measure, *each, 1.0, 0.0) for each in pairs],
        "per_case_nnunet": lambda: [of_unit(measure, *each, None, 0.0) for each in pairs],
        "per_case_positive": lambda: [of_unit(measure, *each, None, None) for each in pairs],
        "pooled": lambda: [of_unit(measure, *pooled, None, 0.0)],
        "batch_flattened": lambda: [of_unit(measure, *each, 1.0, 0.0) for each in flattened],
        "two_class_mean": lambda: [two_classes(measure, *each) for each in slices],
    }[rule]()
    scores = [score for score in scores if score is not None]
    return (sum(scores) / len(scores) if scores else None), len(scores)


def nothing(pairs):
    return [(np.zeros_like(reference), reference) for _, reference in pairs]


@settings(max_examples=100, deadline=None)
@given(sets(most_slices=6))
def test_every_rule_is_the_naive_one(pairs):
    overlap = summary(pairs)["overlap"]
    assert list(overlap) == list(RULES)
    for rule, measures in overlap.items():
        assert tuple(measures) == RULES[rule].measures
        for measure, figure in measures.items():
            value, units = naive(rule, measure, pairs)
            assert figure["value"] == (None if value is None else pytest.approx(value, abs=1e-9)), (rule, measure)
            assert figure["units"] == (sum(p.size for p, _ in pairs) if rule == "pooled" else units)
            empty, _ = naive(rule, measure, nothing(pairs))
            assert figure["predict_nothing"] == (None if empty is None else pytest.approx(empty, abs=1e-9))


@settings(max_examples=50, deadline=None)
@given(stacks())
def test_counts_are_those_of_the_pixels(pair):
    prediction, reference = pair
    counts = count(prediction, reference)
    for name, where in (
        ("tp", prediction & reference),
        ("fp", prediction & ~reference),
        ("fn", ~prediction & reference),
        ("pixels", np.ones_like(reference)),
    ):
        values = getattr(counts, name)
        assert values.dtype == np.int64
        assert values.tolist() == where.sum(axis=(1, 2)).tolist()


def one_slice(pixels):
    mask = np.zeros((1, 4, 5), bool)
    mask.flat[list(pixels)] = True
    return mask


# (reference, prediction) to the score of the only unit by each rule, from the table of the specification.
TABLE = {
    "per_slice_positive": (None, None, 0.0),
    "per_slice_all_one": (1.0, 0.0, 0.0),
    "per_slice_all_skip": (None, 0.0, 0.0),
    "per_case_lits": (1.0, 0.0, 0.0),
    "per_case_nnunet": (None, 0.0, 0.0),
    "per_case_positive": (None, None, 0.0),
    "pooled": (None, 0.0, 0.0),
    "batch_flattened": (1.0, 0.0, 0.0),
    # 20 pixels, 4 of them wrong: background IoU 16/20 and foreground 0; where both are empty there is no foreground.
    "two_class_mean": (1.0, 0.4, 0.4),
}


@pytest.mark.parametrize("rule", TABLE)
def test_empty_masks_score_what_the_table_says(rule):
    empty, some = one_slice([]), one_slice(range(4))
    for (prediction, reference), expected in zip(
        ((empty, empty), (some, empty), (empty, some)), TABLE[rule], strict=True
    ):
        assert summary([(prediction, reference)])["overlap"][rule]["iou"]["value"] == expected
    assert RULES[rule].both_empty == TABLE[rule][0]
    assert RULES[rule].false_positive == ("computed" if rule == "two_class_mean" else TABLE[rule][1])


def test_predicting_nothing_scores_high_where_most_slices_are_empty():
    # LiTS's test slices: 363 of 3,038 show a lesion.
    truth = np.where(np.arange(3038) < 363, 600, 0)
    zeros = np.zeros_like(truth)
    counts = Counts(tp=zeros, fp=zeros, fn=truth, pixels=np.full_like(truth, 65536))
    overlap = overlap_estimates(counts, zeros, zeros, Bootstrap(patients=1, resamples=1))
    assert overlap["per_slice_all_one"]["dice"].predict_nothing == pytest.approx(0.8805, abs=1e-4)
    assert overlap["per_slice_positive"]["dice"].predict_nothing == 0
    assert overlap["two_class_mean"]["iou"].predict_nothing > 0.93


def test_one_set_of_masks_scores_differently_by_every_rule():
    generator = np.random.default_rng(0)
    reference = generator.random((6, 4, 8, 8)) < np.array([0, 0.02, 0.1, 0.3, 0.5, 0])[:, None, None, None]
    prediction = reference ^ (generator.random(reference.shape) < 0.01)
    overlap = summary(list(zip(prediction, reference, strict=True)))["overlap"]
    values = [measures["dice"]["value"] for measures in overlap.values()]
    assert len(set(values)) == len(RULES)
    assert max(values) - min(values) > 0.2


def test_batches_straddle_cases_and_the_last_may_be_short():
    full, empty = np.ones((6, 2, 2), bool), np.zeros((6, 2, 2), bool)
    figure = summary([(full, full), (empty, full)])["overlap"]["batch_flattened"]["iou"]
    assert figure["units"] == 2
    assert figure["value"] == pytest.approx((6 / 8 + 0) / 2)


def test_interval_of_batches_shares_them_out_among_their_patients():
    # 12 slices each: of three batches the middle one, which scores 0.5, is half the one's and half the other's.
    full, empty = np.ones((12, 2, 2), bool), np.zeros((12, 2, 2), bool)
    figure = summary([(full, full), (empty, full)], resamples=400)["overlap"]["batch_flattened"]["iou"]
    expected = Bootstrap(patients=2, resamples=400).interval(np.array([1.25, 0.25]), np.array([1.5, 1.5]))
    assert (figure["low"], figure["high"]) == pytest.approx(expected)
    assert figure["value"] == 0.5


def test_slices_of_other_sizes_are_pooled_pixel_by_pixel():
    pairs = [
        (np.ones((1, 2, 2), bool), np.ones((1, 2, 2), bool)),
        (np.zeros((1, 4, 4), bool), np.ones((1, 4, 4), bool)),
    ]
    pooled = summary(pairs)["overlap"]["pooled"]["recall"]
    assert pooled["value"] == pytest.approx(4 / 20)
    assert pooled["units"] == 20


def test_rules_say_what_they_mean_and_who_uses_them():
    assert len(evaluation.RULES) == 9
    for rule in evaluation.RULES.values():
        assert rule.meaning.endswith(".")
        assert rule.used_by


def test_counts_add_up():
    parts = [count(np.ones((2, 3, 3), bool), np.zeros((2, 3, 3), bool)), count(*[np.ones((1, 2, 2), bool)] * 2)]
    whole = concatenate(parts)
    assert whole.fp.tolist() == [9, 9, 0]
    assert whole.grouped(np.array([1, 0, 1]), 2).pixels.tolist() == [9, 13]
