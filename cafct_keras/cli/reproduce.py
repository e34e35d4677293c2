"""`cafct-keras reproduce`."""

from typing import Any

import click

from cafct_keras.cli.lazy import CheckedCommand
from cafct_keras.cli.options import chosen_config, config_options
from cafct_keras.cli.shared import echo_json, json_option, quiet_option
from cafct_keras.runs.config import OPTIONS

# Chosen by the table, or of one run.
_OF_THE_TABLE: tuple[str, ...] = ("model", "seed", "out", "validation", "init", "weights", "deterministic")
_OF_THE_TABLE += tuple(name for name, place in OPTIONS.items() if place.group == "session")


@click.command(cls=CheckedCommand, short_help="Train and score the systems of a table of the paper.")
@click.option("--table", type=int, required=True, help="Table of the paper: 2 (lesions), 3 (liver) or 4 (ablations).")
@click.option("--models", metavar="NAME,NAME,...", help="Networks to train.  [default: those of the table]")
@click.option("--seeds", type=int, default=3, show_default=True, help="Runs per network.")
@click.option(
    "--budget", type=float, metavar="MINUTES", help="Time for all runs, to which the number of epochs is fitted."
)
@click.option("--equal-time", is_flag=True, help="Give every network the same time of the budget, not the same epochs.")
@config_options(without=_OF_THE_TABLE)
@click.option("--out", metavar="DIR", required=True, help="Folder to create, or to resume in.")
@quiet_option()
@json_option("table.json")
def reproduce(
    table: int,
    models: str | None,
    seeds: int,
    budget: float | None,
    equal_time: bool,
    out: str,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Train and score the systems of a table of the paper by one recipe on one split, beside the printed scores.

    If interrupted, the same command resumes; finished runs are kept.
    """
    from cafct_keras.reproduction import TABLES, ReproduceOptions
    from cafct_keras.reproduction import reproduce as reproduce_table

    config, given = chosen_config(options)
    if "target" not in given and table in TABLES:
        config = config.replace(target=TABLES[table].target)
    chosen = ReproduceOptions(
        table=table, models=models, seeds=seeds, budget=budget, equal_time=equal_time, out=out, config=config
    )
    document = reproduce_table(chosen, quiet=quiet)
    if as_json:
        echo_json(document)
