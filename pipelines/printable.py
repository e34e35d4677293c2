"""Text that consoles, pages and tables can show, whatever the names in it hold."""

import re
from typing import Any, TypeVar

Value = TypeVar("Value")

# Control characters, which move a terminal's cursor or rename its window; separators that end a line; marks that turn
# the direction of writing, and so disguise a name; and surrogates: bytes of a name that are not UTF-8.
_UNSHOWN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_BREAKS = re.compile("[\t\n]")
_FORMULA = ("=", "+", "-", "@", "\N{FULLWIDTH EQUALS SIGN}", "\N{FULLWIDTH PLUS SIGN}", "\N{FULLWIDTH COMMERCIAL AT}")
_SHORT = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


def printable(value: Value) -> Value:
    r"""Replaces what cannot be shown by its escape, such as `\x1b`; lines and tabs stay.

    Example:
        >>> printable("liver\x1b[2J\udce9")
        'liver\\x1b[2J\\udce9'

    Args:
        value: text, of its class; or a list, tuple or dictionary, whose texts are replaced. Anything else stays as it
            is.
    """
    found: Any = value
    if isinstance(value, str):
        found = type(value)(_UNSHOWN.sub(_escape, value)) if _UNSHOWN.search(value) else value
    elif isinstance(value, dict):
        found = {printable(name): printable(each) for name, each in value.items()}
    elif isinstance(value, list):
        found = [printable(each) for each in value]
    elif isinstance(value, tuple):
        found = tuple(printable(each) for each in value)
    return found


def one_line(text: str) -> str:
    """`printable`, with line breaks and tabs escaped too: for a name within a line."""
    return _BREAKS.sub(_escape, printable(text))


def as_cell(text: str) -> str:
    """`one_line`, with an apostrophe before what a spreadsheet would take for a formula.

    See "CSV Injection" of the OWASP.
    """
    text = one_line(text) if _UNSHOWN.search(text) or _BREAKS.search(text) else text
    return f"'{text}" if text.startswith(_FORMULA) else text


def from_cell(text: str) -> str:
    """The text of a cell, without the apostrophe of `as_cell`."""
    return text[1:] if text[:1] == "'" and text[1:].startswith(_FORMULA) else text


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    code = ord(character)
    return _SHORT.get(character) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")
