"""`cafct-keras reproduce`."""

import json

import click

from cafct_keras.cli.options import chosen_options, recipe_options


@click.command()
@click.option("--table", type=int, required=True, help="Of the paper: 2 (lesions), 3 (liver) or 4 (ablations).")
@click.option("--models", metavar="A,B,C", help="Rows, by their networks.  [default: the table's own]")
@click.option("--seeds", type=int, default=3, show_default=True, help="Runs a row.")
@click.option("--budget", type=float, metavar="MINUTES", help="Time for all rows; epochs are fitted to it.")
@click.option("--target", help="lesion, liver or both.  [default: the table's]")
@recipe_options
@click.option("--out", metavar="DIR", required=True, help="Folder to make, or to go on in.")
@click.option("--quiet", is_flag=True, help="Plain lines instead of a bar.")
@click.option("--json", "as_json", is_flag=True, help="table.json on the last line.")
def reproduce(table, models, seeds, budget, target, out, quiet, as_json, **options):
    """Train and score all systems of a table of the paper, by one recipe on one split, beside the printed figures.

    Finished rows are kept and a row that was cut off goes on when the same command is given again.
    """
    from cafct_keras.reproduction import TABLES, CompareOptions
    from cafct_keras.reproduction import compare as make_table
    from cafct_keras.training import FitOptions

    if target is None:
        target = TABLES[table].target if table in TABLES else FitOptions.target
    options, _ = chosen_options(options)
    recipe = FitOptions(**options, target=target)
    chosen = CompareOptions(table=table, models=models, seeds=seeds, budget=budget, out=out, recipe=recipe)
    document = make_table(chosen, quiet=quiet)
    if as_json:
        click.echo(json.dumps(document))
