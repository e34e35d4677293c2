"""Where a rule is MONAI's, the numbers are MONAI's."""

import warnings

import numpy as np
import pytest

from cafct_keras.evaluation import surface_distances
from tests.evaluation.drawn import summary

torch = pytest.importorskip("torch")
pytest.importorskip("monai", reason="MONAI is not installed; pip install -e '.[monai]'")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # MONAI's own imports
    from monai.metrics import DiceMetric, HausdorffDistanceMetric, SurfaceDiceMetric, SurfaceDistanceMetric

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning:monai")

SPACINGS = [(1.0, 1.0, 1.0), (5.0, 0.7, 0.7), (0.8, 2.5, 0.6)]


def ball(shape, centre, radii):
    grids = np.ogrid[tuple(slice(size) for size in shape)]
    return sum(((g - c) / r) ** 2 for g, c, r in zip(grids, centre, radii, strict=True)) <= 1


def volumes():
    """Pairs that overlap, that lie apart, that touch the edge, and noise."""
    shape = (11, 30, 28)
    generator = np.random.default_rng(5)
    yield ball(shape, (5, 14, 13), (4, 9, 8)), ball(shape, (6, 15, 13), (4, 8, 9))
    yield ball(shape, (2, 6, 6), (2, 4, 3)), ball(shape, (8, 22, 20), (2, 5, 4))
    yield ball(shape, (0, 3, 27), (4, 9, 8)), ball(shape, (1, 0, 25), (3, 7, 9))
    yield generator.random(shape) < 0.05, generator.random(shape) < 0.02


def tensors(*masks):
    return [torch.from_numpy(mask[None, None].astype(np.float32)) for mask in masks]


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("pair", list(volumes()))
def test_surface_distances_are_monais(pair, spacing):
    for masks, steps in ((pair, spacing), ([mask[4] for mask in pair], spacing[1:])):
        if not all(mask.any() for mask in masks):
            continue
        expected = [
            metric(*tensors(*masks), spacing=steps).item()
            for metric in (
                HausdorffDistanceMetric(include_background=True),
                HausdorffDistanceMetric(include_background=True, percentile=95),
                SurfaceDistanceMetric(include_background=True, symmetric=True),
                *(
                    SurfaceDiceMetric([float(mm)], include_background=True, use_subvoxels=surfels)
                    for surfels in (False, True)
                    for mm in (1, 2, 3)
                ),
            )
        ]
        names = ["hd", "hd95", "assd", *(f"{kind}_{mm}" for kind in ("nsd", "surfel_nsd") for mm in (1, 2, 3))]
        found = surface_distances(*masks, spacing=steps)
        assert [found[name] for name in names] == pytest.approx(expected, abs=1e-5)


@pytest.mark.filterwarnings("ignore:the (ground truth|prediction) of class")
def test_surface_dice_of_a_miss_is_monais():
    mask = ball((6, 8, 8), (3, 4, 4), (2, 2, 2))
    metric = SurfaceDiceMetric([2.0], include_background=True)
    assert metric(*tensors(np.zeros_like(mask), mask), spacing=SPACINGS[1]).item() == 0
    assert surface_distances(np.zeros_like(mask), mask, spacing=SPACINGS[1])["nsd_2"] == 0


def test_per_case_positive_is_monais_dice():
    generator = np.random.default_rng(6)
    shares = [(0, 0), (0.3, 0), (0, 0.2), (0.2, 0.3), (0.5, 0.1), (0.4, 0.4)]
    pairs = [tuple(generator.random((3, 9, 7)) < share for share in each) for each in shares]
    metric = DiceMetric(include_background=True)
    for pair in pairs:
        metric(*tensors(*pair))
    figure = summary(pairs)["overlap"]["per_case_positive"]["dice"]
    assert figure["value"] == pytest.approx(metric.aggregate().item(), abs=1e-5)
    assert figure["units"] == 4
