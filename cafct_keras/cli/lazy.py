"""Groups of commands that are imported when asked for."""

import importlib

import click


class LazyGroup(click.Group):
    """Command group that imports a command, the function of its module's name, when it is asked for.

    Args:
        package: package of the commands' modules.
        names: command names, in the order of the help text.
        aliases: former name to present name; left out of the help text.
        **options: of `click.Group`.
    """

    def __init__(self, *, package, names, aliases=None, **options):
        super().__init__(**options)
        self.package = package
        self.names = names
        self.aliases = aliases or {}

    def list_commands(self, ctx):
        """Command names in the order given."""
        return list(self.names)

    def get_command(self, ctx, name):
        """The command of that name or former name, or None."""
        name = self.aliases.get(name, name)
        if name not in self.names:
            return None
        module = name.replace("-", "_")
        return getattr(importlib.import_module(f"{self.package}.{module}"), module)
