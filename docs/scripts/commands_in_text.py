"""Commands in Markdown: whether what they name exists."""

import functools
import re
from collections.abc import Iterator

import click_reference
from links import FENCE, ROOT

CALL = re.compile(r"(?<![\w/-])cafct-keras +(.*)")
SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
OPTION = re.compile(r"(?<!\S)(--[a-z][a-z0-9-]*)(?![\w])")
END = re.compile(r" [|&;<>]| #|\)|'$")


@functools.cache
def commands() -> dict[str, set[str]]:
    """Every command, such as `"data verify"`, with the names of its options; `"*.py"` has those of benchmarks."""
    scripts = "".join(file.read_text(encoding="utf-8") for file in ROOT.glob("benchmarks/**/*.py"))
    return {**click_reference.commands(), "*.py": set(re.findall(r'"(--[a-z][a-z0-9-]*)"', scripts))}


def problems(markdown: str) -> Iterator[str]:
    """What is wrong with the commands and options that a page shows.

    Args:
        markdown: text of the page.
    """
    blocks = [re.sub(r"\\\n\s*", "", fence[0]) for fence in FENCE.finditer(markdown)]
    for line in "\n".join(blocks).splitlines():
        if call := CALL.search(line):
            yield from _problems_of_call(END.split(call[1])[0])
    for span in SPAN.findall(FENCE.sub("", markdown)):
        call = CALL.match(span)
        text = call[1] if call else span
        if call or text.split()[0] in commands():
            yield from _problems_of_call(text)
        elif (option := OPTION.match(text)) and not any(option[1] in options for options in commands().values()):
            yield f"`{text}`: no command has the option {option[1]}"


def _problems_of_call(text: str) -> Iterator[str]:
    words = text.split()
    name = next((name for count in (2, 1) if (name := " ".join(words[:count])) in commands()), "")
    groups = {"", *(command.rpartition(" ")[0] for command in commands())}
    rest = words[len(name.split()) :]
    if name in groups and rest and re.fullmatch(r"[a-z][a-z-]*", rest[0]):
        yield f"`cafct-keras {text}`: no such command"
        return
    for option in OPTION.findall(text):
        if option not in commands()[name]:
            yield f"`cafct-keras {text}`: {name or 'cafct-keras'} has no option {option}"
