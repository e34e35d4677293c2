"""Tables of an evaluation, or of a comparison of methods, in Markdown and LaTeX, to paste into a paper."""

from collections.abc import Callable, Iterator

from cafct_keras.evaluation import excerpt
from cafct_keras.evaluation.excerpt import Cell, Table, number
from cafct_keras.pages.wording import counted


def markdown(document: dict, *, decimal: str = ".") -> str:
    """The scores as Markdown tables, one or two per target; of several methods the best is bold.

    Args:
        document: what `evaluation.json` or `comparison.json` holds.
        decimal: sign between units and tenths.
    """
    parts = [f"**{document['title']}**: {_said(document)}"]
    for table in _tables(document, decimal):
        rows = [
            [table.title, *table.columns],
            ["---", *["---:"] * len(table.columns)],
            *_texts(table, decimal, "\N{EN DASH}", str, "**{}**"),
        ]
        parts.append("\n".join(f"| {' | '.join(each.replace('|', '&#124;') for each in row)} |" for row in rows))
    return "\n\n".join([*parts, *_notes(document)])


def latex(document: dict, *, decimal: str = ".") -> str:
    r"""The scores as LaTeX `tabular`s, which need `\usepackage{booktabs}`; see `markdown`.

    Args:
        document: what `evaluation.json` or `comparison.json` holds.
        decimal: sign between units and tenths.
    """
    parts = [f"% {document['title']}: {_said(document)}\n% \\usepackage{{booktabs}}"]
    for table in _tables(document, decimal):
        names = [_escaped(name) for name in (table.title, *table.columns)]
        rows = _texts(table, decimal, "--", _escaped, r"\textbf{{{}}}")
        header, *body = (" & ".join(row) + r" \\" for row in (names, *rows))
        columns = "l" + "r" * len(table.columns)
        lines = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", header, r"\midrule", *body, r"\bottomrule"]
        parts.append("\n".join([*lines, r"\end{tabular}"]))
    return "\n\n".join([*parts, *(f"% {note}" for note in _notes(document))])


FORMATS: dict[str, Callable[..., str]] = {"markdown": markdown, "latex": latex}
SUFFIXES = {"markdown": ".md", "latex": ".tex"}


def _tables(document: dict, decimal: str) -> Iterator[Table]:
    if "methods" in document:
        yield from (excerpt.ranking(document, target) for target in document["targets"])
        return
    for target in document["results"][0]["summary"]["targets"]:
        yield excerpt.overlap_and_surface(document, target)
        if found := excerpt.detection(document, target, decimal=decimal):
            yield found
    if sheet := excerpt.lits_sheet(document):
        yield sheet


def _said(document: dict) -> str:
    if "methods" in document:
        said = [document["result"], f"{counted(document['cases'], 'case')}, {counted(document['patients'], 'patient')}"]
    else:
        said = [excerpt.counts(document), *excerpt.gaps(document), *excerpt.how_scored(document)]
    return "; ".join(said) + ". In brackets: 95 % intervals over patients."


def _notes(document: dict) -> list[str]:
    return [] if "methods" in document else list(excerpt.notes(document))


def _texts(table: Table, decimal: str, dash: str, escaped: Callable[[str], str], bold: str) -> list[list[str]]:
    return [
        [
            escaped(" ".join(filter(None, (row.name.strip(), row.note)))),
            *(_text(cell, decimal, dash, bold) for cell in row.cells),
        ]
        for row in table.rows
    ]


def _text(cell: Cell, decimal: str, dash: str, bold: str) -> str:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int | float):
        return number(cell, decimal=decimal)
    if cell is None or cell["value"] is None:
        return dash
    value = number(cell["value"], decimal=decimal)
    if cell.get("rank") == 1:
        value = bold.format(value)
    if cell["low"] is None:
        return value
    return f"{value} [{dash.join(number(cell[end], decimal=decimal) for end in ('low', 'high'))}]"


_LATEX = {character: "\\" + character for character in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def _escaped(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)
