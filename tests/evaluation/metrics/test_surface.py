import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from cafct_keras.evaluation import surface_distances
from cafct_keras.evaluation.metrics.options import ScoreOptions
from cafct_keras.evaluation.metrics.surface import DISTANCES, is_distance, surface_scores, tolerance_doubts
from cafct_keras.evaluation.metrics.surfels import surfels
from cafct_keras.measurement.components import boundary, bounding_box
from tests.evaluation.drawn import SPACING, blobs, stacks

spacings = st.tuples(*[st.sampled_from([0.5, 0.7, 1.0, 2.5, 5.0])] * 3)


def by_distance_transform(prediction, reference, spacing):
    """The same from dense maps of distances over the whole volume."""
    edges = [mask & ~ndimage.binary_erosion(mask) for mask in (prediction, reference)]
    maps = [ndimage.distance_transform_edt(~edge, sampling=spacing) for edge in edges]
    there, back = maps[1][edges[0]], maps[0][edges[1]]
    both = np.concatenate([there, back])
    return {
        "hd": both.max(),
        "hd95": max(np.percentile(there, 95), np.percentile(back, 95)),
        "assd": both.mean(),
        "rmsd": np.sqrt((both**2).mean()),
        **{f"nsd_{t}": ((there <= t + 1e-6).sum() + (back <= t + 1e-6).sum()) / len(both) for t in (1, 2, 3)},
    }


def of_voxels(*pair, spacing):
    """What `by_distance_transform` measures."""
    found = surface_distances(*pair, spacing=spacing)
    return {name: found[name] for name in ("hd", "hd95", "assd", "rmsd", "nsd_1", "nsd_2", "nsd_3")}


@settings(max_examples=50, deadline=None)
@given(stacks(), spacings)
def test_distances_are_those_of_the_distance_transform(pair, spacing):
    if all(mask.any() for mask in pair):
        assert of_voxels(*pair, spacing=spacing) == pytest.approx(by_distance_transform(*pair, spacing))
        for p, g in zip(*pair, strict=True):
            if p.any() and g.any():
                expected = by_distance_transform(p, g, spacing[1:])
                assert of_voxels(p, g, spacing=spacing[1:]) == pytest.approx(expected)


@settings(max_examples=50, deadline=None)
@given(st.one_of(stacks(), blobs()))
def test_boundary_is_what_erosion_takes_away(pair):
    for mask in pair:
        assert np.array_equal(boundary(mask), mask & ~ndimage.binary_erosion(mask))
        assert np.array_equal(boundary(mask[0]), mask[0] & ~ndimage.binary_erosion(mask[0]))


@settings(max_examples=50, deadline=None)
@given(blobs())
def test_bounding_box_is_the_smallest(pair):
    for mask in pair:
        box = bounding_box(mask)
        if box is None:
            assert not mask.any()
        else:
            assert mask[box].sum() == mask.sum()
            assert all(mask[box].take(end, axis).any() for axis in range(3) for end in (0, -1))


def test_shifted_cubes_by_hand():
    mask = np.zeros((9, 9, 9), bool)
    mask[3:5, 3:5, 3:5] = True
    # Half of each cube's 8 voxels, all boundary, are 2 mm from the other cube; the others lie in it or 4 mm away.
    found = of_voxels(mask, np.roll(mask, 1, axis=0), spacing=(2.0, 1.0, 1.0))
    assert list(found.values()) == pytest.approx([2.0, 2.0, 1.0, np.sqrt(2), 0.5, 1.0, 1.0])


def test_a_distance_of_exactly_the_tolerance_is_within_it():
    # One step of 0.6 and one of 0.8, the latter from 1.6 to 2.4, come to a little more than 1 in floating point.
    points = np.zeros((2, 4, 4), bool)
    points[0, 0, 2] = points[1, 1, 3] = True
    assert surface_distances(points[0], points[1], spacing=(0.6, 0.8))["nsd_1"] == 1.0


def test_both_empty_is_perfect_and_one_empty_the_worst():
    some, empty = np.zeros((3, 4, 5), bool), np.zeros((3, 4, 5), bool)
    some[1, 2, 2] = True
    worst = float(np.linalg.norm([3 * 2.5, 4 * 0.7, 5 * 0.9]))
    for name, value in surface_distances(empty, empty, spacing=SPACING).items():
        assert value == (0 if is_distance(name) else 1), name
    for pair in ((some, empty), (empty, some)):
        for name, value in surface_distances(*pair, spacing=SPACING).items():
            assert value == pytest.approx(worst if is_distance(name) else 0), name


@settings(max_examples=50, deadline=None)
@given(stacks(), spacings)
def test_no_distance_is_longer_than_what_a_miss_counts(pair, spacing):
    missed = surface_distances(np.zeros_like(pair[1]), pair[1], spacing=spacing)
    scored = surface_distances(*pair, spacing=spacing)
    if pair[1].any():
        assert max(scored[name] for name in DISTANCES) <= missed["hd"] == missed["assd"]


@pytest.mark.parametrize(
    ("spacing", "contiguous", "unit", "length"),
    [(SPACING, True, "volume", "mm"), (SPACING, False, "slice", "mm"), (None, True, "slice", "px")],
)
def test_what_is_measured_hangs_on_what_is_known(spacing, contiguous, unit, length):
    generator = np.random.default_rng(3)
    prediction, reference = generator.random((2, 4, 6, 7)) < 0.3
    prediction[2] = False
    scores = surface_scores(prediction, reference, spacing=spacing, contiguous=contiguous)
    assert (scores.unit, scores.length) == (unit, length)
    nsd = [f"{kind}_{tolerance}" for kind in ("nsd", "surfel_nsd") for tolerance in (1, 2, 3)]
    assert list(scores.measures()) == [*(f"{name}_{length}" for name in (*DISTANCES, *nsd)), "boundary_iou"]
    units = [(prediction, reference)] if unit == "volume" else zip(prediction, reference, strict=True)
    steps = {"volume": spacing, "slice": (1, 1) if spacing is None else spacing[1:]}[unit]
    expected = [surface_distances(*each, spacing=steps) for each in units]
    for name, values in scores.values.items():
        assert values == pytest.approx([each[name] for each in expected]), name
    assert scores.diagonal == pytest.approx(np.linalg.norm(np.multiply(prediction.shape[-len(steps) :], steps)))
    if unit == "slice":
        assert scores.in_prediction.tolist() == [True, True, False, True]
        assert scores.values["hd95"][2] == scores.diagonal
    nothing = surface_scores(np.zeros_like(reference), reference, spacing=spacing, contiguous=contiguous)
    for name, values in scores.of_nothing().measures().items():
        assert np.array_equal(values, nothing.measures()[name])


def test_tolerances_are_options():
    mask = np.zeros((1, 9, 9), bool)
    mask[0, 3:5, 3:5] = True
    options = ScoreOptions(tolerances=(2.5, 0.5))
    scores = surface_scores(mask, np.roll(mask, 1, axis=2), spacing=(1.0, 1.0, 1.0), options=options).measures()
    assert [name for name in scores if name.startswith("nsd")] == ["nsd_0.5_mm", "nsd_2.5_mm"]
    assert (scores["nsd_0.5_mm"][0], scores["nsd_2.5_mm"][0]) == (0.5, 1)


def test_areas_of_surfels_by_hand():
    one, two = np.zeros((3, 3, 4), bool), np.zeros((3, 3, 4), bool)
    one[1, 1, 1] = two[1, 1, 1:3] = True
    sides = np.array(SPACING)
    corner = np.linalg.norm(np.prod(sides) / sides) / 8  # a triangle that cuts off a corner of eight voxels
    assert surfels(one, SPACING)[1] == pytest.approx([corner] * 8)
    _, areas = surfels(two, SPACING)
    assert sorted(areas) == pytest.approx(sorted([corner] * 8 + [np.hypot(*sides[:2]) * sides[2] / 2] * 4))
    # Three voxels around an edge: between them lies a pentagon, whose planes are a quadrilateral and a triangle.
    bent = np.zeros((2, 2, 1), bool)
    bent[0, 0, 0] = bent[0, 1, 0] = bent[1, 0, 0] = True
    inner = surfels(bent, (1.0, 1.0, 1.0))
    (area,) = inner[1][(inner[0] == (0.5, 0.5, -0.5)).all(axis=1)]
    assert area == pytest.approx(1 / 2 + 3 * np.sqrt(3) / 8)
    places, lengths = surfels(one[1], SPACING[1:])
    assert lengths == pytest.approx([np.hypot(*sides[1:]) / 2] * 4)
    assert places == pytest.approx(np.array([[r, c] for r in (0.5, 1.5) for c in (0.5, 1.5)]) * sides[1:])


@settings(max_examples=30, deadline=None)
@given(blobs(), spacings)
def test_areas_of_surfels_do_not_hang_on_the_direction(pair, spacing):
    mask = pair[0]
    total = surfels(mask, spacing)[1].sum()
    flipped = surfels(mask[::-1, :, ::-1], spacing)[1].sum()
    turned = surfels(mask.transpose(2, 0, 1), (spacing[2], *spacing[:2]))[1].sum()
    assert flipped == pytest.approx(total)
    assert turned == pytest.approx(total)


@settings(max_examples=40, deadline=None)
@given(blobs(shape=(3, 60, 80)))
def test_boundary_iou_is_that_of_eroded_masks(pair):
    bands = []
    for mask in pair:
        eroded = [ndimage.binary_erosion(each, np.ones((3, 3)), iterations=2) for each in mask]  # 2 % of 100 pixels
        bands.append(mask & ~np.array(eroded))
    union = (bands[0] | bands[1]).sum()
    if union and all(mask.any() for mask in pair):
        found = surface_distances(*pair, spacing=SPACING)["boundary_iou"]
        assert found == pytest.approx((bands[0] & bands[1]).sum() / union)


def test_tolerances_below_the_spacing_are_doubted():
    assert tolerance_doubts([(5.0, 0.7, 0.7), (5.0, 1.0, 0.8)], (1.0, 2.0)) == []
    (told,) = tolerance_doubts([(1.0, 0.7, 0.7), (1.0, 1.5, 0.8)], (0.5, 1.0, 2.0))
    assert told.startswith("NSD at 0.5, 1 mm: below the spacing within slices of 2 of 2 cases (up to 1.5 mm)")
    (told,) = tolerance_doubts([None], (0.5,))
    assert "NSD at 0.5 px" in told
