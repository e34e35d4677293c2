"""Measurements in words."""

from cafct_keras.measurement.measurements import LesionMeasurements
from cafct_keras.pages.wording import counted, fixed, is_known
from cafct_keras.prediction.page.view import ScanView

TIMES = "\N{MULTIPLICATION SIGN}"


def summary(view: ScanView) -> dict[str, str]:
    """What was measured of the whole scan."""
    measured, said = view.measurements, {}

    def size(target: str, volume: float | None) -> str:
        return f"{fixed(volume, 1)} ml" if is_known(volume) else counted(sum(view.areas(target)), "pixel")

    if "liver" in view.masks:
        said["Liver"] = size("liver", measured.liver_ml)
    if "lesion" in view.masks:
        count = len(measured.lesions)
        said["Lesions"] = f"{count}, {size('lesion', measured.lesion_ml)}" if count else "none"
    if is_known(measured.tumour_burden):
        said["Tumour burden"] = f"{fixed(100 * measured.tumour_burden, 1)} %"
    return said


def diameters(lesion: LesionMeasurements) -> str:
    """Longest and short axis of a lesion in its slice; its size where no spacing is known."""
    if not is_known(lesion.longest_axis_mm):
        return counted(lesion.voxels, "pixel")
    return f"{fixed(lesion.longest_axis_mm, 0)} {TIMES} {fixed(lesion.short_axis_mm, 0)} mm"


def slice_of(lesion: LesionMeasurements) -> int:
    """Index of the slice to see a lesion in: that of its axes, or of its middle."""
    return round(lesion.centroid[0]) if lesion.axis_slice is None else lesion.axis_slice


def about(view: ScanView) -> str:
    """Size and grey values of the scan."""
    height, width = view.size
    said = f"{counted(len(view), 'slice')} of {width} {TIMES} {height} pixels"
    if view.case.spacing:
        between, *pixel = (f"{step:.3g}" for step in view.case.spacing)
        said += f" of {f' {TIMES} '.join(dict.fromkeys(reversed(pixel)))} mm" + (
            f", {between} mm apart" * view.is_volume
        )
    if view.has_hu:
        low, high = view.window
        said += f"; {fixed(low, 0)} to {fixed(high, 0)} HU are shown from black to white"
    return said + "."
