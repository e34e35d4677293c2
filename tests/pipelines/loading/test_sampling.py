import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import DataError
from pipelines.loading.order import interleave, weighted_order
from pipelines.loading.sampling import Sampler, Sampling, sampled_counts, size_classes
from pipelines.loading.slices import Slices
from pipelines.preprocessing import Preprocessing

LESION, LIVER, NEITHER = 2, 1, 0
seeds = st.integers(0, 2**64 - 1)


def slices(kinds, patients=None, areas=None, targets=("liver", "lesion")):
    """Slices of 16x16 pixels that show a lesion in the liver, a liver, or neither."""
    masks = np.zeros((len(kinds), 256, 2), np.uint8)
    for mask, kind, area in zip(masks, kinds, areas or [1] * len(kinds), strict=True):
        mask[:64, 0] = 255 * (kind > NEITHER)
        mask[:area, 1] = 255 * (kind == LESION)
    return Slices(
        images=np.zeros((len(kinds), 16, 16), np.uint8),
        masks=masks.reshape(-1, 16, 16, 2)[..., -len(targets) :],
        names=tuple(map(str, range(len(kinds)))),
        patients=tuple(patients or ["p"] * len(kinds)),
        cases=np.zeros(len(kinds), np.int64),
        preprocessing=Preprocessing(size=16, window=(-200, 250), targets=targets),
    )


def drawn(data, sampling, *, batch_size=1, seed=0, epoch=0, hard_negatives=()):
    """Indices and rounds of one epoch."""
    sampler = Sampler(data, sampling, batch_size=batch_size, seed=seed, hard_negatives=hard_negatives)
    steps = len(data.names) // batch_size
    batches = [sampler.batch(epoch * steps + step) for step in range(steps)]
    assert {owner for owner, _, _ in batches} == {epoch}
    assert {len(indices) for _, indices, _ in batches} == {batch_size}
    return tuple(np.concatenate([batch[place] for batch in batches]) for place in (1, 2))


@settings(deadline=None)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=3), st.integers(1, 200))
def test_every_beginning_has_nearly_the_mix_asked_for(amounts, count):
    fractions = np.array(amounts) / sum(amounts)
    kinds = interleave(fractions.tolist(), count)
    so_far = np.cumsum(kinds[:, None] == np.arange(len(fractions)), axis=0)
    assert np.abs(so_far - fractions * np.arange(1, count + 1)[:, None]).max() < 1


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.floats(0.01, 1)), min_size=1, max_size=40), st.integers(0, 150), seeds)
def test_members_and_strata_are_drawn_as_often_as_their_weights_say(members, count, seed):
    strata, weights = (np.array(column) for column in zip(*members, strict=True))
    weights = weights / weights.sum()
    order, rounds = weighted_order(weights, strata, count, seed=seed, epoch=3, use=0)
    expected = count * weights
    assert (np.abs(np.bincount(order, minlength=len(weights)) - expected) < 1 + 1e-6).all()
    per_stratum = np.bincount(strata[order], minlength=5) - np.bincount(strata, expected, minlength=5)
    assert (np.abs(per_stratum) < 1 + 1e-6).all()
    # What is drawn again is another draw, and comes later.
    for member in np.unique(order):
        assert rounds[order == member].tolist() == list(range((order == member).sum()))


def test_nothing_is_preferred_where_weights_are_equal():
    """In the long run every member is drawn equally often, and stands everywhere equally often."""
    weights, strata = np.full(7, 1 / 7), np.array([0, 0, 0, 1, 1, 2, 2])
    orders = np.array([weighted_order(weights, strata, 5, seed=1, epoch=epoch, use=0)[0] for epoch in range(3000)])
    shares = np.array([(orders == member).mean(axis=0) for member in range(7)])
    assert np.abs(shares - 1 / 7).max() < 0.026  # four standard deviations


@settings(deadline=None)
@given(st.integers(2, 60), st.floats(0.01, 0.99), st.data())
def test_the_fraction_that_shows_the_target_is_the_one_asked_for(count, fraction, data):
    shown = data.draw(st.integers(1, count - 1))
    batch_size = data.draw(st.integers(1, count))
    seed, epoch = data.draw(seeds), data.draw(st.integers(0, 10_000))
    foreground = np.arange(count) < shown
    kinds = np.where(foreground, LESION, NEITHER)
    sampling = Sampling(foreground_fraction=fraction)
    indices, rounds = drawn(slices(kinds), sampling, batch_size=batch_size, seed=seed, epoch=epoch)
    assert abs(foreground[indices].sum() - fraction * len(indices)) < 1 + 1e-6
    for kind in (True, False):
        times = np.bincount(indices[foreground[indices] == kind], minlength=count)[foreground == kind]
        assert times.max() - times.min() <= 1
    assert len(set(zip(indices.tolist(), rounds.tolist(), strict=True))) == len(indices)


def test_batches_of_lesion_liver_and_neither():
    data = slices([LESION] * 3 + [LIVER] * 9 + [NEITHER] * 28)
    sampling = Sampling(foreground_fraction=0.5, liver_fraction=0.375)
    sampler = Sampler(data, sampling, batch_size=8, seed=3)
    for step in range(10):
        indices = sampler.batch(step)[1]
        assert np.bincount(np.digitize(indices, [3, 12]), minlength=3).tolist() == [4, 3, 1]
    assert sampled_counts(data, batch_size=8, seed=3, sampling=sampling) == {"slices": 40, "liver": 35, "lesion": 20}
    everything = Sampling(foreground_fraction=0.6, liver_fraction=0.4)
    assert drawn(data, everything, batch_size=5)[0].max() < 12


@pytest.mark.parametrize(("exponent", "expected"), [(1, [36, 3, 1]), (0.5, [27, 8, 5]), (0, [13, 13, 13])])
def test_patients_are_drawn_by_a_power_of_their_slices(exponent, expected):
    patients = ["a"] * 36 + ["b"] * 3 + ["c"]
    sampling = Sampling(patient_exponent=exponent)
    indices, _ = drawn(slices([LESION] * 40, patients), sampling)
    counts = np.unique(np.array(patients)[indices], return_counts=True)[1]
    roots = np.array([36, 3, 1]) ** exponent
    np.testing.assert_allclose(counts, 40 * roots / roots.sum(), atol=1)
    np.testing.assert_allclose(counts, expected, atol=1)


def test_patients_are_balanced_within_each_kind():
    """A patient with many lesions does not crowd out the others, nor do those without lesion crowd it out."""
    kinds = [LESION] * 18 + [NEITHER] * 2 + [LESION] * 2 + [NEITHER] * 18
    patients = np.repeat(["a", "b"], 20)
    sampling = Sampling(foreground_fraction=0.5, patient_exponent=0)
    indices, _ = drawn(slices(kinds, list(patients)), sampling, batch_size=4)
    shown = np.array(kinds)[indices] == LESION
    for kind in (shown, ~shown):
        assert np.unique(patients[indices[kind]], return_counts=True)[1].tolist() == [10, 10]


def test_lesion_sizes_are_balanced_within_a_patient():
    areas = [40] * 15 + [2] * 5 + [2] * 5 + [1] * 15
    patients = np.repeat(["a", "b"], 20)
    data = slices([LESION] * 40, list(patients), areas)
    sizes = size_classes(data)
    assert sizes.tolist() == [2] * 15 + [4] * 25  # 40/256 is above 1/16, 2/256 and 1/256 are not above 1/64
    indices, _ = drawn(data, Sampling(patient_exponent=0, size_exponent=0))
    assert np.bincount(sizes[indices[indices < 20]]).tolist() == [0, 0, 10, 0, 10]
    # Not for the number of slices alone: of patient b, who has one size, every slice is drawn once.
    assert sorted(indices[indices >= 20]) == list(range(20, 40))


def test_size_classes_are_powers_of_four():
    data = slices([NEITHER] + [LESION] * 5, areas=[1, 256, 64, 63, 16, 1])
    assert size_classes(data).tolist() == [0, 0, 1, 2, 2, 4]


@pytest.mark.parametrize("exponent", [1, 0])
def test_hard_negatives_come_again(exponent):
    """More often than others of their patient, but their patient not more often where patients are balanced."""
    kinds = [LESION] * 20 + [NEITHER] * 20
    patients = np.tile(["a", "b"], 20)
    sampling = Sampling(foreground_fraction=0.5, patient_exponent=exponent, hard_negative_weight=3)
    indices, _ = drawn(slices(kinds, list(patients)), sampling, batch_size=4, hard_negatives=[20, 22, 24])
    assert (indices < 20).sum() == 20
    expected = np.ones(20)
    expected[[0, 2, 4]] = 3
    owners = np.arange(20) % 2
    totals = np.bincount(owners, expected) if exponent else np.ones(2)
    expected *= 20 * totals[owners] / totals.sum() / np.bincount(owners, expected)[owners]
    times = np.bincount(indices, minlength=40)[20:]
    assert (np.abs(times - expected) < 1).all()
    np.testing.assert_allclose(np.bincount(owners, times), np.bincount(owners, expected), atol=1)
    # Those that are not known yet are as all others.
    before, _ = drawn(slices(kinds, list(patients)), sampling, batch_size=4)
    assert sorted(before) == list(range(40))


def test_batches_are_repeatable_and_other_each_epoch():
    data, sampling = slices([LESION] * 6 + [NEITHER] * 14), Sampling(foreground_fraction=0.5, patient_exponent=0)
    first, second = (drawn(data, sampling, batch_size=4, seed=1, epoch=epoch)[0].tolist() for epoch in (0, 1))
    assert first == drawn(data, sampling, batch_size=4, seed=1)[0].tolist()
    assert first != second
    assert first != drawn(data, sampling, batch_size=4, seed=2)[0].tolist()


def test_where_every_slice_contains_liver_the_others_take_the_share_of_those_without():
    """As in folders that were cut to the liver, which the recipes for lesions take too."""
    data, sampling = slices([LESION] * 5 + [LIVER] * 15), Sampling(foreground_fraction=0.5, liver_fraction=0.3)
    assert [fraction for _, fraction in sampling.kinds(data)] == pytest.approx([0.5 / 0.8, 0.3 / 0.8])
    indices, _ = drawn(data, sampling, batch_size=4)
    assert np.sum(indices < 5) == pytest.approx(20 * 0.5 / 0.8, abs=1)
    assert sampling.notes(data) == [
        "sampling: every training slice contains liver, so the share of 0.2 without goes to the others"
    ]
    assert not sampling.notes(slices([LESION, LIVER, NEITHER]))
    assert not Sampling(foreground_fraction=0.5, liver_fraction=0.5).notes(data)
    assert not Sampling(foreground_fraction=0.5).notes(data)


@pytest.mark.parametrize(
    ("options", "kinds", "words"),
    [
        ({"foreground_fraction": 1.5}, [LESION, NEITHER], "`foreground_fraction` 1.5: give a fraction"),
        ({"foreground_fraction": 0.5}, [LIVER, NEITHER], "`foreground_fraction` 0.5: no training slice contains les"),
        ({"foreground_fraction": 0.5}, [LESION, LESION], "`foreground_fraction` 0.5: every training slice contains l"),
        ({"liver_fraction": 0.5}, [LESION, LIVER], "`liver_fraction` 0.5: needs `foreground_fraction` too"),
        ({"foreground_fraction": 0.5, "liver_fraction": 0.6}, [LESION, LIVER], "must add up to at most 1"),
        ({"foreground_fraction": 0.5, "liver_fraction": 0.3}, [LESION, NEITHER], "slice contains liver but no lesion"),
        ({"hard_negative_weight": 2}, [LESION, LESION], "`hard_negative_weight` 2: every training slice contains les"),
        ({"hard_negative_weight": 0.5}, [LESION, LIVER], "`hard_negative_weight` 0.5: give 1 or more"),
        ({"patient_exponent": 1.5}, [LESION, LIVER], "`patient_exponent` 1.5: give a number in 0..1"),
        ({"size_exponent": -1}, [LESION, LIVER], "`size_exponent` -1: give a number in 0..1"),
    ],
)
def test_sampling_that_cannot_be_had(options, kinds, words):
    with pytest.raises(DataError, match=words):
        Sampler(slices(kinds), Sampling(**options), batch_size=1, seed=0)
