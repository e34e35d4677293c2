"""Segmented scans to look at."""

import functools

import numpy as np

from cafct_keras.measurement import measure
from cafct_keras.packed import PackedMask
from cafct_keras.prediction.page import ScanView
from pipelines.case import Case
from pipelines.layouts.phantom import Phantom
from pipelines.orientation import reorient

SHAPE, SPACING, WINDOW = (9, 40, 52), (5.0, 1.5, 1.5), (-160.0, 240.0)


def view(images, masks, *, name="a scan", spacing=SPACING, orientation="SPL", contiguous=True, warnings=()):
    case = Case(
        name=name,
        patient=name,
        split="test",
        images=images,
        masks={},
        slice_names=tuple(f"{name} {index}" for index in range(len(images))),
        spacing=spacing,
        contiguous=contiguous,
    )
    intensity = "hu" if images.dtype == np.int16 else "grey"
    options = {"images": images, "intensity": intensity, "spacing": spacing, "contiguous": contiguous}
    return ScanView(
        name=name,
        case=case,
        masks={target: PackedMask(mask) for target, mask in masks.items()},
        measurements=measure(masks, **options),
        window=WINDOW,
        orientation=orientation,
        warnings=warnings,
    )


def arrays():
    """Images and masks in radiological order that no flip leaves as they are: brighter to the head, back and left."""
    images = np.add.outer(np.add.outer(np.arange(9) * 20, np.arange(40)), np.arange(52)).astype(np.int16) - 100
    liver, lesion = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    liver[2:8, 6:30, 4:34] = True
    lesion[5:8, 10:16, 8:18] = True
    lesion[3, 24:27, 25:29] = True
    return images, {"liver": liver, "lesion": lesion}


def boxes(orientation="SPL", **options):
    """The same scan, its array in any orientation."""
    images, masks = arrays()
    turned = {target: reorient(mask, "SPL", orientation) for target, mask in masks.items()}
    return view(reorient(images, "SPL", orientation), turned, orientation=orientation, **options)


@functools.cache
def phantom():
    """A phantom with its true masks."""
    case = next(iter(Phantom(cases=3, slices=10, size=96).cases()))
    return view(case.images, case.masks, spacing=case.spacing, orientation="IPL")
