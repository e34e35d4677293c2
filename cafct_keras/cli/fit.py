"""`cafct-keras fit`."""

import json

import click

from cafct_keras.cli.options import chosen_options, recipe_options


@click.command()
@recipe_options
@click.option("--target", default="lesion", show_default=True, help="lesion, liver or both.")
@click.option("--model", default="cafct_net", show_default=True, help="The network.")
@click.option(
    "--validation/--no-validation",
    default=True,
    help="Choose the best epoch by validation slices, or train on them, too, and keep the last.  [default: choose]",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of everything random.")
@click.option("--out", metavar="DIR", help="Run folder to make.  [default: runs/DATA-TARGET-N]")
@click.option("--resume", is_flag=True, help="Go on with the run in --out, by its own options; begin it if it is new.")
@click.option("--checkpoint-every", default="5m", show_default=True, help="Steps, or a time such as 90s, 30m, 2h.")
@click.option("--time-limit", metavar="TIME", help="Stop after 90s, 30m or 2h as at a signal, to be resumed.")
@click.option("--deterministic", is_flag=True, help="The same bits in every run on GPUs too, at some cost of speed.")
@click.option("--devices", type=int, default=1, show_default=True, help="Share every batch, in every process.")
@click.option("--coordinator", metavar="HOST:PORT", help="Of several processes: where the first one listens.")
@click.option("--processes", type=int, help="Of several processes: how many.  [default: by SLURM, Open MPI]")
@click.option("--process-id", type=int, help="Of several processes: which one, from 0.  [default: by SLURM, Open MPI]")
@click.option("--quiet", is_flag=True, help="Plain lines instead of a bar.")
@click.option("--json", "as_json", is_flag=True, help="The run card as JSON on the last line.")
@click.option("--init", metavar="RUN", help="Begin with the weights of this run.")
@click.option(
    "--weights",
    multiple=True,
    metavar="FILE",
    help="Begin with encoders from this file (see import-weights), images normalised as for ImageNet; may be repeated.",
)
@click.pass_obj
def fit(started, resume, quiet, as_json, **options):
    """Train a network. Without options: the built-in phantom, a few minutes on a CPU.

    At SIGTERM, Ctrl-C or the time limit a run finishes its step, writes a checkpoint and exits with code 75; --resume
    goes on from there, or from the last checkpoint of a run that was killed, and gives the same bits as if nothing had
    happened.
    """
    from cafct_keras.training import FitOptions
    from cafct_keras.training import fit as train

    options, given = chosen_options(options)
    card = train(FitOptions(**options), resume=resume, given=given, quiet=quiet, started=started)
    if as_json:
        click.echo(json.dumps(card))
