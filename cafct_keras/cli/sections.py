"""Help texts with their options in sections."""

from typing import Any

import click

OF_A_RUN = {
    "data": "Data",
    "augmentation": "Augmentation",
    "model": "Network",
    "optimizer": "Optimizer",
    "loss": "Loss",
    "selection": "Selection of the best epoch",
    "session": "Session",
}
"""Sections of the options of a training run, by the group of its configuration."""


class SectionOption(click.Option):
    """Option that belongs to a section of the help text.

    Args:
        *declarations: of `click.Option`.
        section: title of the section; None for the options of the command itself.
        **attributes: of `click.Option`.
    """

    def __init__(self, *declarations: Any, section: str | None = None, **attributes: Any) -> None:
        super().__init__(*declarations, **attributes)
        self.section = section


def section_of(parameter: click.Parameter) -> str | None:
    """Title of the section of a parameter; None for those of the command itself."""
    return getattr(parameter, "section", None)


def write_sections(command: click.Command, ctx: click.Context, formatter: click.HelpFormatter) -> None:
    """Writes the options of a command, its own first, as `click.Command.format_options` does in one list."""
    sections: dict[str | None, list[tuple[str, str]]] = {None: []}
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record is not None:
            sections.setdefault(section_of(parameter), []).append(record)
    for title, records in sections.items():
        with formatter.section(title or "Options"):
            formatter.write_dl(records)
