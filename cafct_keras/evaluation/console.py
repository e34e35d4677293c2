"""Console summary of an evaluation: tables of 80 columns or fewer, side by side where there is room."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from rich.text import Text

from cafct_keras.evaluation import excerpt
from cafct_keras.evaluation.excerpt import BASELINES, Cell, Row, Table, number
from cafct_keras.evaluation.results.methods import headline

WORSE, BETTER = "red", "green"
WIDTH = 80


def summary(document: dict, *, width: int = WIDTH, decimal: str = ".") -> Text:
    """The scores of an evaluation, each with its rule and interval, and those of predicting nothing and everything.

    Scores no better than one of these are red.

    Args:
        document: what `evaluation.json` holds.
        width: of the console, in characters.
        decimal: sign between units and tenths.
    """
    targets = list(document["results"][0]["summary"]["targets"])
    measures = ("dice", "iou") if len(targets) == len(document["results"]) == 1 else ("dice",)
    tables = [excerpt.overlap_and_surface(document, target, measures=measures) for target in targets]
    if (joined := _joined(tables)) and max(map(len, _lines(joined, decimal))) <= width:
        tables = [joined]
    found = [excerpt.detection(document, target, decimal=decimal) for target in targets]
    lines = list(_head(document))
    for table in [*tables, *filter(None, [*found, excerpt.lits_sheet(document)])]:
        lines += _lines(table, decimal)
    return Text("\n").join([*lines, *_foot(document, decimal)])


def comparison(document: dict, *, decimal: str = ".") -> Text:
    """Differences from the run that an evaluation is compared with; those whose interval excludes 0 are coloured."""
    found = document["comparison"]
    first, second = found["runs"]
    title = f"{second} minus {first}, {found['result']}, with 95 % intervals over patients and Wilcoxon's p"
    lines = [Text(title, "bold")]
    for target, metrics in found["targets"].items():
        for name, metric in headline(metrics).items():
            if metric["difference"] is not None:
                lines.append(_difference(f"{target} {name}", metric, decimal))
    return Text("\n").join(lines)


def _difference(name: str, metric: dict, decimal: str) -> Text:
    difference, low, high, p = (
        None if metric[key] is None else f"{metric[key]:{sign}.3f}".replace(".", decimal)
        for key, sign in (("difference", "+"), ("low", "+"), ("high", "+"), ("p", ""))
    )
    text = Text.assemble((f"{name:40s}", "cyan"), f"  {difference:>8s}")
    if low is not None:
        if metric["low"] * metric["high"] > 0:
            better = (metric["difference"] > 0) == metric["higher_is_better"]
            text.stylize(BETTER if better else WORSE, 40)
        text.append(f"  {low} to {high}")
    if p is not None:
        text.append(f"  p {p}")
    return text.append(f"  {metric['patients']} patients", "dim")


def _head(document: dict) -> Iterator[Text]:
    text = Text(document["title"], "bold").append(f": {excerpt.counts(document)}", "not bold")
    for gap in excerpt.gaps(document):
        text.append(f"; {gap}", WORSE)
    yield text
    yield Text("; ".join(excerpt.how_scored(document)), "dim")
    yield Text("value low-high: 95 % interval over patients; nothing, everything: of predicting so", "dim")


def _joined(tables: Sequence[Table]) -> Table | None:
    """Two tables or more side by side; None where their rows differ."""
    first, *others = tables
    names = [row.name for row in first.rows]
    if not others or any([row.name for row in table.rows] != names for table in others):
        return None
    return Table(
        title="",
        columns=[name if name in BASELINES else f"{table.title} {name}" for table in tables for name in table.columns],
        rows=[
            dataclasses.replace(row, cells=[cell for table in tables for cell in table.rows[index].cells])
            for index, row in enumerate(first.rows)
        ],
    )


def _lines(table: Table, decimal: str) -> list[Text]:
    header = [Text(name.removeprefix("predicting "), "bold") for name in (table.title, *table.columns)]
    return aligned([header, *(_cells(row, decimal) for row in table.rows)])


def aligned(rows: Sequence[Sequence[Text]]) -> list[Text]:
    """A line for each row, in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        padded = (cell + Text(" " * (width - len(cell))) for cell, width in zip(row, widths, strict=True))
        lines.append(Text("  ").join(padded))
        lines[-1].rstrip()
    return lines


def _cells(row: Row, decimal: str) -> list[Text]:
    name = Text.assemble((row.name, "cyan"), (f" {row.note}" if row.note else "", "dim"))
    return [name, *(_shown(cell, row.higher_is_better, decimal) for cell in row.cells)]


def _shown(cell: Cell, higher_is_better: bool | None, decimal: str) -> Text:
    if isinstance(cell, str):
        return Text(cell)
    if isinstance(cell, int | float):
        return Text(number(cell, decimal=decimal), "dim")
    if cell is None or cell["value"] is None:
        return Text("-", "dim")
    text = Text(number(cell["value"], decimal=decimal), WORSE if _poor(cell, higher_is_better) else "bold")
    if cell["low"] is not None:
        text.append(" " + "-".join(number(cell[end], decimal=decimal) for end in ("low", "high")), "not bold")
    return text


def _poor(figure: dict[str, Any], higher_is_better: bool | None) -> bool:
    """Whether a score is no better than that of predicting nothing or everything; a perfect one never is."""
    if higher_is_better is None or figure["value"] == int(higher_is_better):
        return False
    sign = 1 if higher_is_better else -1
    baselines = (figure["predict_nothing"], figure["predict_everything"])
    return any(each is not None and sign * figure["value"] <= sign * each for each in baselines)


def _foot(document: dict, decimal: str) -> Iterator[Text]:
    if burden := document["results"][-1]["summary"]["burden"]:
        figure = burden["absolute_error"]
        nothing = f"  (nothing {number(figure['predict_nothing'], decimal=decimal)})"
        error = _shown(figure, False, decimal)
        yield Text.assemble(("tumour burden", "cyan"), (", mean absolute error", "dim"), "  ", error, (nothing, "dim"))
    yield from map(Text, excerpt.notes(document))
