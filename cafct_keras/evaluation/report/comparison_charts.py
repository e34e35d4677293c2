"""Chart of the differences between two runs."""

from cafct_keras.evaluation.report.chart import Chart, Dots, Guide, Line, linear_axis, name_axis, page_id, style
from cafct_keras.pages.wording import counted, fixed, interval, is_known


def overlap_differences(comparison: dict, target: str) -> Chart | None:
    """The second run minus the first, by overlap rule."""
    _, second = comparison["runs"]
    metrics = {
        name: metric
        for name, metric in comparison["targets"][target].items()
        if name.startswith(("dice_", "iou_")) and is_known(metric["difference"])
    }
    if not metrics:
        return None
    notes = [
        f"{name}: {fixed(metric['difference'])} ({interval(metric) or 'no interval'})"
        for name, metric in metrics.items()
    ]
    rows = list(enumerate(metrics.values()))
    ends = [metric[end] for metric in metrics.values() for end in ("low", "difference", "high")]
    return Chart(
        name=page_id("differences", target),
        title=f"Differences in overlap of {target}",
        units=counted(comparison["cases"], "case"),
        caption=f"To the right of 0, {second} is better. Bars: 95 % intervals over patients.",
        summary="; ".join(notes) + ".",
        x=linear_axis("difference", [0, *filter(is_known, ends)], symmetric=True, most=5),
        y=name_axis(list(metrics)),
        guides=[Guide(axis="x", value=0, style="zero")],
        lines=[
            Line(style=style(0), points=[(metric["low"], -row), (metric["high"], -row)], note=notes[row])
            for row, metric in rows
            if interval(metric)
        ],
        dots=[Dots(style=style(0), points=[(metric["difference"], -row, notes[row]) for row, metric in rows])],
        height=60 + 24 * len(metrics),
    )
