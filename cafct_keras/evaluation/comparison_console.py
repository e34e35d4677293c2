"""Console summary of a comparison of methods."""

from collections.abc import Iterator
from typing import Any

from rich.text import Text

from cafct_keras.evaluation.console import WIDTH, aligned, wrapped
from cafct_keras.evaluation.excerpt import number
from cafct_keras.evaluation.results.methods import headline
from cafct_keras.pages.wording import counted

SIGNIFICANT = 0.05


def methods(document: dict[str, Any], *, width: int = WIDTH, decimal: str = ".") -> Text:
    """Means and ranks of the methods in the metrics to look at first, and which pairs differ.

    Args:
        document: what `comparison.json` holds.
        width: of the console, in characters; where it is too narrow, how stable the ranks are is left out, and columns
            follow below.
        decimal: sign between units and tenths.
    """
    head = Text(f"{document['title']}, {document['result']}: ", "bold")
    head.append(f"{counted(document['cases'], 'case')}, {counted(document['patients'], 'patient')}", "not bold")
    two = len(document["methods"]) == 2
    last = "difference, p" if two else "differ: pairs whose p, by Holm, is below 0.05".replace(".", decimal)
    for stable in (True, False):
        tables = [_table(document, target, stable, two, decimal) for target in document["targets"]]
        if all(len(line) <= width for table in tables for line in aligned(table)):
            break
    said = "mean #rank" + (" (resamples of patients with it); tau: Kendall's, of their rankings" if stable else "")
    prose = wrapped([head, Text(f"{said}; {last}", "dim")], width)
    return Text("\n").join([*prose, *(line for table in tables for line in aligned(table, width))])


def _table(document: dict[str, Any], target: str, stable: bool, two: bool, decimal: str) -> list[list[Text]]:
    titles = [target, *document["methods"], *(["tau"] if stable else []), "difference" if two else "differ"]
    rows = [[Text(title, "bold") for title in titles]]
    for name, metric in headline(document["targets"][target]).items():
        row = [Text(name, "cyan"), *(_mean(each, stable, decimal) for each in metric["methods"].values())]
        if stable:
            row.append(_number(metric["kendall_tau"], ".2f", decimal))
        rows.append([*row, _difference(*metric["pairs"], decimal=decimal) if two else _differing(metric["pairs"])])
    return rows


def _mean(method: dict[str, Any], stable: bool, decimal: str) -> Text:
    if method["rank"] is None:
        return Text("-", "dim")
    text = Text(number(method["mean"]["value"], decimal=decimal), "bold").append(f" #{method['rank']}", "not bold")
    fraction = method["rank_fractions"][method["rank"] - 1]
    return text.append(f" ({fraction:.0%})", "not bold") if stable else text


def _number(value: float | None, style: str, decimal: str) -> Text:
    return Text("-", "dim") if value is None else Text(f"{value:{style}}".replace(".", decimal))


def _difference(pair: dict[str, Any], *, decimal: str) -> Text:
    def parts() -> Iterator[str]:
        yield f"{pair['difference']:+.3f}"
        if pair["low"] is not None:
            yield f" {pair['low']:+.3f} to {pair['high']:+.3f}"
        if pair["p"] is not None:
            yield f", p {pair['p']:.3f}"

    return Text("-", "dim") if pair["difference"] is None else Text("".join(parts()).replace(".", decimal))


def _differing(pairs: list[dict[str, Any]]) -> Text:
    differ = sum(pair["p_holm"] is not None and pair["p_holm"] < SIGNIFICANT for pair in pairs)
    return Text(f"{differ} of {len(pairs)}")
