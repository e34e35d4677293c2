import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from cafct_keras.measurement.shapes import axial_diameters


@pytest.mark.parametrize(("first", "second"), [((0, 0, 0), (5, 11, 3)), ((2, 4, 9), (2, 40, 1))])
def test_axes_run_from_edge_to_edge(first, second):
    mask = np.zeros((6, 41, 12), bool)
    mask[first], mask[first[0], second[1], second[2]] = True, True
    longest, short, index = axial_diameters(mask, (0.5, 2.0))
    corners = [
        np.add((row, column), edge) * (0.5, 2.0) for edge in np.ndindex(2, 2) for row, column in (first[1:], second[1:])
    ]
    reach = max(np.linalg.norm(one - other) for one in corners for other in corners)
    assert (longest, index) == (pytest.approx(reach), first[0])
    assert 0 < short < longest


def test_axes_of_a_box():
    longest, short, index = axial_diameters(np.ones((2, 3, 4), bool), (1.0, 1.0))
    # Its diagonal, and from a corner at right angles to that to the opposite side.
    assert (longest, short, index) == (pytest.approx(5.0), pytest.approx(3 / 0.8), 0)


@settings(max_examples=40, deadline=None)
@given(st.floats(8, 25), st.floats(0.3, 1), st.floats(0, 180), st.sampled_from([(0.7, 0.7), (0.5, 1.0), (1.2, 0.8)]))
def test_axes_of_an_ellipse_at_any_angle(radius, aspect, angle, spacing):
    rows, columns = (np.arange(-60, 61)[:, None] * spacing[0], np.arange(-60, 61)[None] * spacing[1])
    turned = np.exp(1j * np.radians(angle)) * (columns + 1j * rows)
    ellipse = ((turned.real / radius) ** 2 + (turned.imag / (radius * aspect)) ** 2 <= 1)[None]
    longest, short, _ = axial_diameters(ellipse, spacing)
    pixel = np.hypot(*spacing)
    assert longest == pytest.approx(2 * radius, abs=pixel)
    # The longest axis may be turned by a pixel at its end, which matters for round ones not at all.
    assert short == pytest.approx(2 * radius * aspect, abs=1.5 * pixel)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_short_axis_is_the_longest_chord_at_right_angles(seed):
    noise = gaussian_filter(np.random.default_rng(seed).random((11, 11)), 1.5)
    mask = noise > np.quantile(noise, 0.7)
    longest, short, _ = axial_diameters(mask[None], (1.0, 1.0))
    corners = np.unique((np.argwhere(mask)[:, None] + list(np.ndindex(2, 2))).reshape(-1, 2), axis=0).astype(float)
    away = np.linalg.norm(corners[:, None] - corners, axis=2)
    assert longest == pytest.approx(away.max())
    chords = [_longest_chord(corners, corners[j] - corners[i]) for i, j in np.argwhere(away > away.max() - 1e-9)]
    assert any(short == pytest.approx(chord) for chord in chords)  # of each of the longest diameters


def _longest_chord(points, direction):
    """Of a convex hull, at right angles to a direction: by all segments from point to point."""
    along = points @ direction / np.linalg.norm(direction)
    across = points @ [-direction[1], direction[0]] / np.linalg.norm(direction)
    best = 0.0
    for place in along:
        before, after = np.nonzero(along <= place)[0], np.nonzero(along >= place)[0]
        one, other = (each.ravel() for each in np.meshgrid(before, after))
        length = along[other] - along[one]
        part = np.divide(place - along[one], length, out=np.zeros(len(length)), where=length > 0)
        heights = across[one] + part * (across[other] - across[one])
        heights = np.r_[heights, across[along == place]]
        best = max(best, np.ptp(heights))
    return best
