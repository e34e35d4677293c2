"""panoptica: detection of lesions, many components to one lesion, and panoptic quality."""

import numpy as np
import pytest
from scipy import ndimage

from cafct_keras import evaluation
from tests.parity.masks import column, pairs, scored

panoptica = pytest.importorskip("panoptica", reason="panoptica is not installed (extra: parity)")
pytestmark = pytest.mark.parity


def evaluated(pair, threshold, *, many):
    """panoptica's result for a pair; its components are 26-connected."""
    evaluator = panoptica.Panoptica_Evaluator(
        expected_input=panoptica.InputType.SEMANTIC,
        instance_approximator=panoptica.ConnectedComponentsInstanceApproximator(),
        instance_matcher=panoptica.NaiveThresholdMatching(
            matching_threshold=threshold, strict_threshold=True, allow_many_to_one=many
        ),
        instance_metrics=[panoptica.Metric.IOU],
        global_metrics=[],
    )
    (result,) = evaluator.evaluate(pair.prediction.astype(np.uint8), pair.reference.astype(np.uint8)).values()
    return result


@pytest.fixture(scope="module", autouse=True)
def quiet():
    panoptica.disable_citation_reminder()


def overlaps(pair):
    """IoU of each component with each lesion, `(components, lesions)`."""
    (predicted, components), (lesions, count) = (
        ndimage.label(mask, np.ones((3, 3, 3))) for mask in (pair.prediction, pair.reference)
    )
    iou = np.zeros((components, count))
    for i, j in np.argwhere(iou == 0):
        one, other = predicted == i + 1, lesions == j + 1
        iou[i, j] = np.sum(one & other) / np.sum(one | other)
    return iou


def by_its_rule(pair, threshold):
    """Lesions found and false positives where each component finds one lesion: that of its highest IoU above it."""
    iou = overlaps(pair)
    if not iou.size:
        return 0, len(iou)
    matched = iou.max(axis=1) > threshold
    return len(np.unique(iou.argmax(axis=1)[matched])), np.sum(~matched)


@pytest.mark.parametrize("threshold", [0.0, 0.1, 0.5])
def test_detection(threshold, record):
    results = {pair.name: evaluated(pair, threshold, many=True) for pair in pairs()}
    touching = {pair.name: overlaps(pair) > 0 for pair in pairs()}
    alone = [
        pair for pair in pairs() if all(touching[pair.name].sum(axis).max(initial=0) < 2 for axis in (0, 1))
    ]  # no component on two lesions, no lesion under two components
    for index, name in enumerate(("lesions_found", "false_positives")):
        field, what = f"{name}_iou_over_{threshold:g}", f"{name.replace('_', ' ')} at IoU over 0, 0.1, 0.5"
        theirs = {name: (result.tp, result.fp)[index] for name, result in results.items()}
        note = "where no component touches two lesions and no lesion two components"
        record.agree("panoptica", what, column(field, alone), [theirs[pair.name] for pair in alone], note=note)
        if field == "false_positives_iou_over_0":
            record.agree("panoptica", "false positives at IoU over 0", column(field), list(theirs.values()))
            continue
        record.differ(
            "panoptica",
            what,
            column(field),
            list(theirs.values()),
            [by_its_rule(pair, threshold)[index] for pair in pairs()],
            note="elsewhere a component finds one lesion at most, and IoU is that of one component, not of all",
        )


def test_panoptic_quality(record):
    results = [evaluated(pair, 0.5, many=False) for pair in pairs()]
    summaries = [evaluation.summarize([scored(pair)], resamples=2).targets["lesion"].lesions for pair in pairs()]
    for name in ("pq", "rq", "sq"):
        ours = [getattr(one.panoptic, name).value for one in summaries]
        defined = [value is not None for value in ours]
        theirs = np.array([float(getattr(one, name)) for one in results])
        record.agree(
            "panoptica", "panoptic quality: PQ, SQ, RQ", [one for one in ours if one is not None], theirs[defined]
        )
