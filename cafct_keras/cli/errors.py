"""Error messages of the library in terms of the command line."""

import re

import click


def as_options(message: str, command: click.Command) -> str:
    """Replaces the arguments that a library message names in backticks by command-line options.

    Example:
        >>> as_options("`model_options` 3: give NAME=VALUE", cli)
        '--model-option 3: give NAME=VALUE'
        >>> as_options("trained with `validation` off", cli)
        'trained with --no-validation'

    Args:
        message: the library's message.
        command: the command whose options, and those of its subcommands, are known. A name that is none of theirs
            only loses its backticks.
    """
    options = _options(command)

    def option(match: re.Match[str]) -> str:
        name, off = match[1], match[2] or ""
        return options.get(name + off) or options.get(name, name) + off

    return re.sub(r"`(\w+)`( off\b)?", option, message)


def _options(command: click.Command) -> dict[str, str]:
    """Maps each parameter of a command and its subcommands to its option, and `NAME off` to the option against it."""
    named: dict[str, str] = {}
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            if subcommand := command.get_command(context, name):
                named |= _options(subcommand)
    for each in command.params:
        if isinstance(each, click.Option):
            named[str(each.name)] = max(each.opts, key=len)
            if each.secondary_opts:
                named[f"{each.name} off"] = max(each.secondary_opts, key=len)
    return named
