"""JSON documents of users."""

import json
from typing import Any


def parse_json(text: str | bytes) -> Any:
    """Parses JSON, however it was damaged.

    Raises:
        ValueError: it is not JSON, or is nested too deep.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
