"""Library messages in the words of the command line."""

import re

import click


def as_options(message, command):
    """Replaces the arguments that a library message names in backticks by the options of a command or its subcommands.

    >>> as_options("`model_options` 3: give NAME=VALUE", cli)
    '--model-option 3: give NAME=VALUE'
    """
    options = _options(command)
    return re.sub(r"`(\w+)`", lambda name: options.get(name[1], name[1]), message)


def _options(command):
    """Maps each parameter of a command, and of its subcommands, to its option."""
    named = {}
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            named |= _options(command.get_command(context, name))
    return named | {each.name: max(each.opts, key=len) for each in command.params if isinstance(each, click.Option)}
