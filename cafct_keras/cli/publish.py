"""`cafct-keras publish`."""

from typing import Any

import click

from cafct_keras.cli.lazy import CheckedCommand
from cafct_keras.cli.shared import echo_json, json_option, say


@click.command(cls=CheckedCommand, short_help="Write a folder for a model hub, with a model card.")
@click.argument("run")
@click.option("--out", required=True, metavar="DIR", help="Folder to create.")
@click.option(
    "--evaluation",
    "evaluations",
    multiple=True,
    metavar="FILE",
    help="Show these scores on the model card: evaluation.json of the run, or its folder; may be repeated.",
)
@click.option("--name", help="Name of the model.  [default: that of the run folder]")
@click.option("--license", metavar="ID", help="Licence of the weights, such as cc-by-sa-4.0.")
@click.option("--data-name", metavar="TEXT", help="Name of the training data.")
@click.option("--data-license", metavar="TEXT", help="Licence of the training data.")
@click.option("--data-url", metavar="URL", help="Where the training data come from.")
@click.option("--power", type=float, metavar="WATTS", help="Mean power while training, for its energy.")
@click.option(
    "--carbon-intensity", type=float, metavar="GRAMS", help="CO2-equivalent of a kWh of it, for its emissions."
)
@click.option("--list-patients", is_flag=True, help="Name the patients of each part, which makes them public.")
@click.option(
    "--precision", type=click.Choice(["float32", "float16"]), help="Write these weights only.  [default: both]"
)
@json_option("what was written")
def publish(
    run: str,
    out: str,
    evaluations: tuple[str, ...],
    list_patients: bool,
    precision: str | None,
    as_json: bool,
    **facts: Any,
) -> None:
    """Write a folder for a model hub: weights, preprocessing, model card. RUN is a run folder.

    predict, evaluate, fit --init and load_model take the folder, a zip file of it, or hf://OWNER/NAME. It holds no
    code.
    """
    from cafct_keras.publishing import Facts
    from cafct_keras.publishing import publish as write

    report = write(
        run, out=out, facts=Facts(**facts), evaluations=evaluations, list_patients=list_patients, precision=precision
    )
    for name, size in report["files"].items():
        say(f"{out}/{name}: {size:,} bytes")
    say(f"SHA-256 of its SHA256SUMS, for a registry: {report['sha256']}")
    halved = report["float16"]
    dice = [
        f"{precision} " + ", ".join(f"{target} {value:.4f}" for target, value in found.items())
        for precision, found in halved["dice"].items()
    ]
    on_slices = f"; Dice on {halved['slices']} {halved['part']} slices: {'; '.join(dice)}" if dice else ""
    say(f"float16: probabilities differ by at most {halved['largest_difference']:.1e}{on_slices}")
    if report["missing"]:
        options = ", ".join(f"--{name.replace('_', '-').removesuffix('s')}" for name in report["missing"])
        say(f"the model card lacks what these options say: {options}")
    if as_json:
        echo_json(report)
