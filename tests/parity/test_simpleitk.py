"""SimpleITK: overlap, surface distances by distance maps, and the sizes and places of lesions."""

import numpy as np
import pytest
from scipy import ndimage

from cafct_keras import evaluation
from tests.parity.masks import column, overlapping, pairs, scored

sitk = pytest.importorskip("SimpleITK", reason="SimpleITK is not installed (extra: parity)")
pytestmark = pytest.mark.parity
TOOL = "SimpleITK"


def image(mask, spacing):
    result = sitk.GetImageFromArray(mask.astype(np.uint8))
    result.SetSpacing(spacing[::-1])
    return result


def images(pair, border=0):
    return [image(np.pad(mask, border), pair.spacing) for mask in (pair.prediction, pair.reference)]


def test_overlap(record):
    measures = {"dice": [], "iou": [], "precision": [], "recall": []}
    for pair in overlapping():
        overlap = sitk.LabelOverlapMeasuresImageFilter()
        overlap.Execute(*images(pair))
        measures["dice"].append(overlap.GetDiceCoefficient())
        measures["iou"].append(overlap.GetJaccardCoefficient())
        measures["precision"].append(1 - overlap.GetFalseDiscoveryRate())
        measures["recall"].append(1 - overlap.GetFalseNegativeError())
    for name, theirs in measures.items():
        record.agree(TOOL, "Dice, IoU, precision, recall of a case", column(name, overlapping()), theirs)


def test_distances_of_contours(record):
    measures = {"hd_mm": [], "hd95_mm": [], "assd_mm": [], "nsd_1_mm": [], "nsd_2_mm": [], "nsd_3_mm": []}
    for pair in overlapping():
        contours = [sitk.LabelContour(one) for one in images(pair, border=1)]  # at the image's edge there is none
        maps = [sitk.SignedMaurerDistanceMap(one, squaredDistance=False, useImageSpacing=True) for one in contours]
        away = [np.abs(sitk.GetArrayFromImage(one)) for one in maps]
        there, back = (
            distance[sitk.GetArrayFromImage(contour) > 0]
            for distance, contour in zip(away[::-1], contours, strict=True)
        )
        both = np.concatenate([there, back])
        measures["hd95_mm"].append(max(np.percentile(there, 95), np.percentile(back, 95)))
        measures["hd_mm"].append(both.max())
        measures["assd_mm"].append(both.mean())
        for mm in (1, 2, 3):
            measures[f"nsd_{mm}_mm"].append(np.mean(both <= mm + 1e-5))
    for name, theirs in measures.items():
        note = "distance maps are float32" if name in ("hd_mm", "hd95_mm", "assd_mm") else ""
        what = "HD, HD95, ASSD" if note else "NSD at 1, 2, 3 mm"
        record.agree(TOOL, what, column(name, overlapping()), theirs, tolerance=1e-4, note=note)


def test_hausdorff_filter(record):
    theirs, explained = [], []
    for pair in overlapping():
        hausdorff = sitk.HausdorffDistanceImageFilter()
        hausdorff.Execute(*images(pair))
        theirs.append(hausdorff.GetHausdorffDistance())
        masks = pair.prediction, pair.reference
        away = [ndimage.distance_transform_edt(~mask, sampling=pair.spacing) for mask in masks]
        explained.append(max(away[1][masks[0]].max(), away[0][masks[1]].max()))
    note = "measures from all voxels of a mask, not from its surface, and 0 within the other mask"
    record.differ(
        TOOL, "HD (`HausdorffDistanceImageFilter`)", column("hd_mm", overlapping()), theirs, explained, note=note
    )


@pytest.mark.parametrize("connectivity", [26, 6])
def test_lesions(connectivity, record):
    ours, theirs = [], []
    for pair in pairs():
        options = evaluation.ScoreOptions(connectivity=connectivity)
        for lesion in scored(pair, options).targets["lesion"].lesions.lesions:
            z, y, x = np.multiply(lesion.centroid, pair.spacing)
            ours.append((lesion.size, lesion.diameter, x, y, z))
        components = sitk.ConnectedComponent(image(pair.reference, pair.spacing), connectivity == 26)
        shapes = sitk.LabelShapeStatisticsImageFilter()
        shapes.Execute(components)
        theirs += [
            (shapes.GetPhysicalSize(i), 2 * shapes.GetEquivalentSphericalRadius(i), *shapes.GetCentroid(i))
            for i in shapes.GetLabels()
        ]
    ours, theirs = (np.array(sorted(each, key=lambda row: np.round(row, 6).tolist())) for each in (ours, theirs))
    for i, what in enumerate(["volume, diameter"] * 2 + ["centroid"] * 3):
        record.agree(TOOL, f"lesions: {what}", ours[:, i], theirs[:, i], tolerance=1e-5)
