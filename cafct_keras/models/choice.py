"""Checks of the network that a user chose, before it is built."""

from cafct_keras.errors import UserError
from cafct_keras.models.registry import list_models, list_presets, needs_context


def check_network(model: str, *, preset: str | None = None, context: int | None = None) -> None:
    """Checks the name of a network, its preset and its context.

    Args:
        model: name of the network.
        preset: its size; None for its default.
        context: neighbouring slices on either side; None to leave them unchecked.

    Raises:
        UserError: the network or preset is unknown, or the network needs neighbouring slices.
    """
    if model not in (known := list_models()):
        raise UserError(f"`model` {model}: unknown; choose {', '.join(known)}")
    if preset is not None and preset not in (known := list_presets(model)):
        raise UserError(f"`preset` {preset}: unknown; choose {', '.join(known)} for {model}")
    if context == 0 and needs_context(model):
        raise UserError(f"`model` {model}: needs neighbouring slices; use `context` 3 for seven slices")
