"""Console summary of a comparison of methods."""

from typing import Any

from rich.text import Text

from cafct_keras.evaluation.results.methods import headline

SIGNIFICANT = 0.05


def methods(document: dict[str, Any]) -> Text:
    """Means and ranks of the methods in the metrics to look at first, and which pairs differ.

    Args:
        document: what `comparison.json` holds.
    """
    names = document["methods"]
    rows = [
        [
            Text(f"{target} {name}", "cyan"),
            *(_mean(metric["methods"][method]) for method in names),
            _stability(metric),
            *_pairs(metric, two=len(names) == 2),
        ]
        for target, metrics in document["targets"].items()
        for name, metric in headline(metrics).items()
    ]
    last = ["difference, p"] if len(names) == 2 else ["pairs that differ"]
    titles = ["mean #rank (resamples with it)", *names, "Kendall's tau", *last]
    rows.insert(0, [Text(title, "bold") for title in titles])
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    text = Text(f"{document['title']}, {document['result']}: ", "bold")
    text.append(f"{document['cases']} cases, {document['patients']} patients", "not bold")
    lines = [text]
    for row in rows:
        padded = (cell + Text(" " * (width - len(cell))) for cell, width in zip(row, widths, strict=True))
        lines.append(Text("  ").join(padded))
        lines[-1].rstrip()
    return Text("\n").join(lines)


def _mean(method: dict[str, Any]) -> Text:
    if method["rank"] is None:
        return Text("-", "dim")
    value = method["mean"]["value"]
    text = Text(f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}", "bold")
    return text.append(f" #{method['rank']} ({method['rank_fractions'][method['rank'] - 1]:.0%})", "not bold")


def _stability(metric: dict[str, Any]) -> Text:
    tau = metric["kendall_tau"]
    return Text("-", "dim") if tau is None else Text(f"{tau:.2f}")


def _pairs(metric: dict[str, Any], *, two: bool) -> list[Text]:
    pairs = metric["pairs"]
    if two:
        (pair,) = pairs
        if pair["difference"] is None:
            return [Text("-", "dim")]
        text = Text(f"{pair['difference']:+.3f}")
        if pair["low"] is not None:
            text.append(f" {pair['low']:+.3f} to {pair['high']:+.3f}")
        return [text.append(f", p {pair['p']:.3f}")] if pair["p"] is not None else [text]
    differ = sum(pair["p_holm"] is not None and pair["p_holm"] < SIGNIFICANT for pair in pairs)
    return [Text(f"{differ} of {len(pairs)} (Holm's p < {SIGNIFICANT:g})")]
