"""Charts of calibration and of scores by threshold."""

from typing import Any

from cafct_keras.evaluation.report.chart import Chart, Dots, Guide, Line, page_id, style, unit_axis
from cafct_keras.pages.wording import counted, fixed, is_known, short

_CURVES = {
    "per_slice_positive_dice": "Dice, per_slice_positive",
    "pooled_dice": "Dice, pooled",
    "pooled_iou": "IoU, pooled",
}
_POINTS = 250  # per curve, more than a screen resolves


def reliability(calibration: dict[str, Any], target: str) -> Chart | None:
    """Fraction of foreground by predicted probability."""
    curve = calibration["reliability"]
    points = [
        (confidence, frequency, f"{counted(pixels, 'pixel')} at {fixed(confidence)}: {fixed(frequency)} are {target}")
        for pixels, confidence, frequency in zip(curve["pixels"], curve["confidence"], curve["frequency"], strict=True)
        if is_known(confidence) and is_known(frequency)
    ]
    if not points:
        return None
    caption = "On the diagonal, probabilities are calibrated."
    if is_known(calibration["expected_error"]):
        caption += f" Expected error {fixed(calibration['expected_error'], 4)}, dominated by background pixels."
    return Chart(
        name=page_id("reliability", target),
        title="Reliability",
        units=counted(sum(curve["pixels"]), "pixel"),
        caption=caption,
        summary="Fraction of foreground: " + ", ".join(f"{fixed(y, 2)} at {fixed(x, 2)}" for x, y, _ in points) + ".",
        x=unit_axis("predicted probability"),
        y=unit_axis(f"fraction that is {target}"),
        lines=[
            Line(style="diagonal", points=[(0, 0), (1, 1)]),
            Line(style=style(0), points=[(x, y) for x, y, _ in points]),
        ],
        dots=[Dots(style=style(0), points=points)],
    )


def threshold_sweep(calibration: dict[str, Any], target: str, threshold: float | None) -> Chart | None:
    """Scores by threshold, and the threshold that was used."""
    sweep = calibration["sweep"]
    lines, best = [], []
    for index, (rule, label) in enumerate(_CURVES.items()):
        curve = [(x, y if is_known(y) else None) for x, y in zip(sweep["thresholds"], sweep[rule], strict=True)]
        known = [(y, x) for x, y in curve if y is not None]
        if known:
            lines.append(
                Line(style=f"curve {style(index)}", points=curve[:: max(1, len(curve) // _POINTS)], note=label)
            )
            best.append(f"{label} {fixed(max(known)[0])} at {short(max(known)[1])}")
    if not lines:
        return None
    return Chart(
        name=page_id("thresholds", target),
        title="Scores by threshold",
        units=counted(sum(calibration["reliability"]["pixels"]), "pixel"),
        caption="On the cases scored here. Choose a threshold on validation data: chosen here it inflates the score.",
        summary="Best: " + "; ".join(best) + ".",
        x=unit_axis("threshold"),
        y=unit_axis("score"),
        guides=[Guide(axis="x", value=threshold, label=f"used: {short(threshold)}")] if is_known(threshold) else [],
        lines=lines,
        legend=[(line.style, "line", line.note) for line in lines],
    )
