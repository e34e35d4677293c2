import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cafct_keras.packed import PackedMask

STACKS = arrays.arrays(bool, st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9)))


@given(STACKS)
def test_a_packed_mask_holds_the_same_slices(mask):
    packed = PackedMask(iter(mask))
    assert (packed.shape, packed.ndim, len(packed)) == (mask.shape, 3, len(mask))
    np.testing.assert_array_equal(np.asarray(packed), mask)
    np.testing.assert_array_equal(np.stack(list(packed)), mask)
    np.testing.assert_array_equal(packed[len(mask) - 1], mask[-1])
    assert np.asarray(packed, np.uint8).dtype == np.uint8
    # What is unpacked is the caller's own.
    packed[0][...] = ~mask[0]
    np.testing.assert_array_equal(packed[0], mask[0])


def test_a_packed_mask_cannot_be_shared():
    packed = PackedMask(np.ones((2, 4, 4), bool))
    with pytest.raises(ValueError, match="copy"):
        np.asarray(packed, copy=False)
