"""The part of a run card that is published: nothing that tells who trained it where, or names a patient."""

import pathlib
from collections.abc import Mapping
from typing import Any

from cafct_keras.runs.files import MODEL_FILE

# Others, such as the command, are not published.
_FIELDS = (
    *("format", "status", "config", "schedule_epochs", "parameters", "network", "data", "backend", "devices"),
    *("versions", "initial_weights", "seconds", "best_epoch", "validation", "test", "choice"),
)
# They differ between cards of the same network.
_OF_EVERY_START = ("choice", "seconds", "status", "versions", "backend", "devices")


def public_card(card: Mapping[str, Any], *, list_patients: bool = False) -> dict[str, Any]:
    """What of a run card is published.

    Args:
        card: see `read_run`.
        list_patients: whether to name the patients of each part of the split.

    Returns:
        A card that `Run` reads. Paths are reduced to their last part, and how the run was started is left out.
    """
    public = {name: card[name] for name in _FIELDS if name in card}
    config = {name: group for name, group in card["config"].items() if name not in ("out", "session")}
    data = {name: value for name, value in card["data"].items() if name != "notes"}  # they name files and patients
    data["split"] = {
        part: {**counts, "patients": counts["patients"] if list_patients else []}
        for part, counts in card["data"]["split"].items()
    }
    public |= {"config": _without_folders(config), "data": data}
    if "initial_weights" in card:
        given = [{name: value for name, value in each.items() if name != "notes"} for each in card["initial_weights"]]
        public["initial_weights"] = _without_folders(given)
    return public


def same_network(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two run cards are of the same network: of one run, trained as far."""
    one, other = (
        {name: value for name, value in public_card(card).items() if name not in _OF_EVERY_START}
        for card in (one, other)
    )
    return one == other


def _without_folders(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: each if name.endswith("pattern") else _without_folders(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_without_folders(each) for each in value]
    if not isinstance(value, str) or "/" not in value or value.startswith("hf://"):
        return value
    path = pathlib.PurePath(value)
    return path.parent.name if path.name == MODEL_FILE else path.name
