"""`cafct-keras fit`."""

import pathlib
from typing import Any

import click

from cafct_keras.cli.lazy import CheckedCommand
from cafct_keras.cli.options import chosen_config, config_options
from cafct_keras.cli.shared import echo_json, json_option, quiet_option


@click.command(cls=CheckedCommand)
@config_options()
@click.option(
    "--folds",
    type=int,
    metavar="N",
    help="Cross-validation: a run for each of N folds of the patients, in fold-0, fold-1, ... of --out.",
)
@click.option("--save-config", metavar="FILE", help="Also write the configuration, complete, to this TOML file.")
@click.option("--resume", is_flag=True, help="Resume the run in --out with its own options; start it if it is new.")
@quiet_option()
@json_option("the run card; a list for --folds")
@click.pass_obj
def fit(
    started: float,
    folds: int | None,
    save_config: str | None,
    resume: bool,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Train a model. Without options: on the built-in phantom, in a few minutes on a CPU.

    At SIGTERM, Ctrl-C or the time limit, a run finishes its step, writes a checkpoint and exits with code 75. --resume
    continues it from there, or a killed run from its last checkpoint; the result is bit-identical to an uninterrupted
    run.
    """
    from cafct_keras import recipes
    from cafct_keras.runs.files import RUN_FILE
    from cafct_keras.runs.run import Run
    from cafct_keras.training import fit as train
    from cafct_keras.training.config import resolve
    from cafct_keras.training.folds import fit_folds, folds_in
    from pipelines.places import require_place

    config, given = chosen_config(options)
    complete = None
    if save_config is not None:
        require_place(save_config, option="save_config")
        if pathlib.Path(save_config).is_dir():
            raise click.UsageError(f"`save_config` {save_config}: is a folder; give a file")
        kept = pathlib.Path(config.out or "", RUN_FILE).is_file() and resume
        complete = Run.open(str(config.out)).config if kept else resolve(config)

    def keep_config() -> None:
        if complete is not None and save_config is not None:
            recipes.save_config(complete.replace(out=None), save_config)

    folds = folds if folds is not None or not resume else folds_in(config.out)
    cards: Any
    if folds is not None:
        cards = fit_folds(config, folds=folds, resume=resume, given=given, quiet=quiet, on_start=keep_config)
    else:
        cards = train(config, resume=resume, given=given, quiet=quiet, started=started, on_start=keep_config)
    if as_json:
        echo_json(cards)
