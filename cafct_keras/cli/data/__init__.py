"""`cafct-keras data`: commands that work on a data folder."""

import click

from cafct_keras.cli.lazy import LazyGroup


@click.group(cls=LazyGroup, package=__name__, names=("verify", "describe", "prepare", "phantom"))
def data() -> None:
    """Validate, inspect, convert or synthesize a data folder."""
