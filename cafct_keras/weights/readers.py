"""Reading PyTorch checkpoints as NumPy arrays by name."""

import pathlib
import pickle
import warnings

import numpy as np

from cafct_keras.errors import UserError
from cafct_keras.typing import File
from cafct_keras.weights.finite import first_non_finite
from pipelines.optional import optional

# Keys under which training programs store the state of a network, beside that of the optimizer.
CONTAINERS = ("state_dict", "model", "model_state_dict")
PARALLEL_PREFIX = "module."
# Of safetensors, those that NumPy computes with.
DTYPES = ("BOOL", "U8", "I8", "I16", "U16", "I32", "U32", "I64", "U64", "F16", "BF16", "F32", "F64")
# Number of batches that a normalization has seen, which is not a weight.
COUNTER = "num_batches_tracked"


def read_state(file: File) -> dict[str, np.ndarray]:
    """Reads the tensors of a checkpoint.

    Args:
        file: `.safetensors`, read without PyTorch; or `.pth`, `.pt` or `.bin`, read by PyTorch without running code
            that the file contains.

    Returns:
        Name to float32 array, in PyTorch's layout. The state is taken out of the containers of training programs (a
        dictionary's `"state_dict"` or `"model"`, the prefix `"module."`); batch counters are left out.

    Raises:
        UserError: if the file is damaged, of another kind, or contains code, no tensors, or such as are not weights: of
            complex or packed numbers, NaN or infinite, or larger than the file; or if PyTorch is missing.
    """
    file = pathlib.Path(file)
    if file.suffix not in READERS:
        raise UserError(f"{file}: unknown kind of weights; give {', '.join(READERS)} or .weights.h5")
    state = READERS[file.suffix](file)
    if state and all(name.startswith(PARALLEL_PREFIX) for name in state):
        state = {name.removeprefix(PARALLEL_PREFIX): value for name, value in state.items()}
    state = {name: value for name, value in state.items() if not name.endswith(COUNTER)}
    if not state:
        raise UserError(f"{file}: contains no tensors; give the file of a network's state_dict")
    if bad := first_non_finite(state):
        raise UserError(f"{file}: its {bad} holds NaN or infinite values; give the weights of another epoch")
    return state


def _read_safetensors(file: pathlib.Path) -> dict[str, np.ndarray]:
    with optional(f"{file}: reading it", extra="weights"):
        import ml_dtypes  # noqa: F401  (registers bfloat16 with NumPy)
        import safetensors.numpy

    try:
        with safetensors.safe_open(file, "numpy") as content:
            for name in content.keys():  # noqa: SIM118 safetensors files cannot be iterated over
                if (dtype := content.get_slice(name).get_dtype()) not in DTYPES:
                    raise _packed(file, name, dtype)
        state = safetensors.numpy.load_file(file)
    except (safetensors.SafetensorError, OSError) as error:
        raise UserError(f"{file}: damaged, or not a safetensors file ({error}); download it again") from error
    return {name: value.astype(np.float32) for name, value in state.items()}


def _packed(file: pathlib.Path, name: str, dtype: object) -> UserError:
    return UserError(f"{file}: its {name} is of {dtype}; convert the weights to float32, float16 or bfloat16")


def _read_torch(file: pathlib.Path) -> dict[str, np.ndarray]:
    try:
        import torch
    except ImportError:
        raise UserError(
            f"{file}: reading it needs PyTorch; pip install 'cafct-keras[torch]', or convert the file to .safetensors"
        ) from None
    try:
        with warnings.catch_warnings(action="ignore"):  # about unusual pickles, which are refused below
            content = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{file}: damaged, or it contains Python objects besides tensors, which are never loaded because they may "
            "run code; save the network's state_dict alone"
        ) from error
    except Exception as error:  # a file that was made to fail fails in any way
        raise UserError(f"{file}: damaged, or not a PyTorch file; download it again") from error
    if not isinstance(content, dict):
        return {}
    for key in CONTAINERS:
        if isinstance(content.get(key), dict):
            content = content[key]
    tensors = {str(name): value for name, value in content.items() if isinstance(value, torch.Tensor)}
    size = file.stat().st_size
    for name, value in tensors.items():
        plain = value.layout == torch.strided and value.device.type == "cpu" and not value.is_quantized
        if not plain or value.is_complex() or (value.element_size() == 1 and value.is_floating_point()):
            raise _packed(file, name, value.dtype if plain else f"{value.layout}, {value.device}, {value.dtype}")
        # A small storage may be repeated without end.
        if value.numel() * value.element_size() > size:
            raise UserError(f"{file}: its {name} is larger than the file; save the network's state_dict again")
    return {name: value.detach().float().numpy() for name, value in tensors.items()}


READERS = {".safetensors": _read_safetensors, ".pth": _read_torch, ".pt": _read_torch, ".bin": _read_torch}
