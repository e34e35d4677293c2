"""Damage to files."""

import contextlib
import dataclasses
import json
import math
import zipfile

from hypothesis import strategies as st

INTEGERS = (0xFF, 0x7F, 0x80, 0x00)


@dataclasses.dataclass(frozen=True)
class Damage:
    """Flipped bits, a cut end, and the like; `at` and `length` are fractions, so that one fits every file."""

    kind: str
    at: float
    length: float
    byte: int

    def __call__(self, content):
        at = min(int(self.at * len(content)), max(len(content) - 1, 0))
        end = min(at + 1 + int(self.length * 64), len(content))
        if self.kind == "flip":
            return content[:at] + bytes([content[at] ^ (self.byte or 1)]) + content[at + 1 :] if content else b"\0"
        if self.kind == "cut":
            return content[:at]
        if self.kind == "fill":
            return content[:at] + bytes([INTEGERS[self.byte % 4]]) * (end - at) + content[end:]
        if self.kind == "remove":
            return content[:at] + content[end:]
        if self.kind == "repeat":
            return content[:end] + content[at:]
        return content[:at] + bytes([self.byte]) * (1 + int(self.length * 64)) + content[at:]


# Half of it near the beginning, where headers are.
_places = st.one_of(st.floats(0, 1, exclude_max=True), st.floats(0, 0.05))
damages = st.builds(
    Damage,
    kind=st.sampled_from(("flip", "flip", "cut", "fill", "remove", "repeat", "insert")),
    at=_places,
    length=st.floats(0, 1),
    byte=st.integers(0, 255),
)
scalars = st.sampled_from(
    (None, True, -1, 0, 1, 3, 1e308, -1e308, math.nan, math.inf, 2**31, 2**63, 10**30, "", "x", "\x1b[2J", [], {}, [[]])
)


@contextlib.contextmanager
def replaced(path, content):
    """The file with other content; without it, if that is None."""
    before = path.read_bytes()
    try:
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content)
        yield
    finally:
        path.write_bytes(before)


def other_value(content, steps, value):
    """JSON text with one value replaced: `steps`, fractions, choose a member at each level.

    Deep in, or a whole branch where `steps` end early.
    """
    document = json.loads(content)
    place = document
    for index, step in enumerate(steps):
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            break
        key = keys[int(step * len(keys))]
        if index == len(steps) - 1 or not isinstance(place[key], dict | list) or not place[key]:
            if isinstance(place, dict) and value == "x":
                place["unknown"] = place.pop(key)
            else:
                place[key] = value
            break
        place = place[key]
    return json.dumps(document).encode()


def other_member(path, name, change):
    """A zip file, such as a `.keras` file, with a member changed and all checksums right."""
    import io

    written = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(written, "w") as new:
        for member in old.namelist():
            content = old.read(member)
            new.writestr(member, change(content) if member == name else content)
    return written.getvalue()
