"""Bland-Altman charts (1986) of volumes and tumour burden."""

from cafct_keras.evaluation.report.chart import Chart, Dots, Guide, linear_axis, page_id, rows_of, shape, style
from cafct_keras.pages.wording import MINUS, counted, fixed, is_known

_GUIDES = (("upper", "upper limit", "limit"), ("bias", "bias", "bias"), ("lower", "lower limit", "limit"))


def volume_agreement(results: list[dict], target: str) -> list[Chart]:
    """Predicted and reference volumes, one chart per result."""
    return _charts(
        results,
        [
            (result["summary"]["targets"][target]["volume_ml"], rows_of(result, target), "predicted_ml", "reference_ml")
            for result in results
        ],
        title=f"Volume of {target}",
        unit="ml",
    )


def burden_agreement(results: list[dict]) -> list[Chart]:
    """Predicted and reference tumour burden in percent of the liver, one chart per result."""
    burdens = [result["summary"]["burden"] for result in results]
    return _charts(
        results,
        [(burden, burden["points"] if burden else [], "predicted", "reference") for burden in burdens],
        title="Tumour burden",
        unit="% of the liver",
        scale=100,
    )


def _crowded(points: list[tuple[str, float, float]], limit: float) -> bool:
    """Whether more dots lie just above a guide at its right, where its label is, than at its left."""
    means, differences = [(p + g) / 2 for _, p, g in points], [p - g for _, p, g in points]
    low, width = min(means), max(means) - min(means)
    height = 0.12 * (max([*differences, limit]) - min([*differences, limit]))
    close = [mean for mean, each in zip(means, differences, strict=True) if 0 <= each - limit <= height]
    return sum(mean >= low + 0.6 * width for mean in close) > sum(mean <= low + 0.4 * width for mean in close)


def _charts(results: list[dict], measured: list[tuple], *, title: str, unit: str, scale: float = 1) -> list[Chart]:
    charts = []
    for index, (result, (limits, rows, predicted, reference)) in enumerate(zip(results, measured, strict=True)):
        points = [
            (row["case"], scale * row[predicted], scale * row[reference])
            for row in rows
            if is_known(row[predicted]) and is_known(row[reference])
        ]
        if not limits or not points:
            continue
        differences = [p - g for _, p, g in points]
        guides = [
            Guide(
                axis="y",
                value=scale * limits[key],
                label=f"{label} {fixed(scale * limits[key], 1)}",
                style=f"{look} left" if _crowded(points, scale * limits[key]) else look,
            )
            for key, label, look in _GUIDES
            if is_known(limits[key])
        ]
        charts.append(
            Chart(
                name=page_id("agreement", title, result["name"]),
                title=title if len(results) == 1 else f"{title}, {result['name']}",
                units=counted(len(points), "case"),
                caption="Bland-Altman plot; 95 % of differences are expected between the limits.",
                summary=f"Differences in {unit}: " + ", ".join(guide.label for guide in guides) + ".",
                x=linear_axis(f"mean of prediction and reference ({unit})", [(p + g) / 2 for _, p, g in points]),
                y=linear_axis(f"prediction {MINUS} reference ({unit})", [0, *differences, *(g.value for g in guides)]),
                guides=[Guide(axis="y", value=0, style="zero"), *guides],
                dots=[
                    Dots(
                        style=style(index),
                        shape=shape(index),
                        points=[
                            ((p + g) / 2, p - g, f"{case}: predicted {fixed(p, 1)}, reference {fixed(g, 1)} {unit}")
                            for case, p, g in points
                        ],
                    )
                ],
            )
        )
    return charts
