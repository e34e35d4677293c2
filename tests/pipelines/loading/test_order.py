import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.loading.order import batch_indices, epoch_order, sample_keys, uniform_draws

seeds = st.integers(0, 2**64 - 1)
epochs = st.integers(0, 10_000)


@given(st.integers(1, 300), seeds, epochs)
def test_order_is_a_permutation_and_repeatable(count, seed, epoch):
    order = epoch_order(count, seed=seed, epoch=epoch)
    assert order.dtype == np.int64
    assert sorted(order) == list(range(count))
    assert np.array_equal(order, epoch_order(count, seed=seed, epoch=epoch))


@given(seeds, epochs)
def test_order_differs_between_epochs_and_seeds(seed, epoch):
    order = epoch_order(50, seed=seed, epoch=epoch)
    assert not np.array_equal(order, epoch_order(50, seed=seed, epoch=epoch + 1))
    assert not np.array_equal(order, epoch_order(50, seed=seed ^ 1, epoch=epoch))


def test_every_slice_stands_everywhere_equally_often():
    orders = np.array([epoch_order(10, seed=3, epoch=epoch) for epoch in range(4000)])
    shares = np.array([(orders == index).mean(axis=0) for index in range(10)])
    assert np.abs(shares - 0.1).max() < 0.02  # four standard deviations


def test_order_is_that_of_the_first_release():
    # Pinned: a change here changes what resumed runs see.
    assert epoch_order(8, seed=7, epoch=2).tolist() == [6, 0, 5, 3, 7, 1, 2, 4]
    assert sample_keys(2, np.array([0, 5]), 7).tolist() == [4900944921841364879, 6902892690734503258]


def test_order_cannot_be_spoilt_by_its_reader():
    with pytest.raises(ValueError, match="read-only"):
        epoch_order(5, seed=0, epoch=0)[0] = 1


@given(st.integers(1, 40), st.data())
def test_an_epoch_of_batches_repeats_no_slice(count, data):
    batch_size = data.draw(st.integers(1, count))
    seed, epoch = data.draw(seeds), data.draw(epochs)
    steps = count // batch_size
    batches = [
        batch_indices(epoch * steps + step, count=count, batch_size=batch_size, seed=seed) for step in range(steps)
    ]
    assert {owner for owner, _ in batches} == {epoch}
    seen = np.concatenate([indices for _, indices in batches])
    assert len(seen) == len(set(seen.tolist())) == steps * batch_size
    assert np.array_equal(seen, epoch_order(count, seed=seed, epoch=epoch)[: len(seen)])


def test_slices_left_over_are_others_each_epoch():
    left = {tuple(sorted(epoch_order(10, seed=0, epoch=epoch)[9:])) for epoch in range(100)}
    assert len(left) == 10


@pytest.mark.parametrize("batch_size", [0, 6])
def test_batch_size_out_of_range(batch_size):
    with pytest.raises(ValueError, match=r"1\.\.5"):
        batch_indices(0, count=5, batch_size=batch_size, seed=0)


@given(seeds, epochs)
def test_keys_go_with_their_slice(seed, epoch):
    keys = sample_keys(epoch, np.arange(64), seed)
    assert keys.dtype == np.uint64
    assert keys.shape == (64,)
    picked = np.array([5, 63, 0])
    assert np.array_equal(sample_keys(epoch, picked, seed), keys[picked])


def test_keys_never_meet_over_seeds_and_epochs():
    keys = np.concatenate([sample_keys(epoch, np.arange(500), seed) for seed in range(10) for epoch in range(10)])
    assert len(np.unique(keys)) == len(keys)
    for half in (keys.astype(np.uint32), keys >> np.uint64(32)):
        assert len(np.unique(half)) > 0.999 * len(keys)


@pytest.mark.parametrize("neighbour", [(1, 0, 0), (0, 1, 0), (0, 0, 1)])
def test_neighbouring_inputs_share_half_their_bits(neighbour):
    seed, epoch, index = neighbour
    here = sample_keys(4, np.arange(0, 8000, 2), 8)
    there = sample_keys(4 + epoch, np.arange(0, 8000, 2) + index, 8 + seed)
    bits = np.unpackbits((here ^ there)[:, None].view(np.uint8), axis=-1)
    assert np.abs(bits.mean(axis=0) - 0.5).max() < 0.04


@given(seeds, st.integers(1, 12))
def test_draws_have_their_places(seed, count):
    keys = sample_keys(0, np.arange(50), seed)
    draws = uniform_draws(keys, 12)
    assert draws.shape == (50, 12)
    assert ((draws >= 0) & (draws < 1)).all()
    assert np.array_equal(uniform_draws(keys[7:9], count), draws[7:9, :count])


def test_draws_are_uniform_and_know_nothing_of_each_other():
    draws = uniform_draws(sample_keys(3, np.arange(20_000), 5), 11)
    np.testing.assert_allclose(
        np.quantile(draws, [0.1, 0.5, 0.9], axis=0), [[0.1] * 11, [0.5] * 11, [0.9] * 11], atol=0.02
    )
    assert np.abs(np.corrcoef(draws.T) - np.eye(11)).max() < 0.04
