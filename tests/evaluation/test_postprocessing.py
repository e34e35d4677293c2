import numpy as np
from hypothesis import given, settings
from scipy import ndimage

from cafct_keras.evaluation import largest_component, mask_to_liver, remove_small_components
from cafct_keras.postprocessing import PostProcessing
from tests.evaluation.drawn import blobs

CUBE = np.ones((3, 3, 3))


@settings(max_examples=100, deadline=None)
@given(blobs())
def test_the_largest_component_is_one_and_the_largest(pair):
    for mask in pair:
        before = mask.copy()
        kept = largest_component(mask)
        labels, count = ndimage.label(mask, CUBE)
        sizes = [(labels == index).sum() for index in range(1, count + 1)]
        assert ndimage.label(kept, CUBE)[1] == min(count, 1)
        assert kept.sum() == max(sizes, default=0)
        assert not (kept & ~mask).any()
        alone = largest_component(mask, contiguous=False)
        assert all(np.array_equal(one, largest_component(each[None])[0]) for one, each in zip(alone, mask, strict=True))
        assert np.array_equal(mask, before)


@settings(max_examples=100, deadline=None)
@given(blobs())
def test_components_below_the_size_go(pair):
    spacing = (2.0, 0.5, 0.5)
    for mask in pair:
        labels, count = ndimage.label(mask, CUBE)
        large = [index for index in range(1, count + 1) if (labels == index).sum() >= 12]
        assert np.array_equal(remove_small_components(mask, smallest=12), np.isin(labels, large))
        assert np.array_equal(remove_small_components(mask, smallest=6, spacing=spacing), np.isin(labels, large))
        assert np.array_equal(remove_small_components(mask, smallest=0), mask)
        alone = remove_small_components(mask, smallest=3, spacing=spacing, contiguous=False)
        expected = [remove_small_components(each[None], smallest=12)[0] for each in mask]
        assert np.array_equal(alone, np.stack(expected))


def test_inside_the_liver():
    lesion, liver = np.array([[[1, 1, 0, 0]]], bool), np.array([[[0, 1, 1, 0]]], bool)
    assert mask_to_liver(lesion, liver).tolist() == [[[False, True, False, False]]]


def test_a_size_counts_in_the_unit_it_was_chosen_in():
    mask = np.zeros((1, 4, 12), bool)
    mask[0, 0, :2], mask[0, 2, :6] = True, True
    spacing = (2.0, 0.5, 0.5)  # half a cubic millimeter

    def kept(unit, spacing=spacing, *, contiguous=True):
        steps = PostProcessing(smallest_lesion=4, unit=unit)
        return int(steps({"lesion": mask}, spacing=spacing, contiguous=contiguous)["lesion"].sum())

    assert kept(None) == kept("mm3") == 0
    assert kept(None, spacing=None) == kept("pixels") == kept("pixels", spacing=None) == 6
    assert kept("mm3", spacing=None) == kept("mm2") == kept("mm3", contiguous=False) == 8
