"""`cafct-keras reproduce`."""

import json

import click

from cafct_keras.cli.options import chosen_config, config_options
from cafct_keras.runs.config import OPTIONS

# Chosen by the table, or of one run.
_OF_THE_TABLE = ("model", "seed", "out", "validation", "init", "weights", "deterministic")
_OF_THE_TABLE += tuple(name for name, place in OPTIONS.items() if place.group == "session")


@click.command()
@click.option("--table", type=int, required=True, help="Of the paper: 2 (lesions), 3 (liver) or 4 (ablations).")
@click.option("--models", metavar="A,B,C", help="Rows, by their networks.  [default: the table's own]")
@click.option("--seeds", type=int, default=3, show_default=True, help="Runs a row.")
@click.option("--budget", type=float, metavar="MINUTES", help="Time for all rows; epochs are fitted to it.")
@config_options(without=_OF_THE_TABLE)
@click.option("--out", metavar="DIR", required=True, help="Folder to make, or to go on in.")
@click.option("--quiet", is_flag=True, help="Plain lines instead of a bar.")
@click.option("--json", "as_json", is_flag=True, help="table.json on the last line.")
def reproduce(table, models, seeds, budget, out, quiet, as_json, **options):
    """Train and score all systems of a table of the paper, by one recipe on one split, beside the printed figures.

    Finished rows are kept and a row that was cut off goes on when the same command is given again.
    """
    from cafct_keras.reproduction import TABLES, CompareOptions
    from cafct_keras.reproduction import compare as make_table

    recipe, given = chosen_config(options)
    if "target" not in given and table in TABLES:
        recipe = recipe.replace(target=TABLES[table].target)
    chosen = CompareOptions(table=table, models=models, seeds=seeds, budget=budget, out=out, recipe=recipe)
    document = make_table(chosen, quiet=quiet)
    if as_json:
        click.echo(json.dumps(document))
