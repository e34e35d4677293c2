"""The order of training slices: a pure function of the seed and the step, so that a run resumes at any step.

Everything is hashed rather than drawn from a generator: there is no state to save, and the order does not hang on
what a NumPy release makes of a seed.
"""

import functools

import numpy as np

_ORDER, _KEYS = 1, 2  # keeps the two uses of one (seed, epoch, index) apart
_WORD = (1 << 64) - 1


def epoch_order(count: int, *, seed: int, epoch: int) -> np.ndarray:
    """Permutes the slices for one epoch.

    Args:
        count: number of slices.
        seed: 0..2^64 - 1.
        epoch: 0 or more.

    Returns:
        `(count,)` int64, a permutation of 0..count - 1, read-only.
    """
    return _epoch_order(int(count), int(seed), int(epoch))


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


def sample_keys(epoch: int, indices: np.ndarray, seed: int) -> np.ndarray:
    """Makes keys for stateless random draws, one for each slice.

    Args:
        epoch: 0 or more.
        indices: `(n,)` slice indices.
        seed: 0..2^64 - 1.

    Returns:
        `(n, 2)` int32, over the whole range of int32.
    """
    hashed = _hash(seed, epoch, _KEYS, np.asarray(indices))
    words = np.stack([hashed & np.uint64(0xFFFFFFFF), hashed >> np.uint64(32)], axis=-1)
    return words.astype(np.uint32).view(np.int32)


@functools.lru_cache(maxsize=4)
def _epoch_order(count: int, seed: int, epoch: int) -> np.ndarray:
    # Sorting by hash gives every permutation the same chance; stable, so that a tie has one outcome too.
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
    word = word + np.uint64(0x9E3779B97F4A7C15)
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))
