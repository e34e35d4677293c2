"""Converted networks and how they compare with Keras, kept in the user's cache folder."""

import concurrent.futures
import dataclasses
import hashlib
import json
import os
import pathlib
import platform
import shutil
import sys
import time
from importlib import metadata
from typing import Any

import numpy as np

from cafct_keras.engines.engine import Engine
from cafct_keras.engines.runtimes import Runtime
from cafct_keras.runs.lock import lock
from cafct_keras.runtime.console import make_console
from pipelines.atomic import atomic_directory, atomic_write_text
from pipelines.temporary import temporary_directory

CHECKS_FILE = "checks.json"
UNUSED_DAYS = 90  # after which a converted network is removed
# Of probabilities, see `cafct_keras.export`.
TOLERANCE = 1e-4
DICE_TOLERANCE = 1e-3
BATCH = 8


@dataclasses.dataclass(frozen=True, kw_only=True)
class Converted:
    """A converted network.

    Attributes:
        file: the network, for its runtime.
        largest_difference: of its float32 probabilities from those of Keras, absolute.
        slices: of the run's validation part that precisions were compared on; 0 if there are none.
        dice: precision to the Dice of each target that they show.
    """

    file: pathlib.Path
    largest_difference: float
    slices: int
    dice: dict[str, list[float]]

    def agrees(self, precision: str) -> bool:
        """Whether a precision may be used where the user did not ask for it."""
        if self.largest_difference > TOLERANCE or precision == "float32":
            return self.largest_difference <= TOLERANCE
        if precision not in self.dice:
            return False
        return bool(np.max(np.abs(np.subtract(self.dice[precision], self.dice["float32"]))) <= DICE_TOLERANCE)


def find_converted(path: pathlib.Path, digest: str, runtime: Runtime) -> Converted:
    """Finds the converted network of a run in the user's cache folder, or converts and compares it first.

    Args:
        path: run folder or `.keras` file.
        digest: of the network's file.
        runtime: that is to compute it, installed.

    Raises:
        UserError: it cannot be converted.
        MissingPackageError: a package for the conversion is not installed.
    """
    import platformdirs

    root = platformdirs.user_cache_path("cafct-keras") / "engines"
    folder = root / f"{runtime.name}-{_key(digest, runtime)}"
    root.mkdir(parents=True, exist_ok=True)
    if not (folder / CHECKS_FILE).is_file():
        with lock(root, wait=True):  # of a process that converts the same one
            if not (folder / CHECKS_FILE).is_file():
                _remove_unused(root)
                make_console(sys.stderr).print(
                    f"{path.name}: converting it for {runtime.title}, once; this takes a minute"
                )
                with atomic_directory(folder, replace=True) as temporary:
                    checks = _convert(path, temporary / runtime.file, runtime)
                    atomic_write_text(temporary / CHECKS_FILE, json.dumps(checks, indent=1) + "\n")
    os.utime(folder)
    checks = json.loads((folder / CHECKS_FILE).read_text(encoding="utf-8"))
    return Converted(file=folder / runtime.file, **checks)


def _key(digest: str, runtime: Runtime) -> str:
    """Names what the converted network and its comparison depend on."""
    versions = [metadata.version(package) for package in ("cafct-keras", "keras", runtime.package)]
    stated = json.dumps([digest, *versions, platform.machine(), _cpu()])
    return hashlib.sha256(stated.encode()).hexdigest()[:24]


def _cpu() -> list[str]:
    """Family and abilities of the CPU, where Linux says so: the results of a runtime depend on them."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return [platform.processor()]
    return sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))})


def _remove_unused(root: pathlib.Path) -> None:
    for folder in root.iterdir():
        if folder.stat().st_mtime < time.time() - UNUSED_DAYS * 24 * 3600:
            shutil.rmtree(folder, ignore_errors=True)


def _convert(path: pathlib.Path, file: pathlib.Path, runtime: Runtime) -> dict[str, Any]:
    """Converts a network and compares it with Keras; both start a process, which take half as long side by side."""
    from cafct_keras.export.process import run_python  # imports Keras

    with temporary_directory(file.parent, file.name) as temporary, concurrent.futures.ThreadPoolExecutor() as threads:
        stored = temporary / "reference.npz"
        reference = threads.submit(
            run_python, "-m", "cafct_keras.engines.reference", str(path), str(stored), backend="tensorflow"
        )
        runtime.convert(path, file)
        reference.result()
        with np.load(stored) as arrays:
            return _compare(file, runtime, dict(arrays))


def _compare(file: pathlib.Path, runtime: Runtime, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    engines = {
        precision: runtime.engine(file, precision=precision, batch_size=BATCH) for precision in runtime.precisions()
    }
    difference = np.abs(_predict(engines["float32"], arrays["images"]) - arrays["probability"])
    dice = {}
    # Of empty masks, it would say nothing.
    shown = arrays["masks"].any((0, 1, 2)) if "validation" in arrays else np.zeros(1, bool)
    if shown.any() and len(engines) > 1:
        dice = {
            precision: pooled_dice(_predict(engine, arrays["validation"])[..., shown], arrays["masks"][..., shown])
            for precision, engine in engines.items()
        }
    return {
        # NaN must not pass for agreement.
        "largest_difference": float(np.nan_to_num(difference, nan=np.inf).max()),
        "slices": len(arrays["masks"]) if dice else 0,
        "dice": dice,
    }


def _predict(engine: Engine, images: np.ndarray) -> np.ndarray:
    return np.concatenate([engine(images[start : start + BATCH]) for start in range(0, len(images), BATCH)])


def pooled_dice(probability: np.ndarray, masks: np.ndarray) -> list[float]:
    """Dice of each target over all slices, at a threshold of 0.5.

    Args:
        probability: `(B, H, W, targets)`.
        masks: bool, of the same shape.
    """
    found = probability > 0.5
    both, sizes = ((found & masks).sum((0, 1, 2)), found.sum((0, 1, 2)) + masks.sum((0, 1, 2)))
    return ((2 * both + 1e-9) / (sizes + 1e-9)).tolist()
