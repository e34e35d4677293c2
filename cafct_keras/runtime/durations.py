"""Durations in words."""


def duration(seconds: float) -> str:
    """Formats seconds as `45 s`, `12.0 min` or `3.4 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
