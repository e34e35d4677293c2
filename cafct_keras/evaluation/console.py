"""Console summary of an evaluation, in at most twenty lines."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from rich.text import Text

from cafct_keras.evaluation.metrics.overlap import RULES

WORSE, BETTER = "red", "green"
COMPARED = ("dice_per_slice_positive", "dice_per_case_lits", "hd95", "nsd_2", "lesion_recall", "false_positives")
_STEPS = {
    "largest_liver": "largest component of the liver",
    "lesions_inside_liver": "lesions inside the liver",
    "smallest_lesion": "lesions of at least",
}


def summary(document: dict) -> Text:
    """The scores of an evaluation, each with its rule, its interval and the score of predicting nothing.

    Scores no better than that of predicting nothing are red.

    Args:
        document: what `evaluation.json` holds.
    """
    columns = _columns(document)
    rows = [_header(columns), *_rows(columns)]
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    lines = [_headline(document)]
    for row in rows:
        padded = (cell + Text(" " * (width - len(cell))) for cell, width in zip(row, widths, strict=True))
        lines.append(Text("  ").join(padded))
        lines[-1].rstrip()
    return Text("\n").join([*lines, *_footer(document)])


def comparison(document: dict) -> Text:
    """Differences from the run that an evaluation is compared with; those whose interval excludes 0 are coloured."""
    found = document["comparison"]
    first, second = found["runs"]
    title = f"{second} minus {first}, {found['result']}, with 95 % intervals over patients and Wilcoxon's p"
    lines = [Text(title, "bold")]
    for target, metrics in found["targets"].items():
        for name, metric in metrics.items():
            if name.startswith(COMPARED) and not name.endswith("_all") and metric["difference"] is not None:
                lines.append(_difference(f"{target} {name}", metric))
    return Text("\n").join(lines)


def _difference(name: str, metric: dict) -> Text:
    text = Text.assemble((f"{name:40s}", "cyan"), f"  {metric['difference']:+8.3f}")
    if metric["low"] is not None:
        if metric["low"] * metric["high"] > 0:
            better = (metric["difference"] > 0) == metric["higher_is_better"]
            text.stylize(BETTER if better else WORSE, 40)
        text.append(f"  {metric['low']:+.3f} to {metric['high']:+.3f}")
    if metric["p"] is not None:
        text.append(f"  p {metric['p']:.3f}")
    return text.append(f"  {metric['patients']} patients", "dim")


def _headline(document: dict) -> Text:
    overall, threshold, failures = document["results"][0]["summary"], document["threshold"], document["failures"]
    text = Text(document["title"], "bold")
    text.append(": " + ", ".join(f"{overall[what]} {what}" for what in ("cases", "patients", "slices")), "not bold")
    if incomplete := overall["cases"] - overall["complete_cases"]:
        text.append(f"; {incomplete} with missing slices, in overlap only", WORSE)
    if threshold is not None:
        chosen = f", chosen on {threshold['chosen_on']} by {threshold['rule']}" if threshold["rule"] else ""
        text.append(f"; threshold {threshold['value']:g}{chosen}", "not bold")
    if failures:
        text.append(f"; {len(failures)} could not be scored", WORSE)
    return text


class _Column(NamedTuple):
    """Dice or IoU of one target in one result; `nothing` is whether to show the score of predicting nothing."""

    title: str
    measure: str
    target: dict
    nothing: bool


def _columns(document: dict) -> list[_Column]:
    """Dice of each target and result, and IoU if there is room."""
    results = document["results"]
    targets = list(results[0]["summary"]["targets"])
    measures = {"dice": "Dice", "iou": "IoU"} if len(results) * len(targets) == 1 else {"dice": "Dice"}
    return [
        _Column(
            title=f"{target} {shown}" + (f", {result['name']}" if len(results) > 1 else ""),
            measure=measure,
            target=result["summary"]["targets"][target],
            nothing=result is results[0],  # the same in both
        )
        for target in targets
        for measure, shown in measures.items()
        for result in results
    ]


def _header(columns: Sequence[_Column]) -> list[Text]:
    explained = Text("value low-high (of predicting nothing)", "dim")
    return [explained, *(Text(column.title, "bold") for column in columns)]


def _rows(columns: Sequence[_Column]) -> Iterator[list[Text]]:
    for rule in RULES:
        yield [Text(rule, "cyan"), *(_cell(column, "overlap", rule, column.measure) for column in columns)]
    surface = columns[0].target["surface"]
    unit, length = surface["unit"], surface["length"]
    further: list[tuple[str, str, tuple[str, ...], bool]] = [
        (f"hd95_{length}", f"{unit}s that show it", ("surface", "positive", f"hd95_{length}"), True),
        (f"nsd_2_{length}", f"{unit}s that show it", ("surface", "positive", f"nsd_2_{length}"), False),
    ]
    if lesions := next((column.target["lesions"] for column in columns if column.target["lesions"]), None):
        over = {key: f"IoU over {key.removeprefix('iou_over_')}" for key in lesions["detection"]}
        further += [("lesion recall", over[key], ("lesions", "detection", key, "recall"), False) for key in over]
        first = next(iter(over))
        per_unit = ("lesions", "detection", first, "false_positives_per_unit")
        further.append(("false positives", f"per {lesions['unit']}, {over[first]}", per_unit, True))
    for name, words, path, error in further:
        cells = (_cell(each, *path, error=error) if each.measure == "dice" else Text() for each in columns)
        yield [Text.assemble((name, "cyan"), (f", {words}", "dim")), *cells]


def _cell(column: _Column, *path: str, error: bool = False) -> Text:
    figure: Any = column.target
    for name in path:
        figure = figure and figure.get(name)
    return _shown(figure, error=error, nothing=column.nothing)


def _shown(figure: dict | None, *, error: bool = False, nothing: bool = True) -> Text:
    """One estimate; the lowest `error` is best, and an error of 0 is never worse than that of predicting nothing."""
    if figure is None or figure["value"] is None:
        return Text("-", "dim")
    value, least = figure["value"], figure["predict_nothing"]
    poor = least is not None and value != (0 if error else 1) and (value >= least if error else value <= least)
    text = Text(_number(value), WORSE if poor else "bold")
    if figure["low"] is not None:
        text.append(f" {_number(figure['low'])}-{_number(figure['high'])}", "not bold")
    if nothing and least is not None:
        text.append(f" ({_number(least)})", "dim not bold")
    return text


def _number(value: float) -> str:
    return f"{value:.3f}" if value < 10 else f"{value:.1f}"


def _footer(document: dict) -> Iterator[Text]:
    last = document["results"][-1]
    if burden := last["summary"]["burden"]:
        error = _shown(burden["absolute_error"], error=True)
        yield Text.assemble(("tumour burden", "cyan"), (", mean absolute error", "dim"), "  ", error)
    if steps := last["postprocessing"]:
        taken = ", ".join(
            words if steps[name] is True else f"{words} {steps[name]:g} {steps['unit']}"
            for name, words in _STEPS.items()
            if steps[name]
        )
        chosen = f"chosen on {steps['chosen_on']} by {steps['rule']}" if steps["rule"] else "as asked for"
        yield Text(f"post-processing: {taken}; {chosen}")
    for row in document["paper"] or ():
        if row["system"] == "CAFCT-Net" and row["table"] in (2, 3):
            rules = ", ".join(row["rules"])
            yield Text(
                f"the paper's CAFCT-Net, {row['target']}: Dice {row['dice'] / 100:.4f}, IoU {row['iou'] / 100:.4f} "
                f"(Table {row['table']}; no rule is stated, possible are {rules})"
            )
