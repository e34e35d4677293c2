"""Error messages of the library in terms of the command line."""

import re

import click


def as_options(message: str, command: click.Command) -> str:
    """Replaces the arguments that a library message names in backticks by command-line options.

    Example:
        >>> as_options("`model_options` 3: give NAME=VALUE", cli)
        '--model-option 3: give NAME=VALUE'

    Args:
        message: the library's message.
        command: the command whose options, and those of its subcommands, are known. A name that is none of theirs
            only loses its backticks.
    """
    options = _options(command)
    return re.sub(r"`(\w+)`", lambda name: options.get(name[1], name[1]), message)


def _options(command: click.Command) -> dict[str, str]:
    """Maps each parameter of a command and its subcommands to its option."""
    named: dict[str, str] = {}
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            if subcommand := command.get_command(context, name):
                named |= _options(subcommand)
    return named | {
        str(each.name): max(each.opts, key=len) for each in command.params if isinstance(each, click.Option)
    }
