"""MONAI: Dice and IoU, and surface distances of voxels and surfels."""

import numpy as np
import pytest

from tests.parity.masks import column, overlapping, pairs, summary

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: torch)")
metrics = pytest.importorskip("monai.metrics", reason="MONAI is not installed (extra: parity)")
pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore::Warning:monai")]


def tensors(pair):
    return [torch.from_numpy(mask[None, None].astype(np.float32)) for mask in (pair.prediction, pair.reference)]


def measured(metric):
    return [metric(*tensors(pair), spacing=pair.spacing).item() for pair in overlapping()]


def test_overlap(record):
    for metric, ours in ((metrics.DiceMetric(), "dice"), (metrics.MeanIoU(), "iou")):
        for pair in pairs():
            metric(*tensors(pair))
        estimate = summary().overlap["per_case_positive"][ours]
        record.agree("monai", "`per_case_positive` Dice, IoU", [estimate.value], [metric.aggregate().item()])


def test_distances_of_voxels(record):
    for ours, metric in (
        ("hd_mm", metrics.HausdorffDistanceMetric(include_background=True)),
        ("hd95_mm", metrics.HausdorffDistanceMetric(include_background=True, percentile=95)),
        ("assd_mm", metrics.SurfaceDistanceMetric(include_background=True, symmetric=True)),
        *((f"nsd_{mm}_mm", metrics.SurfaceDiceMetric([float(mm)], include_background=True)) for mm in (1, 2, 3)),
    ):
        note = "computes in float32" if ours == "hd95_mm" else ""
        record.agree(
            "monai",
            "HD95" if note else "HD, ASSD, NSD at 1, 2, 3 mm",
            column(ours, overlapping()),
            measured(metric),
            tolerance=1e-4,
            note=note,
        )


def test_surface_dice_of_surfels(record):
    for mm in (1, 2, 3):
        metric = metrics.SurfaceDiceMetric([float(mm)], include_background=True, use_subvoxels=True)
        ours = column(f"surfel_nsd_{mm}_mm", overlapping())
        record.agree("monai", "surfel NSD at 1, 2, 3 mm (`use_subvoxels`)", ours, measured(metric), tolerance=1e-5)
