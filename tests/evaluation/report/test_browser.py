"""The page in a real browser: silent, complete, and no wider than the screen."""

import numpy as np
import pytest

from cafct_keras import evaluation
from cafct_keras.evaluation.report.page import write_report
from pipelines import open_source
from pipelines.layouts.phantom import Phantom
from tests.evaluation.report.browser import OPENED, find_browser, measure
from tests.evaluation.report.documents import calibrated, document, everything, masks_alone, picture, result
from tests.evaluation.report.test_page import CHARTS

PHONE, SCREEN = 390, 1400


def predicted(mask):
    """A prediction that is off by two pixels."""
    return np.roll(mask, 2, axis=-1)


def of_source(cases, targets, *, greys):
    """Document and pictures of a source's cases."""
    scored, pictures = [], []
    pairs = {target: [] for target in targets}
    for case in cases:
        truth = {target: case.masks[target] for target in targets}
        guess = {target: predicted(mask) for target, mask in truth.items()}
        options = {"patient": case.patient, "spacing": case.spacing, "contiguous": case.contiguous}
        scored.append(
            evaluation.score(guess, truth, case=case.name, slice_names=case.slice_names, **options),
        )
        for target in targets:
            pairs[target].append((np.where(guess[target], 0.9, 0.05), truth[target]))
            index = truth[target].sum(axis=(1, 2)).argmax()
            masks = guess[target][index], truth[target][index]
            pictures.append(picture("worst", case.name, *masks, image=greys(case.images[index]), target=target))
    calibration = {target: calibrated(each) for target, each in pairs.items()}
    threshold = {"value": 0.5, "chosen_on": "given", "rule": None, "smooth_slices": 0}
    return document([result(scored)], calibration=calibration, threshold=threshold), pictures


def opened(named, tmp_path):
    """Writes pages, opens them, and returns what was seen by name and width."""
    find_browser()
    paths = []
    for name, (content, pictures) in named.items():
        paths.append(tmp_path / f"{name}.html")
        write_report(content, pictures, paths[-1])
    views, console = measure(paths, (PHONE, SCREEN), tmp_path)
    assert len(console) == 1, console
    assert OPENED in console[0]
    for view in views:
        assert view["shown"] <= view["width"]
        assert view["needed"] <= view["shown"], view["wide"]
        assert not view["wide"]
        assert all(figure["width"] > 100 and figure["height"] > 50 for figure in view["figures"])
        assert "tabular-nums" in view["font"]
    names = [name for name in named for _ in (PHONE, SCREEN)]
    return {(name, view["width"]): view for name, view in zip(names, views, strict=True)}


def charts(view):
    return [figure["name"] for figure in view["figures"] if figure["name"]]


@pytest.fixture(scope="module")
def phantom():
    cases = Phantom(cases=4, slices=6, size=64).cases()
    return of_source(cases, ("lesion", "liver"), greys=lambda hu: np.uint8(np.clip((hu + 200) / 450, 0, 1) * 255))


def test_pages_of_every_kind(phantom, tmp_path):
    long = "a_very_long_name_without_a_single_space_" * 4
    seen = opened(
        {
            "everything": everything(),
            "masks": (masks_alone(), []),
            "phantom": phantom,
            "long": everything(named=lambda name: name + long),
        },
        tmp_path,
    )
    for width in (PHONE, SCREEN):
        view = seen["everything", width]
        assert charts(view) == CHARTS
        assert len(view["figures"]) == len(CHARTS) + 4
        assert len(view["images"]) == 3  # of four pictures one has no image
        assert len(seen["masks", width]["figures"]) == 3
        view = seen["phantom", width]
        assert {"reliability-lesion", "thresholds-liver", "agreement-tumour-burden-as-predicted"} <= set(charts(view))
        assert len(view["images"]) == len(phantom[1]) == 8
        assert view["marks"] > 2 * len(evaluation.RULES)
    # Side by side on a screen, below each other on a phone, never too small to read.
    assert seen["phantom", SCREEN]["figures"][0]["width"] > 380
    assert seen["phantom", PHONE]["figures"][0]["width"] > 340


def test_a_page_of_real_slices(shared, tmp_path):
    source = open_source(shared / "data" / "msd_liver", target="liver", size=256)
    names = [name for name, part in source.parts.items() if part == "test"][:6]
    content = of_source(map(source.case, names), ("liver",), greys=np.asarray)
    seen = opened({"msd_liver": content}, tmp_path)
    for width in (PHONE, SCREEN):
        view = seen["msd_liver", width]
        assert charts(view) == [
            "dice-by-rule-liver",
            "dice-of-cases-liver",
            "dice-by-size-liver",
            "reliability-liver",
            "thresholds-liver",
        ]
        assert len(view["images"]) == 6
