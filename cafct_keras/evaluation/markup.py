"""Tables of an evaluation in Markdown and LaTeX, to paste into a paper."""

from collections.abc import Callable, Iterator

from cafct_keras.evaluation import excerpt
from cafct_keras.evaluation.excerpt import Cell, Table, number


def markdown(document: dict, *, decimal: str = ".") -> str:
    """The scores as Markdown tables, one or two per target.

    Args:
        document: what `evaluation.json` holds.
        decimal: sign between units and tenths.
    """
    parts = [f"**{document['title']}**: {_said(document)}"]
    for table in _tables(document, decimal):
        rows = [
            [table.title, *table.columns],
            ["---", *["---:"] * len(table.columns)],
            *_texts(table, decimal, "\N{EN DASH}"),
        ]
        parts.append("\n".join(f"| {' | '.join(each.replace('|', '&#124;') for each in row)} |" for row in rows))
    return "\n\n".join([*parts, *excerpt.notes(document)])


def latex(document: dict, *, decimal: str = ".") -> str:
    r"""The scores as LaTeX `tabular`s, one or two per target, which need `\usepackage{booktabs}`.

    Args:
        document: what `evaluation.json` holds.
        decimal: sign between units and tenths.
    """
    parts = [f"% {document['title']}: {_said(document)}\n% \\usepackage{{booktabs}}"]
    for table in _tables(document, decimal):
        header, *rows = (
            " & ".join(map(_escaped, row)) + r" \\"
            for row in ([table.title, *table.columns], *_texts(table, decimal, "--"))
        )
        columns = "l" + "r" * len(table.columns)
        lines = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", header, r"\midrule", *rows, r"\bottomrule"]
        parts.append("\n".join([*lines, r"\end{tabular}"]))
    return "\n\n".join([*parts, *(f"% {note}" for note in excerpt.notes(document))])


FORMATS: dict[str, Callable[..., str]] = {"markdown": markdown, "latex": latex}
SUFFIXES = {"markdown": ".md", "latex": ".tex"}


def _tables(document: dict, decimal: str) -> Iterator[Table]:
    for target in document["results"][0]["summary"]["targets"]:
        yield excerpt.overlap_and_surface(document, target)
        if found := excerpt.detection(document, target, decimal=decimal):
            yield found


def _said(document: dict) -> str:
    said = [excerpt.counts(document), *excerpt.gaps(document), *excerpt.how_scored(document)]
    return "; ".join(said) + ". In brackets: 95 % intervals over patients."


def _texts(table: Table, decimal: str, dash: str) -> list[list[str]]:
    return [
        [" ".join(filter(None, (row.name.strip(), row.note))), *(_text(cell, decimal, dash) for cell in row.cells)]
        for row in table.rows
    ]


def _text(cell: Cell, decimal: str, dash: str) -> str:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int | float):
        return number(cell, decimal=decimal)
    if cell is None or cell["value"] is None:
        return dash
    value = number(cell["value"], decimal=decimal)
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
