"""Presentation of a table on the console and as Markdown, CSV, JSON and HTML."""

import csv
import json
import pathlib
from typing import Any, TextIO

from rich.text import Text

from cafct_keras.evaluation.console import aligned, wrapped
from cafct_keras.evaluation.metrics.overlap import RULES
from pipelines.atomic import atomic_write, atomic_write_text
from pipelines.optional import optional

with optional("table.html", extra="report"):
    from cafct_keras.pages.environment import environment

MEASURES = {"dice": "Dice", "iou": "IoU"}
SHOWN_RULES = ("per_slice_positive", "per_case_lits", "pooled")  # the paper's likely one, and the two of LiTS


def headline(document: dict) -> tuple[list[str], list[list[str]]]:
    """The table that fits a screen: scores by the main rules, the paper's beside them, and costs.

    Args:
        document: see `reproduce`.

    Returns:
        Titles of the columns, and one row of texts per system; scores in per cent, as the paper prints them.
    """
    titles = ["System", *(f"{shown} {rule}" for rule in SHOWN_RULES for shown in MEASURES.values())]
    titles += ["Paper: Dice", "Paper: mIoU", "Parameters (M)", "GMAC", "ms per image", "Training (min)", "Runs"]
    return titles, [
        [
            row["system"],
            *(_score(row, rule, measure) for rule in SHOWN_RULES for measure in MEASURES),
            *(f"{row['printed'][measure]:.2f}" if row["printed"] else "-" for measure in MEASURES),
            f"{row['parameters'] / 1e6:.2f}",
            f"{row['macs_per_image'] / 1e9:.2f}" if row["macs_per_image"] else "-",
            f"{row['ms_per_image']:.1f}",
            f"{row['train_seconds'] / 60:.1f}" if row["train_seconds"] else "-",
            str(len(row["seeds"])),
        ]
        for row in document["rows"]
    ]


def by_rule(document: dict, measure: str) -> tuple[list[str], list[list[str]]]:
    """One measure by every rule that defines it, with one row per rule and one column per system.

    Args:
        document: see `reproduce`.
        measure: `"dice"` or `"iou"`.

    Returns:
        As `headline`.
    """
    titles = [f"{MEASURES[measure]} by rule", *(row["system"] for row in document["rows"])]
    rules = [name for name, rule in RULES.items() if measure in rule.measures]
    return titles, [[rule, *(_score(row, rule, measure) for row in document["rows"])] for rule in rules]


def console_table(document: dict, *, width: int) -> Text:
    """The headline for a console of some width, with one column per system, which is narrower than one row."""
    titles, rows = headline(document)
    columns = zip(["per cent [95 % interval]", *titles[1:]], *rows, strict=True)
    table = aligned([[Text(name, "cyan"), *map(Text, cells)] for name, *cells in columns], width)
    title, caveats = (wrapped(map(Text, lines), width) for lines in ([_title(document)], document["caveats"]))
    return Text("\n").join([*title, *table, *caveats])


def write_tables(document: dict, folder: pathlib.Path) -> None:
    """Writes `table.json`, `table.csv` (one line per system, rule and measure), `table.md` and `table.html`."""
    atomic_write_text(folder / "table.json", json.dumps(document, indent=1, allow_nan=False) + "\n")
    atomic_write_text(folder / "table.md", _markdown(document))
    atomic_write_text(folder / "table.html", _html(document))
    with atomic_write(folder / "table.csv") as path, path.open("w", newline="", encoding="utf-8") as file:
        _write_csv(document, file)


def _title(document: dict) -> str:
    data = document["data"]
    folder = pathlib.Path(data["folder"]).name
    return f"Table {document['table']} reproduced: {document['target']}, {folder} ({data['layout']})"


def _score(row: dict, rule: str, measure: str) -> str:
    estimate = row["scores"] and row["scores"][rule][measure]
    if not estimate or estimate["value"] is None:
        return "-"
    value, low, high = (estimate[name] and 100 * estimate[name] for name in ("value", "low", "high"))
    return f"{value:.2f}" if low is None else f"{value:.2f} [{low:.1f}, {high:.1f}]"


def _markdown(document: dict) -> str:
    parts = [f"# {_title(document)}", "\n".join(f"* {line}" for line in document["caveats"])]
    for titles, rows in (headline(document), *(by_rule(document, measure) for measure in MEASURES)):
        lines = [titles, ["---", *["---:"] * (len(titles) - 1)], *rows]
        parts.append("\n".join(f"| {' | '.join(line)} |" for line in lines))
    if document["command"]:
        parts.append(f"`{document['command']}`")
    return "\n\n".join(parts) + "\n"


def _html(document: dict) -> str:
    tables = [headline(document), *(by_rule(document, measure) for measure in MEASURES)]
    page = environment(__package__).get_template("table.html")
    return page.render(title=_title(document), document=document, tables=tables, rules=RULES)


def _write_csv(document: dict[str, Any], file: TextIO) -> None:
    columns = [
        "system",
        "model",
        "rule",
        "measure",
        "value",
        "low",
        "high",
        "units",
        "predict_nothing",
        "paper_printed",
    ]
    columns += ["runs", "parameters", "macs_per_image", "ms_per_image", "train_seconds"]
    table = csv.DictWriter(file, columns, lineterminator="\n", extrasaction="ignore")
    table.writeheader()
    for row in document["rows"]:
        for rule, measures in (row["scores"] or {}).items():
            for measure, estimate in measures.items():
                printed = row["printed"] and row["printed"].get(measure)
                table.writerow(
                    {**row, **estimate, "rule": rule, "measure": measure, "runs": len(row["seeds"]),
                     "paper_printed": printed}
                )  # fmt: skip
