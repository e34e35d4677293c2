"""Options that several commands share."""

import contextlib
import json

import click
from click.core import ParameterSource


def model_options_of(ctx, parameter, values):
    """Texts `NAME=VALUE` to a dictionary; a value is JSON where it can be read so, else text."""
    options = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.BadParameter(f"{text}: give NAME=VALUE")
        with contextlib.suppress(ValueError):
            value = json.loads(value)
        options[name] = value
    return options


# Of every run, whichever network it trains.
RECIPE = (
    click.option(
        "--data", default="phantom", show_default=True, help="phantom, or a folder (./phantom) in any layout."
    ),
    click.option("--layout", help="Of the folder, such as nifti or dicom.  [default: found by looking]"),
    click.option("--patient-pattern", help="Regular expression; its first group is the patient in a slice's name."),
    click.option(
        "--window", type=(float, float), help="HU shown, for data in HU.  [default: -200 250; phantom: -20 180]"
    ),
    click.option("--preset", help="Size of the network: tiny, small, base or large.  [default: base; phantom: tiny]"),
    click.option(
        "--model-option",
        "model_options",
        multiple=True,
        callback=model_options_of,
        metavar="NAME=VALUE",
        help="Argument of the network's builder, such as fusion=concat; may be repeated.",
    ),
    click.option("--size", type=int, help="Height and width in pixels.  [default: 256; phantom: 128]"),
    click.option("--context", type=int, default=0, show_default=True, help="Neighbours on either side (2.5-D)."),
    click.option("--cache", default="ram", show_default=True, help="Where slices are kept: ram, or none for a file."),
    click.option("--foreground-fraction", type=float, help="Share of slices with the target.  [default: as they come]"),
    click.option(
        "--recipe",
        default="paper",
        show_default=True,
        help="paper: every network alike; own: as its authors trained it.",
    ),
    click.option("--epochs", type=int, help="Passes over the training slices.  [default: 100; phantom: 18]"),
    click.option("--batch-size", type=int, help="Slices a step.  [default: 8; phantom: 4]"),
    click.option("--optimizer", help="sgd, nesterov, adam, adamw or optax:NAME.  [default: sgd; phantom: adamw]"),
    click.option("--learning-rate", type=float, help="Its peak.  [default: 1e-3; phantom: 3e-3]"),
    click.option("--momentum", type=float, help="Of SGD.  [default: 0.9]"),
    click.option("--weight-decay", type=float, help="Of SGD and AdamW, decoupled.  [default: 1e-4]"),
    click.option(
        "--clip-norm", type=float, help="Length that longer gradients are cut to.  [default: any; phantom: 1]"
    ),
    click.option("--schedule", help="cosine, poly or constant.  [default: cosine]"),
    click.option("--warmup-epochs", type=float, help="Epochs of linear rise first.  [default: 0; phantom: 1]"),
    click.option("--bce-weight", type=float, help="Of cross-entropy in the loss.  [default: 1]"),
    click.option("--dice-weight", type=float, help="Of Dice in the loss.  [default: 1]"),
    click.option("--flip", is_flag=True, help="Augmentation: mirror either axis, and with it the patient's sides."),
    click.option("--quarter-turns", is_flag=True, help="Augmentation: turn by 90, 180 or 270 degrees."),
    click.option("--rotation", type=float, default=0.0, help="Augmentation: turn by up to so many degrees."),
    click.option("--scale", type=float, default=0.0, help="Augmentation: magnify by up to this share."),
    click.option("--shift", type=float, default=0.0, help="Augmentation: move by up to this share of the side."),
    click.option("--brightness", type=float, default=0.0, help="Augmentation: add up to this share of the grey range."),
    click.option("--contrast", type=float, default=0.0, help="Augmentation: stretch grey by up to this share."),
    click.option("--noise", type=float, default=0.0, help="Augmentation: noise of up to this share of the grey range."),
    click.option(
        "--prior", type=float, help="Foreground share an untrained network predicts.  [default: 0.01; liver: 0.5]"
    ),
    click.option("--precision", default="float32", show_default=True, help="float32, mixed_bfloat16 or mixed_float16."),
)


def recipe_options(command):
    """Adds the options that describe how a network is trained."""
    for option in reversed(RECIPE):
        command = option(command)
    return command


def chosen_options(options):
    """Gathers the augmentation among the options; returns those that the user gave, too."""
    import dataclasses

    from pipelines.loading.augmentation import Augmentation

    source = click.get_current_context().get_parameter_source
    given = {name for name in options if source(name) is not ParameterSource.DEFAULT}
    chosen = {field.name: options.pop(field.name) for field in dataclasses.fields(Augmentation)}
    # Nothing chosen is left to the recipe.
    augmentation = Augmentation(**chosen) if any(chosen.values()) else None
    given = (given - set(chosen)) | ({"augmentation"} if augmentation else set())
    return {**options, "augmentation": augmentation}, given
