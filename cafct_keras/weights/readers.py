"""Checkpoints that PyTorch projects publish, as NumPy arrays by name."""

import hashlib
import pathlib
import pickle
import warnings

import numpy as np

from cafct_keras.errors import UserError

# Where training programs put a network's state, beside that of their optimiser.
CONTAINERS = ("state_dict", "model", "model_state_dict")
PARALLEL_PREFIX = "module."
# Batches that a normalisation has seen: bookkeeping, no weight.
COUNTER = "num_batches_tracked"


def read_state(file):
    """Reads the tensors of a checkpoint.

    Args:
        file: `.safetensors`, read without PyTorch; or `.pth`, `.pt` or `.bin`, read by PyTorch, which is told to run no
            code that is in it.

    Returns:
        Name to float32 array, in PyTorch's layout. The state is taken out of what training programs wrap it in (a
        dictionary's `"state_dict"` or `"model"`, the prefix `"module."`); counters of batches are left out.

    Raises:
        UserError: where the file is damaged, of another kind, holds code or no tensors, or PyTorch is missing.
    """
    file = pathlib.Path(file)
    if file.suffix not in READERS:
        raise UserError(f"{file}: unknown kind of weights; give {', '.join(READERS)} or .weights.h5")
    state = READERS[file.suffix](file)
    if state and all(name.startswith(PARALLEL_PREFIX) for name in state):
        state = {name.removeprefix(PARALLEL_PREFIX): value for name, value in state.items()}
    state = {name: value for name, value in state.items() if not name.endswith(COUNTER)}
    if not state:
        raise UserError(f"{file}: no tensors in it; give the file of a network's state_dict")
    return state


def sha256(file):
    """SHA-256 of a file's bytes, in hexadecimal."""
    with pathlib.Path(file).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _read_safetensors(file):
    import ml_dtypes  # noqa: F401 (with it NumPy knows bfloat16; Keras brings it along)
    import safetensors.numpy

    try:
        state = safetensors.numpy.load_file(file)
    except safetensors.SafetensorError as error:
        raise UserError(f"{file}: damaged, or no safetensors file ({error}); fetch it again") from error
    return {name: value.astype(np.float32) for name, value in state.items()}


def _read_torch(file):
    try:
        import torch
    except ImportError:
        raise UserError(
            f"{file}: needs PyTorch to be read; install it (extra: torch), or turn the file into .safetensors elsewhere"
        ) from None
    try:
        with warnings.catch_warnings(action="ignore"):  # about pickles in unusual forms, which are refused below
            content = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{file}: damaged, or it holds Python objects besides tensors, which are never loaded, for that could run "
            "any code; save the network's state_dict alone"
        ) from error
    except (RuntimeError, OSError, EOFError, ValueError) as error:
        raise UserError(f"{file}: damaged, or no PyTorch file; fetch it again") from error
    if not isinstance(content, dict):
        return {}
    for key in CONTAINERS:
        if isinstance(content.get(key), dict):
            content = content[key]
    return {name: value.float().numpy() for name, value in content.items() if isinstance(value, torch.Tensor)}


READERS = {".safetensors": _read_safetensors, ".pth": _read_torch, ".pt": _read_torch, ".bin": _read_torch}
