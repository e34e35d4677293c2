"""`cafct-keras compare`."""

import os
from pathlib import Path

import click

from cafct_keras.cli.lazy import CheckedCommand
from cafct_keras.cli.reporting import report_comparison, report_folder, table_options
from cafct_keras.cli.shared import echo_json, json_option, named_paths, say


@click.command(cls=CheckedCommand, short_help="Rank methods by their evaluation.json; test every pair.")
@click.argument("documents", metavar="[NAME=]DOCUMENT ...", nargs=-1, required=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Random seed of the bootstrap.")
@click.option("--out", metavar="DIR", help="Folder to create, with comparison.html and comparison.json.")
@table_options
@json_option("comparison.json")
def compare(
    documents: tuple[str, ...], seed: int, out: str | None, table: str | None, decimal_comma: bool, as_json: bool
) -> None:
    """Rank methods by the evaluation.json of each, and test every pair of them.

    DOCUMENT is a file that evaluate or score wrote, or its folder, whose name is the method's unless NAME is given. The
    cases that all documents have are compared. Nothing is written without --out.
    """
    from cafct_keras.evaluation.comparison_documents import compare_documents
    from cafct_keras.evaluation.results.loading import load_document

    def name_of(path: str) -> str:
        folder = os.path.realpath(path if Path(path).is_dir() else Path(path).parent)
        return Path(folder).name or Path(path).stem  # the root folder, a container's first one, has no name

    named = named_paths("documents", documents, name_of=name_of)
    with report_folder(out) as folder:
        comparison = compare_documents({name: load_document(path) for name, path in named.items()}, seed=seed)
        document = report_comparison(comparison, folder, table=table, decimal_comma=decimal_comma)
    if out:
        say(f"{out}: comparison.html, comparison.json")
    if as_json:
        echo_json(document)
