"""A table on the console and as Markdown, CSV, JSON and HTML."""

import csv
import json
import os
import pathlib

from rich import box
from rich.console import Group
from rich.table import Table

from cafct_keras.evaluation import report
from cafct_keras.evaluation.metrics.overlap import RULES
from pipelines.optional import optional

with optional("table.html", extra="report"):
    import jinja2

MEASURES = {"dice": "Dice", "iou": "IoU"}
SHOWN_RULES = ("per_slice_positive", "per_case_lits", "pooled")  # of many: the paper's likely one and LiTS's own two


def headline(document: dict) -> tuple[list[str], list[list[str]]]:
    """The table that fits a screen: scores by the rules that matter most, the paper's beside them, and the costs.

    Args:
        document: see `compare`.

    Returns:
        Titles of the columns, and a row of texts a system; scores in per cent, as the paper prints them.
    """
    titles = ["System", *(f"{shown} {rule}" for rule in SHOWN_RULES for shown in MEASURES.values())]
    titles += ["Paper: Dice", "Paper: mIoU", "Parameters (M)", "GMAC", "ms an image", "Training (min)", "Runs"]
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
    """One measure by every rule that gives it: a row a rule, a column a system.

    Args:
        document: see `compare`.
        measure: `"dice"` or `"iou"`.

    Returns:
        As `headline`.
    """
    titles = [f"{MEASURES[measure]} by rule", *(row["system"] for row in document["rows"])]
    rules = [name for name, rule in RULES.items() if measure in rule.measures]
    return titles, [[rule, *(_score(row, rule, measure) for row in document["rows"])] for rule in rules]


def console_table(document: dict) -> Group:
    """The headline for a terminal, with one column per system, which is the narrower way round."""
    titles, rows = headline(document)
    table = Table(box=box.SIMPLE)
    table.add_column("per cent [95 % interval]")
    for row in rows:
        table.add_column(row[0], justify="right")
    for index, title in enumerate(titles[1:], start=1):
        table.add_row(title, *(row[index] for row in rows))
    # Outside the table, which would wrap them to its own width.
    return Group(_title(document), table, *document["remarks"])


def write_tables(document: dict, folder: pathlib.Path) -> None:
    """Writes `table.json`, `table.csv` (a line a system, rule and measure), `table.md` and `table.html`, each whole."""
    _write(folder / "table.json", json.dumps(document, indent=1, allow_nan=False) + "\n")
    _write(folder / "table.md", _markdown(document))
    _write(folder / "table.html", _html(document))
    aside = folder / ".table.csv"
    with aside.open("w", newline="", encoding="utf-8") as file:
        _write_csv(document, file)
    os.replace(aside, folder / "table.csv")


def _title(document: dict) -> str:
    data = document["data"]
    return (
        f"Table {document['table']} anew: {document['target']}, {pathlib.Path(data['folder']).name} ({data['layout']})"
    )


def _score(row: dict, rule: str, measure: str) -> str:
    figure = row["scores"] and row["scores"][rule][measure]
    if not figure or figure["value"] is None:
        return "-"
    value = f"{100 * figure['value']:.2f}"
    return value if figure["low"] is None else f"{value} [{100 * figure['low']:.1f}, {100 * figure['high']:.1f}]"


def _markdown(document: dict) -> str:
    parts = [f"# {_title(document)}", "\n".join(f"* {line}" for line in document["remarks"])]
    for titles, rows in (headline(document), *(by_rule(document, measure) for measure in MEASURES)):
        lines = [titles, ["---", *["---:"] * (len(titles) - 1)], *rows]
        parts.append("\n".join(f"| {' | '.join(line)} |" for line in lines))
    parts.append(f"`{document['command']}`")
    return "\n\n".join(parts) + "\n"


def _html(document: dict) -> str:
    loaders = [jinja2.PackageLoader(package) for package in (__package__, report.__package__)]  # one style for both
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(loaders), autoescape=True, undefined=jinja2.StrictUndefined
    )
    tables = [headline(document), *(by_rule(document, measure) for measure in MEASURES)]
    page = environment.get_template("table.html")
    return page.render(title=_title(document), document=document, tables=tables, rules=RULES)


def _write_csv(document: dict, file) -> None:
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
            for measure, figure in measures.items():
                printed = row["printed"] and row["printed"].get(measure)
                table.writerow(
                    {**row, **figure, "rule": rule, "measure": measure, "runs": len(row["seeds"]),
                     "paper_printed": printed}
                )  # fmt: skip


def _write(path: pathlib.Path, text: str) -> None:
    aside = path.with_name(f".{path.name}")
    aside.write_text(text, encoding="utf-8")
    os.replace(aside, path)
