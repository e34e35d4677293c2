"""Choice of the engine of a run."""

import importlib.util
import os
import pathlib
import sys
from importlib import metadata

from cafct_keras.engines.converted import Converted, find_converted
from cafct_keras.engines.engine import ENGINES, PRECISIONS, Engine
from cafct_keras.engines.runtimes import RUNTIMES, Runtime
from cafct_keras.errors import UserError
from cafct_keras.runs.hub import resolve
from cafct_keras.runs.model_file import model_digest
from pipelines.errors import DataError
from pipelines.optional import MissingPackageError

ACCELERATORS = ("nvidia0", "nvidiactl", "dxg", "kfd", "accel0")  # device files


def load_engine(
    path: str | pathlib.Path,
    *,
    name: str = "auto",
    precision: str = "auto",
    batch_size: int = 8,
    shape: tuple[int, ...] | None = None,
) -> Engine:
    """Loads the network of a run into an engine.

    Other engines than Keras's compute on the CPU, with a copy of the network that is converted when it is first used
    and kept in the user's cache folder, along with how far its probabilities are from Keras's on this CPU. bfloat16 is
    chosen by itself only if the CPU computes it in hardware and the Dice on slices of the run's validation part, if
    these are still there, stays within 0.001 of that in float32.

    Args:
        path: run folder, `.keras` file or published model, see `load_model`.
        name: one of `ENGINES`; `"auto"` for Keras on an accelerator, and on a CPU for the fastest that is installed and
            agrees with Keras.
        precision: one of `PRECISIONS`, or `"auto"`.
        batch_size: images per call, at most.
        shape: `(H, W, channels)` of the images if it is known, so that the network is compiled at once, in a thread.

    Raises:
        UserError: a name is unknown or the precision is not available; there is no model; the engine that was asked for
            does not agree with Keras; or a model cannot be converted for it.
        MissingPackageError: the engine that was asked for is not installed.
    """
    for argument, value, known in (("engine", name, ENGINES), ("precision", precision, PRECISIONS)):
        if value not in ("auto", *known):
            raise UserError(f"`{argument}` {value}: unknown; give auto, {', '.join(known)}")
    path = resolve(path)
    reasons = []
    for runtime in RUNTIMES:
        if name != runtime.name and (name != "auto" or has_accelerator()):
            continue
        try:
            return _load(path, runtime, precision=precision, batch_size=batch_size, shape=shape)
        except (UserError, DataError, MissingPackageError, OSError) as error:
            if name != "auto":
                raise
            reasons.append(f"{runtime.title}: {error}")
    from cafct_keras.engines.keras_engine import KerasEngine

    if precision == "bfloat16":
        raise UserError(
            "`precision` bfloat16: "
            + "; ".join(reasons or ["Keras computes in the precision that the network was trained in; leave it out"])
        )
    engine = KerasEngine(path, batch_size=batch_size)
    engine.note = "; ".join([engine.note, *(f"not {reason}" for reason in reasons)])
    return engine


def has_accelerator() -> bool:
    """Whether Keras computes on a GPU or TPU. Keras is imported only if the system has one."""
    present = sys.platform == "darwin" or any(os.path.exists(f"/dev/{name}") for name in ACCELERATORS)
    if not present and "keras" not in sys.modules:
        return False
    from cafct_keras.runtime.devices import on_cpu

    return not on_cpu()


def _load(
    path: pathlib.Path, runtime: Runtime, *, precision: str, batch_size: int, shape: tuple[int, ...] | None
) -> Engine:
    if importlib.util.find_spec(runtime.package) is None:
        raise MissingPackageError(
            f'the package {runtime.package} is missing; run: pip install "cafct-keras[{runtime.name}]"'
        )
    possible = runtime.precisions()
    if precision not in ("auto", *possible):
        raise UserError(f"`precision` {precision}: not in {runtime.title} on this CPU; give {', '.join(possible)}")
    converted = find_converted(path, model_digest(path), runtime)
    if not converted.agrees("float32"):
        raise UserError(
            f"`engine` {runtime.name}: its probabilities are up to {converted.largest_difference:.1e} off those of "
            "Keras; use engine keras"
        )
    chosen = precision
    if precision == "auto":
        chosen = "bfloat16" if "bfloat16" in possible and converted.agrees("bfloat16") else "float32"
    engine = runtime.engine(converted.file, precision=chosen, batch_size=batch_size, shape=shape)
    engine.note = _note(runtime, converted, chosen, possible)
    return engine


def _note(runtime: Runtime, converted: Converted, precision: str, possible: tuple[str, ...]) -> str:
    note = f"engine: {runtime.title} {metadata.version(runtime.package)} in {precision}"
    if len(possible) > 1:
        if not converted.dice:
            return f"{note}; bfloat16 could not be compared with it on slices of the run, since its data are not there"
        dice = [f"{name} " + ", ".join(f"{each:.4f}" for each in converted.dice[name]) for name in possible]
        return f"{note}; Dice on {converted.slices} slices of the run's data: {'; '.join(dice)}"
    return f"{note}; probabilities within {converted.largest_difference:.1e} of Keras's"
