"""`cafct-keras models`."""

import dataclasses

import click

from cafct_keras.cli.lazy import CheckedCommand
from cafct_keras.cli.shared import echo_json, json_option, say


@click.command(cls=CheckedCommand)
@json_option("The entries of the registry")
def models(as_json: bool) -> None:
    """List published models by name.

    A name is taken wherever a run is, and predict takes the first one by default. CAFCT_KERAS_REGISTRY names files
    that list more models.
    """
    from cafct_keras.pretrained import list_pretrained

    entries = list_pretrained().values()
    for entry in entries:
        say(f"{entry.name} ({', '.join(entry.targets)}; {entry.license}): {entry.summary}")
        say(f"    model card: {entry.card}")
    if as_json:
        echo_json([dataclasses.asdict(entry) for entry in entries])
