"""Charts of Dice by rule, by case and by size of the target."""

import statistics

from cafct_keras.evaluation.metrics.overlap import RULES
from cafct_keras.evaluation.report.chart import (
    BASELINES,
    Chart,
    Dots,
    Guide,
    Line,
    legend,
    log_axis,
    name_axis,
    page_id,
    rank_axis,
    rows_of,
    score_axis,
    shape,
    style,
    unit_axis,
)
from cafct_keras.pages.wording import counted, fixed, interval, is_known


def dice_by_rule(results: list[dict], target: str) -> Chart | None:
    """Dice by every rule with its interval, and the scores of predicting nothing and everything."""
    summaries = [result["summary"]["targets"][target] for result in results]
    rules = [rule for rule in RULES if rule in summaries[0]["overlap"]]
    lines, dots = [], []
    for index, (result, summary) in enumerate(zip(results, summaries, strict=True)):
        points = []
        for row, rule in enumerate(rules):
            figure = summary["overlap"][rule]["dice"]
            y = -row + 0.3 * ((len(results) - 1) / 2 - index)
            note = f"{rule}, {result['name']}: {fixed(figure['value'])} ({interval(figure) or 'no interval'})"
            if is_known(figure["value"]):
                points.append((figure["value"], y, note))
            if interval(figure):
                lines.append(Line(style=style(index), points=[(figure["low"], y), (figure["high"], y)], note=note))
        dots.append(Dots(style=style(index), shape=shape(index), points=points))
    values = [value for value, _, _ in dots[0].points]
    if not values:
        return None
    baselines = [
        Dots(style=what, shape=form, points=_of_baseline(summaries[0]["overlap"], rules, what))
        for what, form in BASELINES.items()
    ]
    return Chart(
        name=page_id("dice-by-rule", target),
        title="Dice by every rule",
        units=counted(summaries[0]["cases"], "case"),
        caption="The same masks, scored by each rule. Bars: 95 % intervals over patients.",
        summary=f"Dice by {len(values)} rules: from {fixed(min(values))} to {fixed(max(values))}.",
        x=unit_axis("Dice"),
        y=name_axis(rules),
        lines=lines,
        dots=[*baselines, *dots],
        legend=[*legend(results), *((what, form, f"predicting {what}") for what, form in BASELINES.items())],
        height=60 + len(rules) * (18 + 8 * len(results)),
    )


def _of_baseline(overlap: dict, rules: list[str], what: str) -> list[tuple[float, float, str]]:
    scores = [overlap[rule]["dice"][f"predict_{what}"] for rule in rules]
    return [
        (value, -row, f"{rules[row]}, predicting {what}: {fixed(value)}")
        for row, value in enumerate(scores)
        if is_known(value)
    ]


def dice_of_cases(results: list[dict], target: str) -> Chart | None:
    """Each case's Dice, from the worst to the best of the first result."""
    scores = [{row["case"]: row["dice"] for row in rows_of(result, target)} for result in results]
    ranked = sorted((case for case, dice in scores[0].items() if is_known(dice)), key=scores[0].__getitem__)
    if not ranked:
        return None
    values = [scores[0][case] for case in ranked]
    median = statistics.median(values)
    empty = len(scores[0]) - len(ranked)
    return Chart(
        name=page_id("dice-of-cases", target),
        title="Dice, case by case",
        units=counted(len(ranked), "case"),
        caption="All slices of a case together; 0 where one mask is empty."
        + (f" Left out: {counted(empty, 'case')} empty in both." if empty else ""),
        summary=f"Dice of {len(ranked)} cases: median {fixed(median)}, from {fixed(values[0])} to {fixed(values[-1])}.",
        x=rank_axis("cases, from the worst to the best", len(ranked)),
        y=score_axis("Dice", [each[case] for each in scores for case in ranked if is_known(each.get(case))]),
        guides=[Guide(axis="y", value=median, label=f"median {fixed(median)}", style="left")],
        dots=[
            Dots(
                style=style(index),
                shape=shape(index),
                points=[
                    (rank, each[case], f"{case}: {fixed(each[case])}")
                    for rank, case in enumerate(ranked, 1)
                    if is_known(each.get(case))
                ],
            )
            for index, each in enumerate(scores)
        ],
        legend=legend(results) if len(results) > 1 else (),
    )


def dice_by_size(results: list[dict], target: str) -> Chart | None:
    """Each case's Dice by the size of the target in its reference."""
    shown = [
        [row for row in rows_of(result, target) if row["tp"] + row["fn"] > 0 and is_known(row["dice"])]
        for result in results
    ]
    if not shown[0]:
        return None
    without = len(rows_of(results[0], target)) - len(shown[0])
    in_ml = any(is_known(row["reference_ml"]) for row in shown[0])
    if in_ml:
        shown = [[row for row in rows if is_known(row["reference_ml"])] for rows in shown]
    incomplete = len(rows_of(results[0], target)) - len(shown[0]) - without
    left_out = [f"{counted(without, 'case')} without any"] * bool(without)
    left_out += [f"{counted(incomplete, 'case')} with missing slices"] * bool(incomplete)
    unit, digits = ("ml", 1) if in_ml else ("pixels", 0)

    def size(row: dict) -> float:
        return row["reference_ml"] if in_ml else row["tp"] + row["fn"]

    sizes = [size(row) for row in shown[0]]
    return Chart(
        name=page_id("dice-by-size", target),
        title=f"Dice against size of {target}",
        units=counted(len(sizes), "case"),
        caption="Size in the reference, on a logarithmic scale."
        + (f" Left out: {', '.join(left_out)}." if left_out else ""),
        summary=f"Dice against size, {fixed(min(sizes), digits)} to {fixed(max(sizes), digits)} {unit}.",
        x=log_axis(f"{target} in the reference ({unit})", sizes),
        y=score_axis("Dice", [row["dice"] for rows in shown for row in rows]),
        dots=[
            Dots(
                style=style(index),
                shape=shape(index),
                points=[
                    (size(row), row["dice"], f"{row['case']}: {fixed(row['dice'])}, {fixed(size(row), digits)} {unit}")
                    for row in rows
                ],
            )
            for index, rows in enumerate(shown)
        ],
        legend=legend(results) if len(results) > 1 else (),
    )
