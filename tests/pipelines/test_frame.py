import itertools

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pipelines.frame import CANONICAL, Frame, frame_of_stack, steps_of_one

TURNS = list(itertools.product(itertools.permutations(range(3)), itertools.product((1, -1), repeat=3)))


@st.composite
def frames(draw):
    """Any order and sense of the axes, any spacing, tilted by up to 40 degrees."""
    order, signs = draw(st.sampled_from(TURNS))
    length = st.floats(0.3, 8)
    tilt = Rotation.from_euler("xyz", draw(st.tuples(*[st.floats(-23, 23)] * 3)), degrees=True).as_matrix()
    affine = np.eye(4)
    affine[:3, :3] = (tilt @ np.diag(draw(st.tuples(length, length, length))))[:, order] * signs
    affine[:3, 3] = draw(st.tuples(*[st.floats(-500, 500)] * 3))
    return Frame(shape=draw(st.tuples(*[st.integers(1, 6)] * 3)), affine=affine)


def numbered(shape):
    return np.arange(np.prod(shape)).reshape(shape)


@settings(max_examples=200, deadline=None)
@given(frames())
def test_there_and_back_and_every_voxel_stays_where_it_is(frame):
    array = numbered(frame.shape)
    slices = frame.to_slices(array)
    assert np.array_equal(frame.from_slices(slices), array)
    assert np.array_equal(frame.to_slices(frame.from_slices(slices)), slices)
    # The number in a voxel says which voxel of the file it was.
    in_file = np.stack(np.unravel_index(slices.ravel(), frame.shape))
    in_stack = np.indices(slices.shape).reshape(3, -1)
    there = nibabel.affines.apply_affine(frame.affine, in_file.T)
    here = nibabel.affines.apply_affine(frame.slices_affine, in_stack.T)
    assert np.allclose(here, there, rtol=0, atol=1e-9)
    assert nibabel.aff2axcodes(frame.slices_affine) == CANONICAL
    assert np.allclose(sorted(frame.spacing), sorted(np.linalg.norm(frame.affine[:3, :3], axis=0)), rtol=0, atol=1e-9)


@pytest.mark.parametrize(("order", "signs"), TURNS)
def test_slices_begin_at_the_feet_rows_in_front_and_columns_at_the_right(order, signs):
    affine = np.eye(4)
    affine[:3, :3] = (np.eye(3) * (2, 3, 5))[:, order] * signs
    frame = Frame(shape=(4, 5, 6), affine=affine)
    slices = frame.to_slices(numbered(frame.shape))
    z, y, x = (np.arange(length) for length in slices.shape)
    position = frame.slices_affine @ [slices.shape[0] - 1, 0, 0, 1] - frame.slices_affine @ [0, 0, 0, 1]
    assert np.allclose(position, [0, 0, 5 * z[-1], 0])  # up
    position = frame.slices_affine @ [0, y[-1], x[-1], 1] - frame.slices_affine @ [0, 0, 0, 1]
    assert np.allclose(position, [-2 * x[-1], -3 * y[-1], 0, 0])  # to the left and to the back
    assert frame.spacing == (5, 3, 2)


@pytest.mark.parametrize("head_first", [True, False])
def test_frame_of_stack(head_first):
    frame = frame_of_stack((3, 4, 5), (5.0, 0.7, 0.8), head_first=head_first)
    array = numbered(frame.shape)
    assert np.array_equal(frame.to_slices(array), array[::-1] if head_first else array)
    assert frame.spacing == pytest.approx((5.0, 0.7, 0.8))
    centre = frame.affine @ [1, 1.5, 2, 1]
    assert np.allclose(centre, [0, 0, 0, 1])
    right_front = frame.affine @ [0, 0, 0, 1]
    assert right_front[0] > 0
    assert right_front[1] > 0
    assert (right_front[2] > 0) == head_first


def test_steps_of_one():
    assert not steps_of_one(frame_of_stack((3, 4, 5), (5.0, 0.7, 0.8)))
    assert steps_of_one(Frame(shape=(3, 4, 5), affine=np.diag([-1.0, 1, 1, 1])))


def test_voxels_of_a_tilted_gantry_have_the_volume_of_their_spacing():
    frame = frame_of_stack((3, 4, 5), (5.0, 0.7, 0.8), head_first=False)
    affine = frame.affine.copy()
    affine[1, 0] = 5.0 * np.tan(np.radians(20))  # every slice further to the front, and longer steps between them
    tilted = Frame(shape=frame.shape, affine=affine)
    assert tilted.spacing == pytest.approx((5.0, 0.7, 0.8))
    assert np.prod(tilted.spacing) == pytest.approx(abs(np.linalg.det(affine)))
