"""Command groups that import a command when it is used."""

import contextlib
import importlib
import math
import sys
from collections.abc import Sequence
from typing import Any

import click

from cafct_keras.cli.completion import complete_values
from cafct_keras.cli.sections import write_sections

STDOUT = f"{__name__}.stdout"  # key of a context's `meta`: the standard output where --json has redirected it


class CheckedCommand(click.Command):
    """Command that refuses what no option takes: empty texts, and numbers that are not finite.

    An empty text is a forgotten variable of a script, and would be read as the present folder.

    With `--json`, whatever a command prints goes to the standard error: the standard output is the document's alone.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        complete_values(self.params)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the options into the help text, section by section."""
        write_sections(self, ctx, formatter)

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command, if its values can be meant."""
        for parameter in self.params:
            value = ctx.params.get(str(parameter.name))
            for each in value if isinstance(value, tuple | list) else (value,):
                shown = max(parameter.opts, key=len) if isinstance(parameter, click.Option) else "an argument"
                if isinstance(each, str) and not each.strip():
                    raise click.UsageError(f"{shown}: is empty; give a value or leave it out")
                if isinstance(each, float) and not math.isfinite(each):
                    raise click.UsageError(f"{shown} {each}: give a finite number")
        if not ctx.params.get("as_json"):
            return super().invoke(ctx)
        ctx.meta[STDOUT] = sys.stdout
        with contextlib.redirect_stdout(sys.stderr):
            return super().invoke(ctx)


class LazyGroup(click.Group):
    """Group whose commands are functions named like their modules, each imported when it is used.

    Args:
        package: package of the modules.
        names: command names, in the order of the help text.
        **options: of `click.Group`.
    """

    def __init__(self, *, package: str, names: Sequence[str], **options: Any) -> None:
        super().__init__(**options)
        self.package = package
        self.names = names

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Command names, in the order of the help text."""
        return list(self.names)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of that name."""
        if name not in self.names:
            return None
        module = name.replace("-", "_")
        return getattr(importlib.import_module(f"{self.package}.{module}"), module)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that `args` begin with, or an error that names all there are."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            ctx.fail(f"No such command '{args[0]}'; choose {', '.join(self.names)}.")
        return super().resolve_command(ctx, args)
