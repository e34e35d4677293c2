"""Charts of several methods in one metric."""

from typing import Any

from cafct_keras.evaluation.report.chart import (
    Chart,
    Dots,
    Guide,
    Line,
    linear_axis,
    name_axis,
    page_id,
    score_axis,
    style,
)
from cafct_keras.pages.wording import counted, fixed, interval, is_known


def means(document: dict[str, Any], target: str, name: str) -> Chart | None:
    """Means of the methods with their intervals, the best first."""
    metric = document["targets"][target][name]
    ranked = sorted(metric["methods"].items(), key=lambda item: item[1]["rank"] or 0)
    figures = {method: each["mean"] for method, each in ranked if is_known(each["mean"]["value"])}
    if not figures:
        return None
    ends = [one[end] for one in figures.values() for end in ("low", "value", "high") if is_known(one[end])]
    score = name.startswith(("dice", "iou", "nsd", "lesion_recall"))
    return _rows(
        figures,
        "value",
        title=f"{name} of {target}",
        name=page_id("means", target, name),
        units=counted(next(iter(figures.values()))["units"], "unit"),
        caption=f"{'Higher' if metric['higher_is_better'] else 'Lower'} is better. Bars: 95 % intervals over patients.",
        x=score_axis("mean", ends) if score else linear_axis("mean", [0, *ends], most=5),
    )


def differences(document: dict[str, Any], target: str, name: str) -> Chart | None:
    """Differences of all pairs of methods, with their intervals."""
    metric = document["targets"][target][name]
    figures = {f"{pair['b']} - {pair['a']}": pair for pair in metric["pairs"] if is_known(pair["difference"])}
    if not figures:
        return None
    ends = [one[end] for one in figures.values() for end in ("low", "difference", "high") if is_known(one[end])]
    side = "right" if metric["higher_is_better"] else "left"
    return _rows(
        figures,
        "difference",
        title=f"Differences in {name} of {target}",
        name=page_id("differences", target, name),
        units=counted(document["patients"], "patient"),
        caption=f"To the {side} of 0, the first of the two is better. Bars: 95 % intervals over patients.",
        x=linear_axis("difference", [0, *ends], symmetric=True, most=5),
        guides=[Guide(axis="x", value=0, style="zero")],
    )


def _rows(figures: dict[str, dict[str, Any]], value: str, **parts: Any) -> Chart:
    """A chart with one row per figure."""
    notes = [f"{row}: {fixed(one[value])} ({interval(one) or 'no interval'})" for row, one in figures.items()]
    rows = list(enumerate(figures.values()))
    return Chart(
        **parts,
        summary="; ".join(notes) + ".",
        y=name_axis(list(figures)),
        lines=[
            Line(style=style(0), points=[(one["low"], -row), (one["high"], -row)], note=notes[row])
            for row, one in rows
            if interval(one)
        ],
        dots=[Dots(style=style(0), points=[(one[value], -row, notes[row]) for row, one in rows])],
        height=60 + 24 * len(figures),
    )
