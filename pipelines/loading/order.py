"""Sampling order of training slices: a pure function of seed and step, so that a run resumes at any step.

Indices are hashed instead of drawn from a generator: there is no state to save, and the order does not depend on the
NumPy release.
"""

import functools

import numpy as np

_ORDER, _KEYS, _FOREGROUND, _BACKGROUND = range(1, 5)  # streams of hashes
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
    return _epoch_order(int(count), int(seed), int(epoch), _ORDER)


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


def sampled_batch(
    step: int, *, foreground: np.ndarray, fraction: float, batch_size: int, seed: int
) -> tuple[int, np.ndarray, np.ndarray]:
    """Indices of the slices of a global step when a given fraction of them contains the target.

    Over an epoch the fraction is met to within one slice. Slices with the target are cycled through in a new order
    each time, and so are those without. An epoch has `len(foreground) // batch_size` steps, as without oversampling.

    Args:
        step: global step, 0 or more.
        foreground: `(count,)` bool, whether a slice contains the target; some do and some do not.
        fraction: of slices with the target, above 0 and below 1.
        batch_size: slices per batch, 1..count.
        seed: 0..2^64 - 1.

    Returns:
        The epoch, `(batch_size,)` int64 slice indices, and `(batch_size,)` int64 counts of how often each
        was drawn before in this epoch.

    Raises:
        ValueError: `batch_size` is not in 1..count, or all slices contain the target, or none.
    """
    count = len(foreground)
    if not 1 <= batch_size <= count:
        raise ValueError(f"batch_size={batch_size} must be in 1..{count}")
    shown, others = np.flatnonzero(foreground), np.flatnonzero(~foreground)
    if not len(shown) or not len(others):
        raise ValueError("`fraction` needs slices that contain the target and slices that do not")
    epoch, batch = divmod(int(step), count // batch_size)
    # From a running total, so that the next batch makes up for the rounding of this one.
    first, last = (int(np.floor(fraction * batch_size * each + 1e-9)) for each in (batch, batch + 1))
    places_shown = np.arange(first, last)
    places_others = np.arange(batch * batch_size - first, (batch + 1) * batch_size - last)
    drawn = [
        _cycle(members, places, seed=seed, epoch=epoch, use=use)
        for members, places, use in ((shown, places_shown, _FOREGROUND), (others, places_others, _BACKGROUND))
    ]
    indices, rounds = (np.concatenate(pieces) for pieces in zip(*drawn, strict=True))
    return epoch, indices, rounds


def _cycle(
    members: np.ndarray, places: np.ndarray, *, seed: int, epoch: int, use: int
) -> tuple[np.ndarray, np.ndarray]:
    """Members at the given places of an endless sequence of permutations, and the numbers of these permutations."""
    rounds, within = np.divmod(places, len(members))
    indices = np.empty(len(places), np.int64)
    for each in np.unique(rounds):
        order = _epoch_order(len(members), seed, epoch, use + (int(each) << 8))
        indices[rounds == each] = members[order[within[rounds == each]]]
    return indices, rounds


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
def _epoch_order(count: int, seed: int, epoch: int, use: int) -> np.ndarray:
    # Sorting by hash makes every permutation equally likely; stable, so that ties have one outcome.
    order = np.argsort(_hash(seed, epoch, use, np.arange(count)), kind="stable").astype(np.int64)
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
