"""`cafct-keras data`: commands on a data folder besides training."""

import click

from cafct_keras.cli.lazy import LazyGroup


@click.group(cls=LazyGroup, package=__name__, names=("verify", "describe", "prepare", "phantom"))
def data():
    """Inspect, validate, convert or synthesize a data folder."""
