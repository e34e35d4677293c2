import runpy
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from pipelines.case import SPLITS
from pipelines.errors import DataError
from pipelines.layouts.phantom import Phantom

BENCHMARK = Path(__file__).parents[4] / "benchmarks" / "phantom_thresholding.py"


@pytest.fixture(scope="module")
def cases():
    return list(Phantom(cases=20).cases())


def same(a, b):
    masks = all(np.array_equal(a.masks[t], b.masks[t]) for t in Phantom.targets)
    return masks and np.array_equal(a.images, b.images) and (a.name, a.split, a.spacing) == (b.name, b.split, b.spacing)


def millilitres(case, target):
    return case.masks[target].sum() * np.prod(case.spacing) / 1000.0


def test_a_case_depends_on_its_seed_and_index_alone(cases):
    again = list(Phantom(cases=3).cases())
    assert all(same(a, b) for a, b in zip(again, cases, strict=False))
    assert not same(again[0], next(Phantom(cases=3, seed=1).cases()))


@pytest.mark.parametrize(("slices", "size"), [(24, 128), (1, 32), (5, 50), (64, 48)])
def test_shapes_types_and_names(slices, size):
    source = Phantom(cases=3, slices=slices, size=size)
    names = []
    for case in source.cases():
        assert case.images.shape == (slices, size, size)
        assert case.images.dtype == np.int16
        assert tuple(case.masks) == source.targets
        assert all(m.shape == case.images.shape and m.dtype == bool for m in case.masks.values())
        assert 2.5 <= case.spacing[0] <= 8.0
        assert 250.0 < case.spacing[1] * size < 400.0
        assert case.spacing[1] == case.spacing[2]
        assert case.masks["liver"].any()
        names += case.slice_names
    assert len(set(names)) == len(names) == 3 * slices
    assert names[0] == "phantom-000_000"


def test_lesions_are_liver(cases):
    assert not any((case.masks["lesion"] & ~case.masks["liver"]).any() for case in cases)
    with_lesion = np.concatenate([case.masks["lesion"].any(axis=(1, 2)) for case in cases])
    assert 0.3 < with_lesion.mean() < 0.5
    assert [i for i, case in enumerate(cases) if not case.masks["lesion"].any()] == [8, 19]


def test_splits(cases):
    assert len({case.patient for case in cases}) == len(cases)
    assert [sum(case.split == split for case in cases) for split in SPLITS] == [13, 2, 5]
    assert {case.split for case in cases[:3]} == set(SPLITS)


def test_anatomy_does_not_depend_on_the_pixel_size():
    sizes = (Phantom(cases=3, size=96).cases(), Phantom(cases=3, size=192).cases())
    for coarse, fine in zip(*sizes, strict=True):
        assert millilitres(coarse, "liver") == pytest.approx(millilitres(fine, "liver"), rel=0.03)
        assert millilitres(coarse, "lesion") == pytest.approx(millilitres(fine, "lesion"), rel=0.1)
        halved = fine.images.reshape(24, 96, 2, 96, 2).mean(axis=(2, 4))
        assert np.median(np.abs(halved - coarse.images)) < 15.0  # noise


def test_hounsfield_units_and_orientation(cases):
    for case in cases:
        liver, lesion = case.masks["liver"], case.masks["lesion"]
        rows, columns = np.arange(128)[:, None], np.arange(128)
        assert np.median(case.images[:, :3]) == pytest.approx(-1000, abs=10)
        assert 35 < np.median(case.images[liver & ~lesion]) < 135
        assert 600 < millilitres(case, "liver") < 3000
        assert np.mean((case.images > -140) & (case.images < -70)) > 0.08  # fat
        assert (case.images[0] < -700)[30:90, 30:90].mean() > 0.15  # lung
        bone = case.images > 300
        assert 0.003 < bone.mean() < 0.05
        assert (columns * liver).sum() / liver.sum() < 55  # the image's left
        assert (rows * bone).sum() / bone.sum() > 66  # the spine is below


def test_no_threshold_solves_it(cases):
    best_interval = runpy.run_path(str(BENCHMARK))["best_interval"]
    test = [case for case in cases if case.split == "test"]
    images, liver, lesion = (np.stack(v) for v in zip(*((c.images, *c.masks.values()) for c in test), strict=True))
    assert best_interval(images.ravel(), lesion.ravel())[0] < 0.3
    assert best_interval(images[liver], lesion[liver])[0] < 0.6


def test_best_interval_finds_the_best_interval():
    best_interval = runpy.run_path(str(BENCHMARK))["best_interval"]
    values = np.array([-900, 10, 20, 25, 30, 900])
    dice, low, high = best_interval(values, (values > 15) & (values < 28))
    assert dice == 1.0
    assert 10 < low <= 20
    assert 25 <= high < 30


@pytest.mark.parametrize("bad", [{"cases": 2}, {"slices": 0}, {"size": 31}, {"seed": -1}])
def test_arguments_out_of_range(bad):
    with pytest.raises(DataError, match=next(iter(bad))) as caught:
        Phantom(**bad)
    assert "\n" not in str(caught.value)


def test_fingerprint():
    prints = [
        Phantom(**changed).fingerprint() for changed in ({}, {"cases": 5}, {"slices": 3}, {"size": 64}, {"seed": 2})
    ]
    assert len(set(prints)) == len(prints)
    assert prints[0] == Phantom().fingerprint()


def test_few_cases_are_made_lazily():
    assert len(list(islice(Phantom(cases=10**6, slices=1, size=32).cases(), 2))) == 2
