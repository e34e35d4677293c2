"""Sampling order of training slices: a pure function of seed and step, so that a run resumes at any step.

Indices are hashed instead of drawn from a generator: there is no state to save, and the order does not depend on the
NumPy release.
"""

import functools
from collections.abc import Sequence

import numpy as np

_ORDER, _KEYS, _WEIGHTED, _PLACES = range(1, 5)  # streams of hashes
_WORD = (1 << 64) - 1
_GAMMA = np.uint64(0x9E3779B97F4A7C15)


def epoch_order(count: int, *, seed: int, epoch: int) -> np.ndarray:
    """Permutation of the slices in one epoch.

    Args:
        count: number of slices.
        seed: 0..2^64 - 1.
        epoch: 0 or more.

    Returns:
        `(count,)` int64, a permutation of 0..count - 1, read-only.
    """
    return _epoch_order(int(count), int(seed), int(epoch))


def batch_indices(step: int, *, count: int, batch_size: int, seed: int) -> tuple[int, np.ndarray]:
    """Indices of the slices of a global step.

    An epoch has `count // batch_size` steps; the remaining slices are skipped, different ones in each epoch.

    Args:
        step: global step, 0 or more.
        count: number of slices.
        batch_size: slices per batch, 1..count.
        seed: 0..2^64 - 1.

    Returns:
        The epoch, and `(batch_size,)` int64 slice indices.

    Raises:
        ValueError: `batch_size` is not in 1..count.
    """
    if not 1 <= batch_size <= count:
        raise ValueError(f"batch_size={batch_size} must be in 1..{count}")
    epoch, batch = divmod(int(step), count // batch_size)
    return epoch, epoch_order(count, seed=seed, epoch=epoch)[batch * batch_size : (batch + 1) * batch_size]


def interleave(fractions: Sequence[float], count: int) -> np.ndarray:
    """Spreads kinds evenly over a sequence, so that every part of it has nearly the same mix.

    Args:
        fractions: of each kind; they add up to 1.
        count: length of the sequence.

    Returns:
        `(count,)` int64, the kind of each place: that which is furthest behind its fraction.
    """
    due, kinds = np.zeros(len(fractions)), np.empty(count, np.int64)
    for place in range(count):
        due += fractions
        kinds[place] = kind = int(np.argmax(due > due.max() - 1e-9))  # the first of equals, whatever their rounding
        due[kind] -= 1
    return kinds


def weighted_order(
    weights: np.ndarray, strata: np.ndarray, count: int, *, seed: int, epoch: int, use: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draws members in proportion to their weights: each of them, and each stratum, as often as that says to within 1.

    Systematic sampling (Madow 1949) over the members in order of their strata. What is drawn several times comes at
    about even distances.

    Args:
        weights: `(n,)`, above 0; they add up to 1.
        strata: `(n,)` int64.
        count: number of draws.
        seed: 0..2^64 - 1.
        epoch: 0 or more.
        use: independent sequences for the same epoch, 0..2^32 - 1.

    Returns:
        `(count,)` int64 members, and `(count,)` int64 counts of how often each was drawn before.
    """
    shuffle, spread = _WEIGHTED + (use << 8), _PLACES + (use << 8)
    order = np.lexsort((_hash(seed, epoch, shuffle, np.arange(len(weights))), strata))
    offset = uniform_draws(_hash(seed, epoch, shuffle, np.array([len(weights)])), 1)[0, 0]
    totals = np.cumsum(weights[order]) * count
    totals[-1] = count
    times = np.diff(np.floor(totals + offset).astype(np.int64), prepend=0)
    members = np.repeat(order, times)
    rounds = np.arange(count) - np.repeat(np.cumsum(times) - times, times)
    jitter = uniform_draws(_hash(seed, epoch, spread, members), int(times.max(initial=1)))
    when = (rounds + jitter[np.arange(count), rounds]) / np.repeat(times, times)
    sequence = np.argsort(when, kind="stable")
    return members[sequence], rounds[sequence]


def sample_keys(epoch: int, indices: np.ndarray, seed: int) -> np.ndarray:
    """Keys for the random draws of slices.

    Args:
        epoch: 0 or more.
        indices: `(n,)` slice indices.
        seed: 0..2^64 - 1.

    Returns:
        `(n,)` uint64, uniform over the whole range.
    """
    return _hash(seed, epoch, _KEYS, np.asarray(indices))


def uniform_draws(keys: np.ndarray, count: int) -> np.ndarray:
    """Uniform random numbers; the first ones do not depend on `count`.

    Args:
        keys: `(n,)` uint64.
        count: numbers per key.

    Returns:
        `(n, count)` float64 in [0, 1): SplitMix64 started at each key.
    """
    words = _splitmix(keys[:, None] + np.arange(count, dtype=np.uint64) * _GAMMA)
    return (words >> np.uint64(11)) * 2.0**-53


@functools.lru_cache(maxsize=8)
def _epoch_order(count: int, seed: int, epoch: int) -> np.ndarray:
    # Sorting by hash makes every permutation equally likely; stable, so that ties have one outcome.
    order = np.argsort(_hash(seed, epoch, _ORDER, np.arange(count)), kind="stable").astype(np.int64)
    order.flags.writeable = False
    return order


def _hash(seed: int, epoch: int, use: int, indices: np.ndarray) -> np.ndarray:
    """Hashes each (seed, epoch, use, index) to a uint64, chaining SplitMix64 over the four."""
    state = np.zeros(1, np.uint64)  # an array, because NumPy warns when a scalar wraps round
    for word in (seed, epoch, use):
        state = _splitmix(state ^ np.uint64(int(word) & _WORD))
    return _splitmix(state ^ indices.astype(np.uint64))


def _splitmix(word: np.ndarray) -> np.ndarray:
    """One step of SplitMix64 (Steele, Lea and Flood 2014): every input bit flips half the output bits."""
    word = word + _GAMMA
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))
