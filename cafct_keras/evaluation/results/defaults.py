"""Fields that a document may lack, such as those that were added to its format later."""

import dataclasses
from typing import Any


def field_defaults(kind: type) -> dict[str, Any]:
    """Fields of a dataclass with a default, and the values that they have where a document lacks them."""
    defaults = {}
    for field in dataclasses.fields(kind) if dataclasses.is_dataclass(kind) else ():
        if field.default is not dataclasses.MISSING:
            defaults[field.name] = field.default
        elif field.default_factory is not dataclasses.MISSING:
            defaults[field.name] = field.default_factory()
    return defaults
