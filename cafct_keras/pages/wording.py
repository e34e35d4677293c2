"""Formatting of values: true minus signs, grouped thousands, a dash for undefined values."""

from typing import TypeGuard

DASH = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"


def is_known(value: float | None) -> TypeGuard[float]:
    """Whether there is a value: not None, not NaN."""
    return value is not None and value == value


def fixed(value: float | None, digits: int = 3) -> str:
    """A value with a number of decimals."""
    return _minus(f"{value:,.{digits}f}") if is_known(value) else DASH


def short(value: float) -> str:
    """A value with up to four significant digits."""
    return _minus(f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}")


def interval(figure: dict, digits: int = 3) -> str:
    """The ends of an estimate's interval; empty if it has none."""
    if not (is_known(figure["low"]) and is_known(figure["high"])):
        return ""
    between = " to " if figure["low"] < 0 else DASH
    return fixed(figure["low"], digits) + between + fixed(figure["high"], digits)


def scaled(value: dict | float | None, scale: float) -> dict | float | None:
    """A value, or an estimate with its interval, in another unit."""
    if isinstance(value, dict):
        return value | {key: scaled(value[key], scale) for key in ("value", "low", "high", "predict_nothing")}
    return value * scale if is_known(value) else None


def counted(count: int, unit: str) -> str:
    """A number of units, such as "1 case", "2 batches", "3 epochs"."""
    plural = unit + ("es" if unit.endswith("tch") else "s")
    return f"{count:,} {unit if count == 1 else plural}"


def plain(value: object) -> str:
    """An option or a note as text; items of a list on lines of their own."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return "\n".join(map(plain, value)) or DASH
    if isinstance(value, dict):
        return "\n".join(f"{name} {plain(each)}" for name, each in value.items()) or DASH
    return DASH if value is None else str(value)


def probability(p: float | None) -> str:
    """A p-value."""
    return "< 0.001" if is_known(p) and p < 0.001 else fixed(p)


def _minus(text: str) -> str:
    negative = text.startswith("-") and text.strip("-0.,")
    return MINUS + text[1:] if negative else text.lstrip("-")
