"""The order of training slices: a pure function of the seed and the step, so that a run resumes at any step.

Everything is hashed rather than drawn from a generator: there is no state to save, and the order does not hang on
what a NumPy release makes of a seed.
"""

import functools

import numpy as np

_ORDER, _KEYS, _FOREGROUND, _BACKGROUND = range(1, 5)  # keeps the uses of one (seed, epoch, index) apart
_WORD = (1 << 64) - 1
_GAMMA = np.uint64(0x9E3779B97F4A7C15)


def epoch_order(count: int, *, seed: int, epoch: int) -> np.ndarray:
    """Permutes the slices for one epoch.

    Args:
        count: number of slices.
        seed: 0..2^64 - 1.
        epoch: 0 or more.

    Returns:
        `(count,)` int64, a permutation of 0..count - 1, read-only.
    """
    return _epoch_order(int(count), int(seed), int(epoch), _ORDER)


def batch_indices(step: int, *, count: int, batch_size: int, seed: int) -> tuple[int, np.ndarray]:
    """Names the slices of a global step.

    An epoch has `count // batch_size` steps; the slices left over at its end are others in every epoch.

    Args:
        step: global step, 0 or more.
        count: number of slices.
        batch_size: slices in a batch, 1..count.
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
    """Names the slices of a global step when those that show the target are drawn more (or less) often.

    Of every run of slices in an epoch a share of `fraction`, to within one slice, shows the target. Those slices are
    gone through as often as it takes, in another order each time, and so are the others. An epoch has as many steps
    as without: `len(foreground) // batch_size`.

    Args:
        step: global step, 0 or more.
        foreground: `(count,)` bool, whether a slice shows the target; some do and some do not.
        fraction: above 0, below 1.
        batch_size: slices in a batch, 1..count.
        seed: 0..2^64 - 1.

    Returns:
        The epoch, `(batch_size,)` int64 slice indices, and `(batch_size,)` int64 how often each was drawn before in
        this epoch.

    Raises:
        ValueError: `batch_size` is not in 1..count, or all slices show the target, or none.
    """
    count = len(foreground)
    if not 1 <= batch_size <= count:
        raise ValueError(f"batch_size={batch_size} must be in 1..{count}")
    shown, others = np.flatnonzero(foreground), np.flatnonzero(~foreground)
    if not len(shown) or not len(others):
        raise ValueError("fraction needs slices that show the target and slices that do not")
    epoch, batch = divmod(int(step), count // batch_size)
    # Whole slices from a running total, so that the rounding of one batch is made good in the next.
    first, last = (int(np.floor(fraction * batch_size * each + 1e-9)) for each in (batch, batch + 1))
    places_shown = np.arange(first, last)
    places_others = np.arange(batch * batch_size - first, (batch + 1) * batch_size - last)
    drawn = [
        _go_through(members, places, seed=seed, epoch=epoch, use=use)
        for members, places, use in ((shown, places_shown, _FOREGROUND), (others, places_others, _BACKGROUND))
    ]
    indices, rounds = (np.concatenate(pieces) for pieces in zip(*drawn, strict=True))
    return epoch, indices, rounds


def _go_through(members: np.ndarray, places: np.ndarray, *, seed: int, epoch: int, use: int):
    """The members at these places of an endless sequence that repeats all of them in ever other orders."""
    rounds, within = np.divmod(places, len(members))
    indices = np.empty(len(places), np.int64)
    for each in np.unique(rounds):
        order = _epoch_order(len(members), seed, epoch, use + (int(each) << 8))
        indices[rounds == each] = members[order[within[rounds == each]]]
    return indices, rounds


def sample_keys(epoch: int, indices: np.ndarray, seed: int) -> np.ndarray:
    """Makes keys for random draws, one for each slice.

    Args:
        epoch: 0 or more.
        indices: `(n,)` slice indices.
        seed: 0..2^64 - 1.

    Returns:
        `(n,)` uint64, over the whole range.
    """
    return _hash(seed, epoch, _KEYS, np.asarray(indices))


def uniform_draws(keys: np.ndarray, count: int) -> np.ndarray:
    """Draws numbers by their place: how many are drawn changes none of them.

    Args:
        keys: `(n,)` uint64.
        count: numbers for each key.

    Returns:
        `(n, count)` float64, from 0 to below 1: SplitMix64 started at each key.
    """
    words = _splitmix(keys[:, None] + np.arange(count, dtype=np.uint64) * _GAMMA)
    return (words >> np.uint64(11)) * 2.0**-53


@functools.lru_cache(maxsize=8)
def _epoch_order(count: int, seed: int, epoch: int, use: int) -> np.ndarray:
    # Sorting by hash gives every permutation the same chance; stable, so that a tie has one outcome too.
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
