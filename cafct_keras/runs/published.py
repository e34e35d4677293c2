"""Published models: folders, or zip files of them, with everything that others need to use a network.

They are written by `cafct_keras.publishing` and hold data only: `config.json` names a network of this project with its
arguments, and the weights are in safetensors files. Files that are read are compared with `SHA256SUMS` first; the model
card may be edited.
"""

import contextlib
import dataclasses
import functools
import hashlib
import json
import pathlib
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from cafct_keras.checksums import SUMS_FILE, parse_sums
from cafct_keras.errors import UserError
from cafct_keras.runs.card import check_card
from cafct_keras.runs.files import CONFIG_FILE, MODEL_FILE, RUN_FILE, WEIGHTS_FILES
from cafct_keras.weights.finite import first_non_finite
from pipelines.optional import optional
from pipelines.preprocessing import Preprocessing

# Incremented whenever an older version of this package would misread a new published folder.
PUBLISHED_FORMAT = 1
LARGEST_TEXT = 16 << 20  # bytes of `config.json` and `SHA256SUMS`
LARGEST_EXPANSION = 20  # of weights in a zip file, which hardly shrink
_KNOWN = (CONFIG_FILE, SUMS_FILE, *WEIGHTS_FILES.values())
_UNREADABLE = (OSError, ValueError, TypeError, KeyError, RuntimeError, RecursionError, zipfile.BadZipFile, zlib.error)


def open_published(path: pathlib.Path) -> "Published | None":
    """Opens a published model.

    Args:
        path: a folder, or a `.zip` file of one, with the folder's name before the names of its files or without.

    Returns:
        The model; None for a path of another kind, such as a run folder.

    Raises:
        UserError: it is damaged, was changed, or is in another format.
    """
    if path.is_dir():
        of_a_run = any((path / name).is_file() for name in (RUN_FILE, MODEL_FILE))
        return Published(path=path) if not of_a_run and (path / CONFIG_FILE).is_file() else None
    return Published(path=path) if path.suffix == ".zip" and path.is_file() else None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Published:
    """A published model, whose files are read as they are needed.

    Attributes:
        path: the folder or zip file.
        config: what `config.json` holds: name, network, arguments, preprocessing and run.

    Raises:
        UserError: see `open_published`, likewise from its methods.
    """

    path: pathlib.Path
    config: dict[str, Any] = dataclasses.field(init=False, repr=False)

    def __post_init__(self) -> None:
        with self._reading(CONFIG_FILE):
            config = json.loads(self._read(CONFIG_FILE))
            if config["format"] != PUBLISHED_FORMAT:
                raise UserError(
                    f"{self.path}: a published model of another version (format {config['format']!r:.20}, this version "
                    f"reads {PUBLISHED_FORMAT}); update cafct-keras"
                )
            kinds = {"name": str, "network": str, "arguments": dict, "preprocessing": dict, "run": dict}
            if wrong := [name for name, kind in kinds.items() if not isinstance(config.get(name), kind)]:
                raise ValueError(f"it does not state its {wrong[0]}")
        object.__setattr__(self, "config", config)

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.config["name"]

    @functools.cached_property
    def preprocessing(self) -> Preprocessing:
        """How its network sees slices."""
        with self._reading(CONFIG_FILE):
            return Preprocessing.from_dict(self.config["preprocessing"])

    @functools.cached_property
    def card(self) -> dict[str, Any]:
        """The card of its run, see `read_run`."""
        return {**check_card(self.config["run"], self.path), "preprocessing": self.preprocessing.to_dict()}

    @property
    def digest(self) -> str:
        """SHA-256 of its weights as they were published, in hex."""
        with self._reading(SUMS_FILE):
            return self._sums[self._best_weights]

    @property
    def sums_digest(self) -> str:
        """SHA-256 of its `SHA256SUMS`, in hex, which stands for all of its files."""
        with self._reading(SUMS_FILE):
            return hashlib.sha256(self._bytes(SUMS_FILE)).hexdigest()

    def weights(self, precision: str | None = None) -> dict[str, np.ndarray]:
        """Path of each variable to its value, float32.

        Args:
            precision: of the file, a key of `WEIGHTS_FILES`; None for the best that is there.
        """
        with optional(f"{self.path}: reading its weights", extra="weights"):
            import safetensors.numpy

        name = WEIGHTS_FILES[precision] if precision else self._best_weights
        with self._reading(name):
            try:
                arrays = safetensors.numpy.load(self._read(name))
            except safetensors.SafetensorError as error:
                raise ValueError(error) from error
            if bad := first_non_finite(arrays):
                raise ValueError(f"its {bad} holds NaN or infinite values")
            return {path: value.astype(np.float32) for path, value in arrays.items()}

    @functools.cached_property
    def _best_weights(self) -> str:
        for name in WEIGHTS_FILES.values():
            if name in self._members:
                return name
        raise UserError(f"{self.path}: no weights here; add {' or '.join(WEIGHTS_FILES.values())}")

    @functools.cached_property
    def _sums(self) -> dict[str, str]:
        with self._reading(SUMS_FILE):
            return parse_sums(self._bytes(SUMS_FILE).decode())

    @functools.cached_property
    def _members(self) -> dict[str, pathlib.Path | zipfile.ZipInfo]:
        """The files that may be read, by name."""
        if self.path.is_dir():
            return {name: self.path / name for name in _KNOWN if (self.path / name).is_file()}
        with self._reading("list of members"), zipfile.ZipFile(self.path) as archive:
            paths = [(pathlib.PurePosixPath(each.filename), each) for each in archive.infolist()]
        # Beside each file, macOS adds another of the same name.
        known = [(path, each) for path, each in paths if path.name in _KNOWN and path.parts[0] != "__MACOSX"]
        if len({path.parent for path, _ in known}) > 1 or len({path for path, _ in known}) < len(known):
            raise UserError(f"{self.path}: holds several models; give a zip file of one published folder")
        return {path.name: each for path, each in known}

    def _bytes(self, name: str) -> bytes:
        if name not in self._members:
            raise ValueError("it is missing")
        member, is_text = self._members[name], name not in WEIGHTS_FILES.values()
        size = member.stat().st_size if isinstance(member, pathlib.Path) else member.file_size
        if is_text and size > LARGEST_TEXT:
            raise ValueError(f"it has {size:,} bytes")
        if isinstance(member, pathlib.Path):
            return member.read_bytes()
        if not is_text and size > LARGEST_EXPANSION * member.compress_size:
            raise ValueError("it expands to many times its size")
        with zipfile.ZipFile(self.path) as archive:
            return archive.read(member)

    def _read(self, name: str) -> bytes:
        """Content of a file, the same as when it was published."""
        content = self._bytes(name)
        if hashlib.sha256(content).hexdigest() != self._sums.get(name):
            raise UserError(
                f"{self.path}: its {name} was changed since it was published (its SHA-256 is not in {SUMS_FILE}); "
                "download it again, or publish the run again"
            )
        return content

    @contextlib.contextmanager
    def _reading(self, name: str) -> Iterator[None]:
        try:
            yield
        except UserError:
            raise
        except _UNREADABLE as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise UserError(f"{self.path}: its {name} cannot be read ({reason}); download it again") from error
