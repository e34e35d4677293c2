"""Console summary of an evaluation: tables side by side on a wide console, and in parts on a narrow one."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from cafct_keras.evaluation import excerpt
from cafct_keras.evaluation.excerpt import BASELINES, Cell, Row, Table, number
from cafct_keras.evaluation.results.methods import headline
from pipelines.columns import GAP, column_blocks

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
    if (joined := _joined(tables)) and max(map(len, aligned(_texts(joined, decimal)))) <= width:
        tables = [joined]
    found = [excerpt.detection(document, target, decimal=decimal) for target in targets]
    lines = wrapped(_head(document), width)
    for table in [*tables, *filter(None, [*found, excerpt.lits_sheet(document)])]:
        lines += aligned(_texts(table, decimal), width)
    return Text("\n").join([*lines, *wrapped(_foot(document, decimal), width)])


def comparison(document: dict, *, width: int = WIDTH, decimal: str = ".") -> Text:
    """Differences from the run that an evaluation is compared with; those whose interval excludes 0 are coloured.

    Args:
        document: what `evaluation.json` holds.
        width: of the console, in characters.
        decimal: sign between units and tenths.
    """
    found = document["comparison"]
    first, second = found["runs"]
    title = f"{second} minus {first}, {found['result']}, with 95 % intervals over n patients and Wilcoxon's p"
    lines = wrapped([Text(title, "bold")], width)
    for target, metrics in found["targets"].items():
        rows = [[Text(name, "bold") for name in (target, "difference", "interval", "p", "n")]]
        rows += [
            _difference(name, metric, decimal)
            for name, metric in headline(metrics).items()
            if metric["difference"] is not None
        ]
        lines += aligned(rows, width)
    return Text("\n").join(lines)


def _difference(name: str, metric: dict, decimal: str) -> list[Text]:
    difference, low, high, p = (
        "-" if metric[key] is None else f"{metric[key]:{sign}.3f}".replace(".", decimal)
        for key, sign in (("difference", "+"), ("low", "+"), ("high", "+"), ("p", ""))
    )
    style = ""
    if metric["low"] is not None and metric["low"] * metric["high"] > 0:
        style = BETTER if (metric["difference"] > 0) == metric["higher_is_better"] else WORSE
    interval = "-" if metric["low"] is None else f"{low} to {high}"
    cells = Text(difference, style), Text(interval, style), Text(p), Text(str(metric["patients"]), "dim")
    return [Text(name, "cyan"), *cells]


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


def _texts(table: Table, decimal: str) -> list[list[Text]]:
    header = [Text(name.removeprefix("predicting "), "bold") for name in (table.title, *table.columns)]
    return [header, *(_cells(row, decimal) for row in table.rows)]


def aligned(rows: Sequence[Sequence[Text]], width: int | None = None) -> list[Text]:
    """A line for each row, in columns; those that the width has no room for follow below, see `column_blocks`."""
    widths = [max(cell.cell_len for cell in column) for column in zip(*rows, strict=True)]
    lines = []
    for block in column_blocks(widths, width):
        for row in rows:
            cells = (row[index] + Text(" " * (widths[index] - row[index].cell_len)) for index in block)
            lines.append(Text(" " * GAP).join(cells))
            lines[-1].rstrip()
    return lines


def wrapped(lines: Iterable[Text], width: int) -> list[Text]:
    """Lines of prose, broken between words."""
    broken = [part for line in lines for part in line.wrap(Console(width=width), width)]
    for part in broken:
        part.rstrip()
    return broken


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
