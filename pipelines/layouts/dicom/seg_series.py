"""Whether a DICOM segmentation belongs to a CT series."""

import itertools
import math
from collections.abc import Collection, Mapping

from pipelines.files.dicom_seg import SegHeader
from pipelines.files.labels import MaskError
from pipelines.layouts.dicom.series import Series

_ALIKE = 0.1  # of a step
_FEW = 3  # frames, of fewer of which nothing is regular


def compare(header: SegHeader, series: Series) -> str | None:
    """Compares what a segmentation refers to with a series.

    Returns:
        A warning about another series in the same place, or one of the same series elsewhere; None if it belongs.

    Raises:
        MaskError: it is another patient's, or was drawn in another frame of reference.
    """
    first = series.slices[0]
    if header.patient and first.patient and header.patient != first.patient:
        raise MaskError(
            "patient-mixed",
            f"is a segmentation of patient {header.patient}, beside slices of {first.patient}; put it beside its own",
        )
    frames = header.frame_of_reference, first.frame_of_reference
    same_frame = not all(frames) or frames[0] == frames[1]
    if refers_to(header, series):
        return None if same_frame else "has another frame of reference than its slices; check that the two fit"
    other = "refers to another series than its slices"
    if not same_frame:
        raise MaskError("series-differs", f"{other}, in another frame of reference; put it beside its own")
    if not header.series and not header.instances:
        return None
    return f"{other}, such as another phase; put it beside its own, or check that the patient did not move between them"


def refers_to(header: SegHeader, series: Series) -> bool:
    """Whether a segmentation refers to a series, or to slices of it where it names those."""
    instances = {one.instance for one in series.slices} - {""}
    if header.instances and instances:
        return bool(header.instances & instances)
    return series.slices[0].series in header.series


def check_steps(header: SegHeader, places: Collection[int], series: Series) -> str | None:
    """Compares the slices that have frames with the steps of a series, of which a thicker one skips some.

    Args:
        header: of the segmentation.
        places: indices of the slices that have frames.
        series: the series.

    Returns:
        A warning about a segmentation of the series itself that leaves out slices regularly; None if all is well.

    Raises:
        MaskError: it is one of a thicker series.
    """
    ordered = sorted(set(places))
    gaps = [above - below for below, above in itertools.pairwise(ordered)]
    every = math.gcd(*gaps)
    if not ordered or (gaps and every == 1):
        return None
    lengths = series.frame.spacing[0], series.slices[0].thickness
    thicker = header.step is not None and header.step > (1 + _ALIKE) * max(lengths)
    regular = len(ordered) >= _FEW
    if (thicker or regular) and not refers_to(header, series):
        steps = f"every {header.step:.3g} mm" if thicker else f"on one of {every} slices"
        raise MaskError(
            "geometry-mismatch",
            f"is a segmentation of a thicker series ({steps}, its slices stand {lengths[0]:.3g} mm apart); resample it "
            "to these slices, or put it beside its own",
        )
    return f"shows something on one of {every} slices only; check the slices between them" if regular else None


def check_sources(placed: Mapping[int, Collection[str]], series: Series) -> str | None:
    """A warning if frames lie on other slices than they refer to; None if all agree.

    Args:
        placed: index of each slice to the SOPInstanceUIDs that its frames refer to.
        series: the series.
    """
    of = {one.instance: k for k, one in enumerate(series.slices) if one.instance}
    for k, sources in placed.items():
        known = {of[source] for source in sources if source in of}
        if known and k not in known:
            one, other = series.slices[k].path.name, series.slices[min(known)].path.name
            return f"refers to {other} where it lies on {one}; its position counts, so check it, and export it again"
    return None
