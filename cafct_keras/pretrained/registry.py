"""Registry files, which list published models by name.

A registry file is TOML with a table per model:

    [liver-2027]
    model = "hf://OWNER/NAME@REVISION"    # or a published folder or zip file, relative to the registry file
    sha256 = "..."                        # of its SHA256SUMS, as `publish` prints it
    targets = ["liver"]
    license = "cc-by-sa-4.0"
    summary = "CAFCT-Net base, 111 patients of LiTS; liver Dice per case 0.96 on 20 test scans"
"""

import dataclasses
import os
import pathlib
import re
import tomllib

from cafct_keras.errors import UserError
from cafct_keras.runs.files import MODEL_CARD_FILE

DEFAULT_MODEL = "lits-mini"
"""Name of the model of `predict` and `segment` where none is given."""
REGISTRY_VARIABLE = "CAFCT_KERAS_REGISTRY"
"""Environment variable that names more registry files, separated as in `PATH`."""
_PACKAGED = pathlib.Path(__file__).with_name("models.toml")
_NAME = re.compile(r"[A-Za-z0-9][\w-]*")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
    """A published model in a registry file.

    Attributes:
        name: what it is called; letters, digits, `_` and `-`.
        model: where it is: a published folder or zip file, or `hf://OWNER/NAME@REVISION`.
        sha256: SHA-256 of its `SHA256SUMS`, in hex. A model with other files is not loaded.
        targets: what it segments, in order of its channels.
        license: licence of the weights, such as `"cc-by-sa-4.0"`.
        summary: network, training data and scores, in a line.
    """

    name: str
    model: str
    sha256: str
    targets: tuple[str, ...]
    license: str
    summary: str

    @property
    def card(self) -> str:
        """Where its model card is: a file, or an address on the Hugging Face Hub."""
        if self.model.startswith("hf://"):
            repository, _, revision = self.model.removeprefix("hf://").partition("@")
            return f"https://huggingface.co/{repository}/blob/{revision or 'main'}/{MODEL_CARD_FILE}"
        return str(pathlib.Path(self.model, MODEL_CARD_FILE))


def list_pretrained() -> dict[str, Entry]:
    """The published models that have a name.

    They are those that come with the package, and those of the registry files that the environment variable
    `CAFCT_KERAS_REGISTRY` names, separated as in `PATH`. `load_model`, `segment`, and commands that take a run take
    their names. Nothing is downloaded.

    Returns:
        Name to entry. Of two models of one name, that of the file named last counts.

    Raises:
        UserError: a registry file cannot be read, or an entry is incomplete.
    """
    files = [_PACKAGED, *map(pathlib.Path, filter(None, os.environ.get(REGISTRY_VARIABLE, "").split(os.pathsep)))]
    return {entry.name: entry for file in files for entry in _entries(file)}


def _entries(file: pathlib.Path) -> list[Entry]:
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{file}: not a registry of models ({error}); check {REGISTRY_VARIABLE}") from error
    return [_entry(file, name, table) for name, table in tables.items()]


def _entry(file: pathlib.Path, name: str, table: object) -> Entry:
    fields = {field.name for field in dataclasses.fields(Entry)} - {"name"}
    where = f"{file}: [{name}]"
    if not _NAME.fullmatch(name):
        raise UserError(f"{where}: not a name of a model; use letters, digits, _ and -")
    if not isinstance(table, dict) or set(table) != fields:
        raise UserError(f"{where}: state {', '.join(sorted(fields))}, and nothing else")
    targets = table["targets"]
    strings = [table[field] for field in fields - {"targets"}]
    if not isinstance(targets, list) or not targets or not all(isinstance(each, str) for each in [*strings, *targets]):
        raise UserError(f"{where}: `targets` is a list of names, and all else is text")
    if not _DIGEST.fullmatch(table["sha256"]):
        raise UserError(f"{where}: `sha256` has 64 hexadecimal digits; give that of the model's SHA256SUMS")
    model = table["model"] if table["model"].startswith("hf://") else str(file.parent / table["model"])
    return Entry(name=name, **{**table, "model": model, "targets": tuple(targets)})
