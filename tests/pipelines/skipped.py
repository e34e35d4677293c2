"""What a line about files that are not read says."""

import re


def skipped(notes):
    """What is skipped to the number of files, from the line among `notes` that says so."""
    plain = [note.removeprefix("warning: ") for note in notes]
    lines = [note for note in plain if note.startswith("not read: ")]
    assert len(lines) <= 1
    return {
        what: int(count) for line in lines for what, count in re.findall(r"(?:^not read: |; )([^(]+) \((\d+): ", line)
    }
