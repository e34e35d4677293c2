"""Reference of the command line and of recipes, from Click's own help, without importing Keras."""

import functools
import html
import json
import os
import re
import subprocess
import sys
from typing import Any

# Printed by a process that passes for `cafct-keras`, since its package does without Keras then only.
DUMP = """
import dataclasses, json, sys, typing
sys.argv = ["cafct-keras"]
import click
from cafct_keras.cli import cli
from cafct_keras.cli.sections import OF_A_RUN, section_of
from cafct_keras.runs.config import OPTIONS
from pipelines.loading.augmentation import Augmentation

def described(command, context):
    options = [p for p in command.params if isinstance(p, click.Option) and not p.hidden and p.name != "help"]
    names = command.list_commands(context) if isinstance(command, click.Group) else []
    return {
        "path": context.command_path,
        "usage": " ".join(command.collect_usage_pieces(context)),
        "help": command.help or "",
        "options": [
            {
                "name": p.name,
                "names": [*p.opts, *p.secondary_opts],
                "section": section_of(p),
                "record": p.get_help_record(context),
            }
            for p in options
        ],
        "commands": [
            described(each, click.Context(each, parent=context, info_name=name))
            for name in names
            if not (each := command.get_command(context, name)).hidden
        ],
    }

def kind(hint):
    return str(hint if typing.get_args(hint) else getattr(hint, "__name__", hint)).removesuffix(" | None")

print(json.dumps({
    "sections": OF_A_RUN,
    "commands": described(cli, click.Context(cli, info_name="cafct-keras")),
    "recipe": [
        {"name": name, "group": p.group, "field": p.field, "type": kind(p.type), "choices": p.option.choices}
        for name, p in OPTIONS.items()
    ]
    + [
        {"name": f.name, "group": "augmentation", "field": f.name, "type": kind(f.type), "choices": ()}
        for f in dataclasses.fields(Augmentation)
    ],
}))
"""
TYPES = {
    "str": "text",
    "int": "integer",
    "float": "number",
    "bool": "`true` or `false`",
    "dict": "table",
    "tuple[float, float]": "two numbers",
    "tuple[str, ...]": "list of texts",
}


@functools.cache
def _dump() -> dict[str, Any]:
    # Set, so that what passes for cafct-keras does not restart itself with huge pages.
    environment = {**os.environ, "GLIBC_TUNABLES": "glibc.malloc.hugetlb=0"}
    done = subprocess.run([sys.executable, "-c", DUMP], stdout=subprocess.PIPE, check=True, text=True, env=environment)
    return json.loads(done.stdout)


@functools.cache
def commands() -> dict[str, set[str]]:
    """Every command, such as `"data verify"`, with the names of its options."""
    found: dict[str, set[str]] = {}

    def add(command: dict[str, Any]) -> None:
        path = command["path"].removeprefix("cafct-keras").strip()
        found[path] = {"--help", "-h", "--debug", *(name for each in command["options"] for name in each["names"])}
        for each in command["commands"]:
            add(each)

    add(_dump()["commands"])
    found[""].add("--version")
    return found


def command_line() -> str:
    """Markdown of all commands: a heading, the usage, the help text and the options of each."""
    return "\n".join(part for command in _dump()["commands"]["commands"] for part in _command(command))


def _command(command: dict[str, Any]) -> list[str]:
    name = command["path"].removeprefix("cafct-keras ")
    if command["commands"]:
        return [part for each in command["commands"] for part in _command(each)]
    anchor = name.replace(" ", "-")
    lines = [f"## {name} {{#{anchor}}}", "", "```", f"{command['path']} {command['usage']}", "```", ""]
    lines += [_text(paragraph) + "\n" for paragraph in re.split(r"\n\n+", command["help"].strip())]
    sections: dict[str | None, list[dict[str, Any]]] = {None: []}
    for option in command["options"]:
        sections.setdefault(option["section"], []).append(option)
    for title, options in sections.items():
        if title:
            lines += [f"### {title} {{#{anchor}-{re.sub(r'[^a-z]+', '-', title.lower())}}}", ""]
        lines += _options(options, anchor)
    return lines


def _options(options: list[dict[str, Any]], command: str) -> list[str]:
    lines = []
    for option in options:
        shown, text = option["record"]
        lines += [f"`{shown}`{{#{command}{option['names'][0]}}}", f":   {_text(text)}", ""]
    return lines


def _text(text: str) -> str:
    """A help text as Markdown, with options as code and what Click appends (defaults, ranges) in italics."""
    text, _, appended = text.partition("  [")
    parts = re.split(r"(?<![\w-])(--[a-z][\w-]*)", " ".join(text.split()))
    text = "".join(f"`{part}`" if index % 2 else _escaped(part) for index, part in enumerate(parts))
    return f"{text} *{_escaped('[' + ' '.join(appended.split()))}*" if appended else text


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_\[\]|#])", r"\\\1", html.escape(text, quote=False))


def recipe() -> str:
    """Markdown of the keys of a recipe: a table of them for each table of the TOML file."""
    fit = next(each for each in _dump()["commands"]["commands"] if each["path"].endswith(" fit"))
    options = {option["name"]: option for option in fit["options"]}
    lines = []
    for group, title in {"": "General", **_dump()["sections"]}.items():
        keys = [key for key in _dump()["recipe"] if key["group"] == group and key["name"] in options]
        if not keys:
            continue
        table = "data.augmentation" if group == "augmentation" else group
        heading = f"`[{table}]`: {title.lower()}" if table else "At the top of the file"
        lines += [f"### {heading} {{#{group or 'general'}}}", "", "| key | value | meaning |", "|---|---|---|"]
        for key in keys:
            option = options[key["name"]]
            value = ", ".join(f"`{choice}`" for choice in key["choices"]) or TYPES.get(key["type"], key["type"])
            link = f"command_line.md#fit{option['names'][0]}"
            lines.append(f"| [`{key['field']}`](../{link}) | {value} | {_text(option['record'][1])} |")
        lines.append("")
    return "\n".join(lines)
